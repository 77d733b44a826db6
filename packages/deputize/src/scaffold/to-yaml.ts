/** YAML (1.2) of plain values: block style, every text in double quotes, so that none of them means anything else. */

type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value };

/** A document, with a line break at its end. */
export function toYaml(value: Value): string {
  return `${lines(value, 0).join("\n")}\n`;
}

function lines(value: Value, depth: number): string[] {
  const pad = "  ".repeat(depth);
  if (Array.isArray(value)) {
    return (value as readonly Value[]).flatMap((one) => {
      const [first = "", ...rest] = lines(one, depth + 1);
      return [`${pad}- ${first.trimStart()}`, ...rest];
    });
  }
  if (typeof value !== "object") return [`${pad}${JSON.stringify(value)}`];
  return Object.entries(value).flatMap(([key, one]) => {
    const name = /^[A-Za-z_][\w./-]*$/.test(key) ? key : JSON.stringify(key);
    if (typeof one !== "object") return [`${pad}${name}: ${JSON.stringify(one)}`];
    if (Object.keys(one).length === 0) return [`${pad}${name}: ${Array.isArray(one) ? "[]" : "{}"}`];
    return [`${pad}${name}:`, ...lines(one, depth + 1)];
  });
}

/** Which name was meant by one that does not exist. */

/** The known name with the fewest edits from `name`; empty when none is known. */
export function nearest(name: string, known: readonly string[]): string {
  return known.toSorted((a, b) => distance(name, a) - distance(name, b))[0] ?? "";
}

/** The known name that `name` begins or that is a slip of the keyboard away; undefined where it could be any. */
export function mistaken(name: string, known: readonly string[]): string | undefined {
  const begun = known.filter((one) => name.length >= 3 && one.startsWith(name.toLowerCase()));
  if (begun.length === 1) return begun[0];
  const one = nearest(name, known);
  return one !== "" && distance(name, one) <= Math.max(1, Math.floor(one.length / 3)) ? one : undefined;
}

/** How many letters to add, take away or change (Levenshtein distance). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** What a tool server loads that scans nothing. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const LOADS = `
  import { registerHooks } from "node:module";
  const seen = [];
  registerHooks({ load: (url, context, next) => (seen.push(url), next(url, context)) });
  await import(process.argv[1]);
  console.log(JSON.stringify(seen));
`;

/** The addresses of all modules that an import brings with it. */
function loadedBy(specifier: string): string[] {
  const options = { cwd: fileURLToPath(new URL("..", import.meta.url)), encoding: "utf8" } as const;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", LOADS, specifier], options);
  return JSON.parse(said) as string[];
}

const SCANNER =
  /guardrails\/src\/(?:personal|credentials|injection|exfiltration|scan)\/|secretlint|phonenumber|ibantools|re2js/;

it("labels and rules of flow, and no scanner, weights or tables", () => {
  const loaded = loadedBy("@deputize/mcp");
  expect(loaded.some((url) => url.endsWith("guardrails/src/flow/index.ts"))).toBe(true);
  expect(loaded.filter((url) => SCANNER.test(url))).toEqual([]);
  // The same look at the whole package finds them.
  expect(loadedBy("@deputize/guardrails").some((url) => SCANNER.test(url))).toBe(true);
}, 60_000);

/**
 * Promises as data: test/promises.json lists each promised behaviour; a test cites the ids it proves in its
 * title, in brackets. `npm run promises` prints each id with its tests, and those with none; `npm test` fails
 * on an id that no test cites and on a citation of an id that is not listed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourceFiles } from "./files.ts";

export interface PromisedBehaviour {
  readonly id: string;
  /** One sentence: what a user can rely on. */
  readonly promise: string;
  /** Where it comes from. */
  readonly source: string;
}

const CITATION = /\[((?:AW|PR|SH|AF|AA|SR|DP)-?[A-Z]?\d+)\]/g;

export function readPromises(root: string): PromisedBehaviour[] {
  return JSON.parse(readFileSync(join(root, "test/promises.json"), "utf8")) as PromisedBehaviour[];
}

/** The test files that cite each id. */
export function citations(root: string): Map<string, Set<string>> {
  const cited = new Map<string, Set<string>>();
  for (const file of sourceFiles(
    root,
    /^(packages|apps|examples|test|scripts)\/.*\.(test|contract)\.tsx?$/,
  )) {
    for (const match of file.text.matchAll(CITATION)) {
      const id = match[1] as string;
      cited.set(id, (cited.get(id) ?? new Set()).add(file.path));
    }
  }
  return cited;
}

/** One line for each promise without a test, and for each citation without a promise. */
export function checkPromises(root: string): string[] {
  const listed = readPromises(root);
  const ids = new Set(listed.map((p) => p.id));
  const cited = citations(root);
  return [
    ...listed.filter((p) => !cited.has(p.id)).map((p) => `${p.id}: no test cites it (${p.promise})`),
    ...[...cited]
      .filter(([id]) => !ids.has(id))
      .map(([id, files]) => `${id}: cited by ${[...files].join(", ")}, not in test/promises.json`),
    ...(ids.size === listed.length ? [] : ["test/promises.json lists an id twice"]),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const cited = citations(root);
  for (const { id, promise, source } of readPromises(root)) {
    console.log(`${id}  ${promise}  (${source})`);
    for (const file of cited.get(id) ?? ["no test"]) console.log(`        ${file}`);
  }
  const problems = checkPromises(root);
  for (const problem of problems) console.error(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}

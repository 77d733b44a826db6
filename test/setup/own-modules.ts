/**
 * Runs before each file of tests. A few processes run all files one after another: to start one for each file costs more
 * than most files do, and libraries and the database's code stay loaded and compiled in between.
 *
 * Guarantees: a file has our modules to itself, loaded anew, so that no counter, cache or key of another file reaches it.
 * Does not: separate what libraries or globals keep; stubs of those end with their test (`vitest.config.ts`).
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { vi } from "vitest";

const kept = globalThis as unknown as {
  lastFile?: object;
  /** Held, so that V8 lends every database thread the code it has compiled already. */
  compiledDatabase?: object;
  readonly WebAssembly: { compile(code: Uint8Array): Promise<object> };
};

vi.resetModules();
const { thisFile } = await import("./this-file.ts");
if (kept.lastFile === thisFile) throw new Error("this file of tests has the modules of the one before");
kept.lastFile = thisFile;

if (!kept.compiledDatabase && !process.env["DEPUTIZE_TEST_DATABASE_URL"]) {
  const store = createRequire(new URL("../../packages/store/package.json", import.meta.url));
  const code = new URL("pglite.wasm", `file://${store.resolve("@electric-sql/pglite")}`);
  kept.compiledDatabase = await kept.WebAssembly.compile(readFileSync(code));
}

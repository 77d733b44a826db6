/** For tests: the verifier for browsers, as a bundler makes it. */
import { join } from "node:path";
import { build } from "vite";

/** One script that leaves the verifier's exports in `verifier`. */
export async function bundleVerifier(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      minify: false,
      target: "es2022",
      lib: { entry: join(import.meta.dirname, "../portable.ts"), formats: ["iife"], name: "verifier" },
    },
  });
  const [output] = [result].flat();
  if (!output || !("output" in output)) throw new Error("vite made no bundle");
  return output.output.map((chunk) => ("code" in chunk ? chunk.code : "")).join("\n");
}

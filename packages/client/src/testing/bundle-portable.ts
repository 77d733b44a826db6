/** For tests: a part of the client for browsers, as a bundler makes it. */
import { join } from "node:path";
import { build } from "vite";

/** One script that leaves the exports of `entry`, a path under `src`, in `name`. */
export async function bundlePortable(entry: string, name: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      minify: false,
      target: "es2022",
      lib: { entry: join(import.meta.dirname, "..", entry), formats: ["iife"], name },
    },
  });
  const [output] = [result].flat();
  if (!output || !("output" in output)) throw new Error("vite made no bundle");
  return output.output.map((chunk) => ("code" in chunk ? chunk.code : "")).join("\n");
}

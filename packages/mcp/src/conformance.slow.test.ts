/**
 * The protocol's own conformance suite against our fixture server, both revisions, with no expected failures.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceServer } from "../test/conformance-server.ts";

const suite = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js",
);
const server = conformanceServer();
let url = "";
let out = "";

beforeAll(async () => {
  ({ url } = await server.listen({ port: 0 }));
  out = mkdtempSync(join(tmpdir(), "deputize-conformance-"));
});

afterAll(async () => {
  await server.close();
  rmSync(out, { recursive: true, force: true });
});

function run(revision: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [
    suite,
    "server",
    "--url",
    url,
    "--requirements",
    revision,
    "-o",
    join(out, revision),
  ]);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => (output += String(data)));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
}

/** Scenarios by name, and the names that the suite runs without scoring (extensions and pending ones). */
function summary(output: string): { passed: string[]; failed: string[] } {
  const [, results = ""] = output.split("=== SUMMARY ===");
  const [scored = "", unscored = ""] = results.split("Not scored for");
  const names = (text: string, mark: string) =>
    [...text.matchAll(new RegExp(`^\\s*${mark} ([\\w-]+)`, "gm"))].map((match) => match[1] ?? "");
  const ignored = new Set([...names(unscored, "✓"), ...names(unscored, "✗")]);
  const required = (mark: string) => names(scored, mark).filter((name) => !ignored.has(name));
  return { passed: required("✓"), failed: required("✗") };
}

describe("protocol conformance", () => {
  it.each([
    { revision: "2026-07-28", required: 37 },
    { revision: "2025-11-25", required: 30 },
  ])(
    "passes all $required required server scenarios of $revision",
    async ({ revision, required }) => {
      const { code, output } = await run(revision);
      const { passed, failed } = summary(output);
      expect({ code, failed, passed: passed.length }).toEqual({ code: 0, failed: [], passed: required });
    },
    180_000,
  );
});

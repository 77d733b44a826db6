import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { auditLog } from "./keyed-log.ts";
import { verifyDump } from "./log-source.ts";
import type { FileProcessInput } from "./testing-file-process.ts";
import { testEvent } from "./testing.ts";

const secret = "a secret of the tests that has more than 32 bytes";
let folder: string;
let file: string;
let publicKey: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deputize-file-log-"));
  file = join(folder, "audit.jsonl");
  publicKey = auditLog({ secret, file }).publicKey;
});
afterEach(() => rmSync(folder, { recursive: true }));

function start(count: number, acknowledged: string[]): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, "testing-file-process.ts")], {
    env: {
      ...process.env,
      AUDIT_FILE_PROCESS: JSON.stringify({ file, secret, count } satisfies FileProcessInput),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (id) => acknowledged.push(id));
  return child;
}
const ended = (child: ChildProcess) => new Promise<number | null>((end) => child.once("close", end));

async function idsInFile(): Promise<Set<string>> {
  const entries = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { leaf?: string });
  return new Set(entries.flatMap(({ leaf }) => (leaf ? [(JSON.parse(leaf) as { id: string }).id] : [])));
}

describe("several processes over one file", () => {
  it("make one log: two of them, 5,000 entries each [PR-D23]", { timeout: 300_000 }, async () => {
    const acknowledged: string[] = [];
    const running = [start(5_000, acknowledged), start(5_000, acknowledged)];
    expect(await Promise.all(running.map(ended))).toEqual([0, 0]);
    const report = await verifyDump(file, { publicKey, secrets: [secret] });
    expect(report).toMatchObject({ ok: true, size: 10_000, problems: [] });
    const logged = await idsInFile();
    expect(acknowledged.filter((id) => !logged.has(id))).toEqual([]);
    expect(acknowledged.length).toBe(10_000);
  });

  it("lose nothing that was acknowledged when they are killed [PR-D23]", { timeout: 300_000 }, async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      const before = acknowledged.length;
      const running = [start(1_000_000, acknowledged), start(1_000_000, acknowledged)];
      await expect.poll(() => acknowledged.length, { timeout: 90_000 }).toBeGreaterThan(before + 200);
      for (const child of running) child.kill("SIGKILL");
      await Promise.all(running.map(ended));
    }
    const log = auditLog({ secret, file });
    await log.append(testEvent());
    await log.close();
    const report = await verifyDump(file, { publicKey, secrets: [secret] });
    expect(report).toMatchObject({ ok: true, problems: [] });
    const logged = await idsInFile();
    expect(acknowledged.filter((id) => !logged.has(id))).toEqual([]);
  });
});

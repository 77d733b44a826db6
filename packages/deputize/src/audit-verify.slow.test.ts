/** `deputize audit verify`, `checkpoint` and `cosign` as real commands, over the file of a tool server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileAuditLog, auditLog } from "@deputize/audit";
import { verifyReceipt } from "@deputize/audit/verify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runDeputize } from "./testing-command.ts";

const secret = "a secret of the tests that has more than 32 bytes";
const env = { DEPUTIZE_AUDIT_SECRET: secret };
const folder = mkdtempSync(join(tmpdir(), "deputize-audit-command-"));
const at = (name: string) => join(folder, name);
let log: FileAuditLog;
let lines: string[];

async function append(count: number): Promise<void> {
  const event = { action: "tool.call", outcome: "allowed", tenant: "default" } as const;
  for (let n = 0; n < count; n += 1) await log.append({ ...event, args: { n } });
  lines = readFileSync(at("audit.jsonl"), "utf8").trimEnd().split("\n");
}

beforeAll(async () => {
  log = auditLog({ secret, file: at("audit.jsonl") });
  await append(4);
});
afterAll(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});

const run = (command: string, more: Record<string, string> = env) =>
  runDeputize(["audit", ...command.split(" ")], { env: more, cwd: folder });

/** Verifies what these lines say, against the checkpoint that was kept. */
async function verdict(changed: readonly string[], flags = "--held kept.txt"): Promise<string[]> {
  writeFileSync(at("changed.jsonl"), changed.map((line) => `${line}\n`).join(""));
  const answer = await run(`verify --file changed.jsonl ${flags} --json`);
  expect(answer.code).toBe(1);
  return answer.json().problems.map((p: { kind: string; seq: number }) => `${p.kind} ${p.seq}`);
}

describe("deputize audit checkpoint and verify", () => {
  it(
    "keep a checkpoint elsewhere, and find the log whole or not by it [PR-F32] [PR-D21] [SR-20]",
    { timeout: 300_000 },
    async () => {
      const kept = await run("checkpoint --file audit.jsonl");
      expect(kept).toMatchObject({ code: 0, stdout: (await log.checkpoint())?.note });
      writeFileSync(at("kept.txt"), kept.stdout);
      await append(2);

      const whole = await run("verify --file audit.jsonl --held kept.txt --json");
      expect(whole.code).toBe(0);
      expect(whole.json()).toMatchObject({ ok: true, size: 6, anchored: true, problems: [], warnings: [] });
      const keyOnly = await run(`verify --file audit.jsonl --key ${log.publicKey}`, {});
      expect(keyOnly).toMatchObject({ code: 0, stdout: expect.stringContaining("Unanchored") });
      expect(await run("verify --file audit.jsonl --json", {})).toMatchObject({ code: 1, stdout: "" });

      // Entry n stands in line 2n + 2 with its checkpoint behind it.
      const entry = (seq: number) => lines[2 * seq + 1] ?? "";
      const edited = lines.map((line) => (line === entry(1) ? line.replace("allowed", "refused") : line));
      expect(await verdict(edited)).toContain("edited 1");
      expect(await verdict(lines.filter((line) => line !== entry(2)))).toContain("missing 2");
      expect(await verdict(lines.slice(0, 5))).toContain("truncated 2");
      expect(await verdict([...lines, ...lines.slice(1, 5)])).toContain("spliced 6");
      expect(await verdict(lines, "--held gone.txt")).toContain("anchor_missing 6");
      const text = await run("verify --file changed.jsonl --held gone.txt");
      expect(text.stdout).toMatch(/NOT whole[^]*anchor_missing/);
      const stranger = { DEPUTIZE_AUDIT_SECRET: "another secret of the tests, of more than 32 bytes" };
      const wrong = await run(`verify --file audit.jsonl --key ${log.publicKey} --json`, stranger);
      expect(wrong.json().problems).toMatchObject([{ kind: "wrong_key" }]);
    },
  );

  it("find a log that was rebuilt whole with another key [PR-D21]", { timeout: 300_000 }, async () => {
    const forged = auditLog({ secret, file: at("forged.jsonl") });
    for (let n = 0; n < 6; n += 1)
      await forged.append({ action: "tool.call", outcome: "allowed", tenant: "default" });
    await forged.close();
    const answer = await run(`verify --file forged.jsonl --key ${log.publicKey} --held kept.txt --json`, {});
    expect(answer.code).toBe(1);
    expect(answer.json().problems.map((p: { kind: string }) => p.kind)).toContain("rebuilt");
    const fooled = await run(
      `verify --file forged.jsonl --key ${forged.publicKey} --held kept.txt --json`,
      {},
    );
    expect(fooled.code).toBe(1);
  });
});

describe("deputize audit events, tail and prove", () => {
  it("read the file of a tool server [PR-F32]", { timeout: 300_000 }, async () => {
    const page = (await run("events --file audit.jsonl --limit 2 --json")).json();
    expect(page).toMatchObject({ total: 6, limit: 2, next: "4" });
    expect(page.events.map(({ id }: { id: string }) => id)).toEqual(["evt-000006", "evt-000005"]);
    const text = await run("tail --file audit.jsonl --lines 1");
    expect(text).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/evt-000006 {2}tool\.call {2}success/),
    });
    const receipt = (await run(`prove ${page.events[0].entry_id} --file audit.jsonl`)).json();
    expect(await verifyReceipt(receipt, { publicKey: log.publicKey })).toMatchObject({ ok: true });
    expect(await run("prove 0199f0c0-1111-7222-8333-444455556666 --file audit.jsonl")).toMatchObject({
      code: 1,
    });
    expect(await run("events --file gone.jsonl")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no gone.jsonl"),
    });
  });
});

describe("deputize audit cosign", () => {
  it(
    "signs only what extends what it signed before, and verify can ask for it [SR-20]",
    { timeout: 300_000 },
    async () => {
      const flags = "--file audit.jsonl --name witness.test --witness-key w.pem --state w.txt";
      const first = await run(`cosign ${flags}`);
      expect(first.code).toBe(0);
      expect(readFileSync(at("w.txt"), "utf8")).toBe(first.stdout);
      const [, witness = ""] = /witness key: (\S+)/.exec(first.stderr) ?? [];
      await append(1);
      expect((await run(`cosign ${flags}`)).stdout).toContain("\n7\n");
      const asked = await run(`verify --file audit.jsonl --held w.txt --witness ${witness} --json`);
      expect(asked.json()).toMatchObject({ ok: true, anchored: true });
      const plain = await run(`verify --file audit.jsonl --held kept.txt --witness ${witness} --json`);
      expect(plain.json().problems).toMatchObject([{ kind: "unwitnessed" }]);

      writeFileSync(
        at("cut.jsonl"),
        lines
          .slice(0, 9)
          .map((line) => `${line}\n`)
          .join(""),
      );
      const refused = await run(`cosign ${flags.replace("audit.jsonl", "cut.jsonl")}`);
      expect(refused).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("truncated") });
      expect(readFileSync(at("w.txt"), "utf8")).toContain("\n7\n");
    },
  );
});

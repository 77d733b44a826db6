import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock } from "@deputize/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FilePageQuery, readFilePage } from "./file-entries.ts";
import type { FileAuditLog } from "./file-log.ts";
import { openingsFile } from "./file-openings.ts";
import { proveFromFiles } from "./file-receipt.ts";
import { auditLog } from "./keyed-log.ts";
import { newPrincipal, testEvent } from "./testing.ts";
import { verifyReceipt } from "./verify.ts";

const secret = "a secret of the tests that has more than 32 bytes";
const clock = manualClock(Date.UTC(2026, 10, 22));
const [alice, bob] = [newPrincipal(), newPrincipal()];
let folder: string;
let file: string;
let log: FileAuditLog;
const ids: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "deputize-file-entries-"));
  file = join(folder, "audit.jsonl");
  log = auditLog({ secret, file, clock });
  for (let n = 0; n < 7; n += 1) {
    clock.advance(1_000);
    const refused = n % 3 === 2;
    ids.push(
      await log.append(
        testEvent({
          subject: n % 2 === 0 ? alice : bob,
          resource: `orders/tool_${n}`,
          task: n < 4 ? "early" : "late",
          ...(refused && { outcome: "refused", reason: "forbidden" }),
        }),
      ),
    );
  }
});
afterAll(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});

const seqs = async (query: Partial<FilePageQuery>) => {
  const page = await readFilePage([file], { order: "oldest", limit: 100, ...query });
  return { seqs: page.entries.map(({ seq }) => seq), total: page.total, next: page.next };
};

describe("pages of a log's file", () => {
  it("show entries with what their openings say, newest or oldest first, page by page [PR-F32]", async () => {
    const { entries, malformed } = await readFilePage([file], { order: "newest", limit: 2 });
    expect(malformed).toBe(0);
    expect(entries).toMatchObject([
      { seq: 6, id: ids[6], action: "tool.call", outcome: "allowed", event: { resource: "orders/tool_6" } },
      { seq: 5, outcome: "refused", reason: "forbidden", subject: bob },
    ]);
    expect(entries[0]?.prev_hash).toBe(entries[1]?.hash);
    expect(await seqs({ order: "newest", limit: 3 })).toEqual({ seqs: [6, 5, 4], total: 7, next: 4 });
    expect(await seqs({ order: "newest", limit: 3, cursor: 4 })).toEqual({
      seqs: [3, 2, 1],
      total: 7,
      next: 1,
    });
    expect(await seqs({ order: "newest", limit: 3, cursor: 1 })).toEqual({
      seqs: [0],
      total: 7,
      next: undefined,
    });
    expect(await seqs({ limit: 3, cursor: 2 })).toEqual({ seqs: [3, 4, 5], total: 7, next: 5 });
    expect(await seqs({ limit: 2, offset: 5 })).toEqual({ seqs: [5, 6], total: 7, next: undefined });
    expect(await seqs({ order: "newest", limit: 2, offset: 5 })).toMatchObject({ seqs: [1, 0] });
  });

  it("take a filter by codes and by what was said", async () => {
    expect((await seqs({ outcomes: ["refused", "failed"] })).seqs).toEqual([2, 5]);
    expect((await seqs({ agentId: bob })).seqs).toEqual([1, 3, 5]);
    expect((await seqs({ taskId: "late", agentId: alice })).seqs).toEqual([4, 6]);
    expect((await seqs({ action: "other" })).seqs).toEqual([]);
    const at = (second: number) => new Date(Date.UTC(2026, 10, 22) + second * 1_000).toISOString();
    expect((await seqs({ since: at(3), until: at(5) })).seqs).toEqual([2, 3]);
  });
});

describe("receipts out of a log's file", () => {
  it("verify with the log's key alone, for each entry [PR-F32] [SR-20]", async () => {
    for (const [index, id] of ids.entries()) {
      const receipt = await proveFromFiles([file], id);
      expect(receipt).toMatchObject({ status: "logged", index, entry_id: id });
      expect(await verifyReceipt(receipt ?? ({} as never), { publicKey: log.publicKey })).toMatchObject({
        ok: true,
      });
    }
    expect(await proveFromFiles([file], "0199f0c0-1111-7222-8333-444455556666")).toBeUndefined();
  });

  it("are not made of entries that nobody signed", async () => {
    const forged = join(folder, "forged.jsonl");
    const { readFileSync, writeFileSync } = await import("node:fs");
    writeFileSync(forged, readFileSync(file, "utf8").replace("allowed", "refused"));
    await expect(proveFromFiles([forged], ids[1] ?? "")).rejects.toMatchObject({ code: "audit_unavailable" });
  });
});

describe("after an erasure and a crash", () => {
  it("what is left is still read, and joined to its own openings [SR-24]", async () => {
    await log.erase(alice);
    // What a crash left: openings of an entry that never came, and half a line of the log.
    appendFileSync(openingsFile(file), `${JSON.stringify({ id: "orphan", openings: {} })}\n`);
    const last = await log.append(testEvent({ subject: bob, resource: "orders/after" }));
    appendFileSync(file, '{"seq":8,"le');
    const page = await readFilePage([file], { order: "oldest", limit: 100 });
    expect(page.malformed).toBe(1);
    expect(page.entries.map(({ subject }) => subject)).toEqual(
      Array.from({ length: 8 }, (_, n) => (n === 7 || n % 2 === 1 ? bob : undefined)),
    );
    expect(page.entries.at(-1)).toMatchObject({ id: last, event: { resource: "orders/after" } });
    const receipt = await proveFromFiles([file], ids[0] ?? "");
    expect(receipt).toMatchObject({ status: "logged", openings: {} });
    expect(await verifyReceipt(receipt ?? ({} as never), { publicKey: log.publicKey })).toMatchObject({
      ok: true,
    });
  });
});

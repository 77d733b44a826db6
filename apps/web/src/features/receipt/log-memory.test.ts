import type { Receipt } from "@deputize/audit/verify";
import { describe, expect, it } from "vitest";
import { type SignedLog, signedLog } from "../../../dev/signed-log.ts";
import { checkLog, checkReceipt, checkpointMemory } from "./log-memory.ts";

function storage() {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

const entry = (id: string, name = "Alice") => ({
  id,
  summary: {
    asked: { id: "u1", name },
    agents: [{ id: "g1", name: "order-management" }],
    grant: { id: "gr1" },
    action: "tool.get_user_orders",
    outcome: "allowed",
    at: "2026-11-22T12:00:00.000Z",
  },
});

async function logOf(size: number): Promise<SignedLog> {
  const log = await signedLog();
  for (let n = 0; n < size; n += 1) await log.add(entry(`e${n}`));
  return log;
}

async function receiptOf(log: SignedLog, id: string): Promise<Receipt> {
  const receipt = await log.receipt(id);
  if (receipt === undefined) throw new Error("no such entry");
  return receipt;
}

describe("the browser's memory of the log", () => {
  it("says when a checkpoint is the first it sees, and holds it", async () => {
    const memory = checkpointMemory(storage());
    const log = await logOf(3);
    expect(await checkLog(memory, log.checkpoint)).toEqual({ kind: "first", size: 3 });
    expect(memory.read()?.checkpoint).toBe((await log.checkpoint()).checkpoint);
  });

  it("moves on to a checkpoint that provably extends the held one, at every size", async () => {
    const log = await signedLog();
    const memory = checkpointMemory(storage());
    await log.add(entry("e0"));
    await checkLog(memory, log.checkpoint);
    for (let size = 2; size <= 9; size += 1) {
      await log.add(entry(`e${size}`));
      expect(await checkLog(memory, log.checkpoint)).toEqual({ kind: "anchored", size, before: size - 1 });
    }
  });

  it("raises an alarm when the log was rolled back, and keeps its evidence [SR-20]", async () => {
    const memory = checkpointMemory(storage());
    const log = await logOf(5);
    await checkLog(memory, log.checkpoint);
    const held = memory.read();
    expect(await checkLog(memory, log.fork(3).checkpoint)).toEqual({ kind: "alarm", problem: "log_shrank" });
    expect(memory.read()).toEqual(held);
    expect(await checkLog(memory, log.fork(3).checkpoint)).toMatchObject({ kind: "alarm" });
  });

  it("raises an alarm when history was rewritten, though the log grew [SR-20]", async () => {
    const memory = checkpointMemory(storage());
    const log = await logOf(5);
    await checkLog(memory, log.checkpoint);
    const rewritten = log.fork(4);
    for (let n = 4; n < 8; n += 1) await rewritten.add(entry(`other${n}`));
    expect(await checkLog(memory, rewritten.checkpoint)).toEqual({ kind: "alarm", problem: "log_forked" });
  });

  it("raises an alarm when the log signs with another key", async () => {
    const memory = checkpointMemory(storage());
    await checkLog(memory, (await logOf(2)).checkpoint);
    expect(await checkLog(memory, (await logOf(2)).checkpoint)).toEqual({
      kind: "alarm",
      problem: "key_changed",
    });
  });

  it("starts over only when a person clears it", async () => {
    const memory = checkpointMemory(storage());
    await checkLog(memory, (await logOf(2)).checkpoint);
    memory.clear();
    expect(await checkLog(memory, (await logOf(1)).checkpoint)).toMatchObject({ kind: "first" });
  });

  it.each(["", "null", "[]", "{}", '{"checkpoint":1,"public_key":2}', "{"])(
    "takes stored %j as nothing",
    (text) => {
      const box = storage();
      box.values.set("deputize.checkpoint", text);
      expect(checkpointMemory(box).read()).toBeUndefined();
    },
  );
});

describe("a receipt", () => {
  it("passes when its entry is in the log that this browser knows", async () => {
    const log = await logOf(6);
    const memory = checkpointMemory(storage());
    for (const id of ["e0", "e3", "e5"]) {
      expect((await checkReceipt(await receiptOf(log, id), memory, log.checkpoint)).kind).toBe("verified");
    }
  });

  it("passes when the log has grown since it was written", async () => {
    const log = await logOf(3);
    const receipt = await receiptOf(log, "e1");
    await log.add(entry("later"));
    expect((await checkReceipt(receipt, checkpointMemory(storage()), log.checkpoint)).kind).toBe("verified");
  });

  it("is pending, not wrong, until it is logged", async () => {
    const log = await logOf(1);
    const receipt: Receipt = { ...(await receiptOf(log, "e0")), status: "pending" };
    expect(await checkReceipt(receipt, checkpointMemory(storage()), log.checkpoint)).toEqual({
      kind: "pending",
    });
  });

  it("fails when its entry, its outcome or its person was changed", async () => {
    const log = await logOf(3);
    const memory = checkpointMemory(storage());
    const receipt = await receiptOf(log, "e1");
    const check = (changed: Receipt) => checkReceipt(changed, memory, log.checkpoint);
    expect(
      await check({ ...receipt, leaf: receipt.leaf?.replace("allowed", "refused") ?? "" }),
    ).toMatchObject({ kind: "failed", about: "receipt" });
    expect(await check({ ...receipt, summary: { ...receipt.summary, outcome: "refused" } })).toMatchObject({
      kind: "failed",
      problem: "summary_wrong",
    });
    expect(await check({ ...receipt, summary: { ...receipt.summary, asked: { id: "u2" } } })).toMatchObject({
      kind: "failed",
      problem: "summary_wrong",
    });
  });

  it("fails when the shop signed a tree just for it, beside the real log [SR-20]", async () => {
    const log = await logOf(4);
    const memory = checkpointMemory(storage());
    await checkLog(memory, log.checkpoint);
    const special = log.fork(3);
    await special.add(entry("forged", "Mallory"));
    const result = await checkReceipt(await receiptOf(special, "forged"), memory, log.checkpoint);
    expect(result).toMatchObject({ kind: "failed", about: "log" });
  });
});

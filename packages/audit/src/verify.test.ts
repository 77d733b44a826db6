import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { canonical } from "./canonical.ts";
import { auditEvent } from "./event.ts";
import { openNote, parseVerifierKey } from "./note.ts";
import { noteSigner, witness } from "./signer.ts";
import {
  type AuditWorld,
  TEST_ORIGIN,
  auditWorld,
  newPrincipal,
  newSigningKey,
  testCaller,
  testEvent,
} from "./testing.ts";
import { type Receipt, advanceCheckpoint, verifyReceipt } from "./verify.ts";

const WITNESS = { name: "witness.test", key: newSigningKey() };

let world: AuditWorld;
let receipt: Receipt;
beforeAll(async () => {
  world = await auditWorld({ witness: WITNESS });
  await world.fill(5);
  const caller = testCaller({ actors: [newPrincipal()] });
  const id = await world.log.append(
    auditEvent(caller, { action: "order.read", outcome: "refused", reason: "forbidden", args: { order: 1 } }),
  );
  await world.fill(6);
  const made = await world.log.receipt(id);
  if (!made) throw new Error("there is no receipt");
  receipt = JSON.parse(JSON.stringify(made)) as Receipt;
});
afterAll(() => world.close());

describe("a receipt", () => {
  it("passes as it is, and says which tree it is in", async () => {
    const result = await verifyReceipt(receipt, { publicKey: world.log.publicKey });
    expect(result).toMatchObject({ ok: true, checkpoint: { size: receipt.size, origin: "log.test/audit" } });
  });

  const other = (hex = "") => `${hex.startsWith("0") ? "1" : "0"}${hex.slice(1)}`;
  const opened = (field: "who" | "what", value: unknown): Partial<Receipt> => ({
    openings: { ...receipt.openings, [field]: { salt: receipt.openings?.[field]?.salt ?? "", value } },
  });
  const summary = (change: object): Partial<Receipt> => ({ summary: { ...receipt.summary, ...change } });

  it.each<[string, () => object, string]>([
    ["still pending", () => ({ status: "pending" }), "pending"],
    ["with a malformed key", () => ({ public_key: "key" }), "key_malformed"],
    ["without a leaf", () => ({ leaf: undefined }), "receipt_malformed"],
    ["without a checkpoint", () => ({ checkpoint: undefined }), "receipt_malformed"],
    ["with a proof that is no list", () => ({ proof: "00" }), "receipt_malformed"],
    ["with a proof of no hex", () => ({ proof: ["zz"] }), "receipt_malformed"],
    ["of another entry id", () => ({ entry_id: newPrincipal() }), "receipt_malformed"],
    ["with a changed leaf", () => ({ leaf: receipt.leaf?.replace("refused", "allowed") }), "not_included"],
    ["at another place", () => ({ index: 3 }), "not_included"],
    ["at no place", () => ({ index: -1 }), "not_included"],
    [
      "with a changed proof",
      () => ({ proof: [other(receipt.proof?.[0]), ...(receipt.proof ?? []).slice(1)] }),
      "not_included",
    ],
    ["with a longer proof", () => ({ proof: [...(receipt.proof ?? []), "00".repeat(32)] }), "not_included"],
    ["with a shorter proof", () => ({ proof: receipt.proof?.slice(1) }), "not_included"],
    ["of another size", () => ({ size: 5 }), "checkpoint_invalid"],
    [
      "with a changed checkpoint",
      () => ({ checkpoint: receipt.checkpoint?.replace(/\n\d+\n/, "\n7\n") }),
      "checkpoint_invalid",
    ],
    ["with another subject opened", () => opened("who", { subject: newPrincipal() }), "opening_wrong"],
    ["with other arguments opened", () => opened("what", { args: { order: 2 } }), "opening_wrong"],
    [
      "with an opening that the leaf has none for",
      () => ({ openings: { detail: { salt: "00".repeat(32), value: {} } } }),
      "opening_wrong",
    ],
    [
      "with an opening of a strange field",
      () => ({ openings: { toString: { salt: "", value: 1 } } }),
      "opening_wrong",
    ],
    ["with an opening that is nothing", () => ({ openings: { who: null } }), "opening_wrong"],
    ["whose summary names another person", () => summary({ asked: { id: newPrincipal() } }), "summary_wrong"],
    ["whose summary names nobody", () => summary({ asked: undefined }), "summary_wrong"],
    ["whose summary names other agents", () => summary({ agents: [] }), "summary_wrong"],
    ["whose summary says another outcome", () => summary({ outcome: "allowed" }), "summary_wrong"],
    ["whose summary says another reason", () => summary({ reason: undefined }), "summary_wrong"],
    ["whose summary says another time", () => summary({ at: "2020-01-01T00:00:00.000Z" }), "summary_wrong"],
    ["whose summary claims a case", () => summary({ case: { id: "1", purpose: "p" } }), "summary_wrong"],
    ["whose summary shows another grant", () => summary({ grant: { id: newPrincipal() } }), "summary_wrong"],
    ["whose agents are nothing", () => summary({ agents: [null] }), "summary_wrong"],
    ["without a summary", () => ({ summary: undefined }), "summary_wrong"],
  ])("%s does not pass", async (_, change, problem) => {
    expect(await verifyReceipt({ ...receipt, ...change() } as Receipt)).toEqual({ ok: false, problem });
  });

  it("of another log does not pass for the key that is known", async () => {
    const key = noteSigner(TEST_ORIGIN, newSigningKey()).verifierKey;
    expect(await verifyReceipt(receipt, { publicKey: key })).toEqual({ ok: false, problem: "key_changed" });
    expect(await verifyReceipt({ ...receipt, public_key: key })).toEqual({
      ok: false,
      problem: "checkpoint_invalid",
    });
  });

  it("passes with openings left out, when the summary does not lean on them", async () => {
    const { asked: _, grant: __, ...rest } = receipt.summary;
    const blind = { ...receipt, openings: {}, summary: { ...rest, agents: [] } };
    expect(await verifyReceipt(blind)).toMatchObject({ ok: true });
    expect(await verifyReceipt({ ...receipt, openings: {} })).toEqual({
      ok: false,
      problem: "summary_wrong",
    });
  });
});

describe("a checkpoint", () => {
  it("carries the witness's line, which checks by itself", async () => {
    const key = await parseVerifierKey(witness(WITNESS.name, WITNESS.key).verifierKey);
    const { note = "" } = (await world.log.checkpoint()) ?? {};
    expect(key && (await openNote(note, key))).toContain("log.test/audit\n");
  });

  it("is followed by those that extend it, and an alarm is raised for any other [SR-20]", async () => {
    const public_key = world.log.publicKey;
    const first = (await world.log.checkpoint()) ?? fail();
    const held = { checkpoint: first.note, public_key };
    await world.log.append(testEvent());
    await world.log.flush();
    const second = (await world.log.checkpoint()) ?? fail();
    const consistency = await world.log.consistency(first.size, second.size);
    const update = { checkpoint: second.note, consistency, public_key };

    expect(await advanceCheckpoint(undefined, update)).toMatchObject({ ok: true });
    expect(await advanceCheckpoint(held, update)).toMatchObject({
      ok: true,
      checkpoint: { size: second.size },
    });
    expect(await advanceCheckpoint(held, { checkpoint: first.note, public_key })).toMatchObject({ ok: true });
    const newer = { checkpoint: second.note, public_key };
    expect(await advanceCheckpoint(newer, { checkpoint: first.note, public_key })).toEqual({
      ok: false,
      problem: "log_shrank",
    });
    expect(await advanceCheckpoint(held, { ...update, consistency: [] })).toEqual({
      ok: false,
      problem: "log_forked",
    });
    expect(await advanceCheckpoint(held, newer)).toEqual({ ok: false, problem: "receipt_malformed" });
    expect(await advanceCheckpoint(held, { ...update, public_key: "k" })).toEqual({
      ok: false,
      problem: "key_changed",
    });
    expect(await advanceCheckpoint(held, { ...update, checkpoint: "x" })).toEqual({
      ok: false,
      problem: "checkpoint_invalid",
    });
  });

  it("of a log that was rewritten with its own key is a fork to whoever held one before [SR-20]", async () => {
    const rewritten = await auditWorld({ signingKey: world.signingKey });
    try {
      const held = (await world.log.checkpoint()) ?? fail();
      await rewritten.fill(held.size + 3);
      const next = (await rewritten.log.checkpoint()) ?? fail();
      const public_key = world.log.publicKey;
      const consistency = await rewritten.log.consistency(held.size, next.size);
      const update = { checkpoint: next.note, consistency, public_key };
      expect(await advanceCheckpoint({ checkpoint: held.note, public_key }, update)).toEqual({
        ok: false,
        problem: "log_forked",
      });
    } finally {
      await rewritten.close();
    }
  });

  it.each([
    [0, 1],
    [2, 1],
    [1, 9_999],
    [1.5, 2],
    [Number.NaN, 2],
  ])("has no proof from %d to %d", async (from, to) => {
    await expect(world.log.consistency(from, to)).rejects.toMatchObject({ code: "invalid_request" });
  });
});

describe("the checks", () => {
  it("say so where there is no WebCrypto, and pass nothing", async () => {
    vi.stubGlobal("crypto", {});
    try {
      expect(await verifyReceipt(receipt)).toEqual({ ok: false, problem: "crypto_unavailable" });
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("import nothing that a browser lacks", () => {
    const seen = new Set<string>();
    const walk = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, from = ""] of readFileSync(file, "utf8").matchAll(/from "([^"]+)"/g)) {
        if (from.startsWith("./")) walk(resolve(import.meta.dirname, from));
        else expect(from, file).toBe("canonicalize");
      }
    };
    walk(resolve(import.meta.dirname, "verify.ts"));
    expect(seen.size).toBeGreaterThan(5);
  });

  it("read JSON in one form only (RFC 8785)", () => {
    expect(canonical({ b: 1, a: [1e21, 1.5, "é\n", null, true] })).toBe(
      '{"a":[1e+21,1.5,"é\\n",null,true],"b":1}',
    );
    for (const bad of [undefined, Number.NaN, "\ud800", () => 1])
      expect(() => canonical(bad)).toThrow(TypeError);
  });
});

function fail(): never {
  throw new Error("there is no checkpoint");
}

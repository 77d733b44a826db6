import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PrincipalId, newId, stableId } from "@deputize/core";
import { auditEvent } from "./event.ts";
import { opens } from "./commitment.ts";
import { verifyLog } from "./log-source.ts";
import { type AuditWorld, auditWorld, newPrincipal, testCaller } from "./testing.ts";
import { verifyReceipt } from "./verify.ts";

let world: AuditWorld;
beforeAll(async () => {
  world = await auditWorld();
});
afterAll(() => world.close());

const EMAIL = "alice.johnson@gmail.com";
const alice = stableId(`user:${EMAIL}`) as PrincipalId;
const order = stableId("order:1");

/** Every text of every table of the log, as one. */
async function everything(): Promise<string> {
  const parts = await Promise.all(
    ["outbox", "entries", "openings", "checkpoints", "head"].map((table) =>
      world.store.ownerQuery<{ all: string | null }>(
        `SELECT string_agg(t::text, E'\\n') AS all FROM audit.${table} t`,
      ),
    ),
  );
  return parts.map(({ rows }) => rows[0]?.all ?? "").join("\n");
}

/** What somebody would try who knows Alice: her ids and e-mail, plain and hashed, alone and as the log writes them. */
function guesses(): string[] {
  const known = [EMAIL, alice, order, "Alice Johnson"];
  const wrapped = known.flatMap((value) => [
    value,
    JSON.stringify(value),
    `{"subject":"${value}"}`,
    `{"args":{"email":"${value}"}}`,
    `who\0{"subject":"${value}"}`,
  ]);
  return [
    ...known,
    ...wrapped.flatMap((text) =>
      ["sha256", "sha1", "md5", "sha512"].flatMap((algorithm) => {
        const digest = createHash(algorithm).update(text).digest();
        return [digest.toString("hex"), digest.toString("base64"), digest.toString("base64url")];
      }),
    ),
  ];
}

describe("erasing a person", () => {
  it("leaves a log that verifies and in which no known value matches [SR-24]", async () => {
    const caller = testCaller({ subject: alice, actors: [newPrincipal()], task: EMAIL });
    const args = { email: EMAIL, name: "Alice Johnson", order };
    const rest = {
      action: "order.read",
      outcome: "allowed",
      args,
      resource: `orders/${order}`,
      detail: { email: EMAIL },
    } as const;
    const ids = [
      await world.log.append(auditEvent(caller, rest)),
      await world.log.append(auditEvent(caller, rest)),
    ];
    await world.log.flush();

    const before = (await world.log.receipt(ids[0] ?? "")) ?? fail();
    const { commitments } = JSON.parse(before.leaf ?? "") as { commitments: { who: string } };
    const { salt, value } = before.openings?.who ?? fail();
    expect(await opens(commitments.who, "who", salt, value)).toBe(true);
    expect(await opens(commitments.who, "who", "00".repeat(32), value)).toBe(false);
    expect(await everything()).toContain(EMAIL);
    expect(before.leaf).not.toContain(alice);

    expect(await world.log.erase(alice)).toBe(2);

    const rest2 = await everything();
    expect(guesses().filter((guess) => rest2.includes(guess))).toEqual([]);
    expect(rest2).not.toContain(salt);
    for (const id of ids) {
      const receipt = (await world.log.receipt(id)) ?? fail();
      expect(await verifyReceipt(receipt)).toMatchObject({ ok: true });
      expect(receipt.summary).toEqual({
        agents: [],
        action: "order.read",
        outcome: "allowed",
        at: receipt.summary.at,
      });
      expect(await world.log.receipt(id, { onlyFor: alice })).toBeUndefined();
    }
    expect(await verifyLog({ store: world.store, publicKey: world.log.publicKey })).toMatchObject({
      ok: true,
    });
  });

  it("keeps who did it in entries about them, and nothing of them [SR-24]", async () => {
    const bob = newPrincipal();
    const staff = testCaller({ roles: ["admin"] });
    const openCase = { id: newId(), purpose: "Bob asked where his parcel is" };
    const event = auditEvent(staff, {
      action: "case.read",
      outcome: "allowed",
      about: [bob],
      case: openCase,
      args: { of: bob },
    });
    const id = await world.log.append(event);
    const other = await world.log.append(auditEvent(staff, { action: "order.read", outcome: "allowed" }));
    await world.log.flush();
    expect((await world.log.receipt(id))?.summary.case).toEqual(openCase);

    expect(await world.log.erase(bob)).toBe(1);

    const receipt = (await world.log.receipt(id)) ?? fail();
    expect(receipt.summary.asked?.id).toBe(staff.subject);
    expect(receipt.summary.case).toBeUndefined();
    expect(await verifyReceipt(receipt)).toMatchObject({ ok: true });
    expect(await everything()).not.toContain(bob);
    expect((await world.log.receipt(other))?.summary.grant?.id).toBe(staff.grants[0]);
  });

  it("reaches a worker and a task that are named after them, and not those of another tenant [SR-24]", async () => {
    const agent = "spiffe://agentwrit.local/agent/shipping/order-of-carol/0123456789abcdef";
    const worker = (tenant: string, task: string) =>
      world.log.append({
        action: "token_issued",
        outcome: "allowed",
        tenant,
        subject: newPrincipal(),
        agent,
        task,
      });
    const ids = [await worker("default", "order-of-carol"), await worker("other", "order-of-carol")];
    const byTask = {
      action: "token_released",
      outcome: "allowed",
      tenant: "default",
      task: "order-of-carol",
    } as const;
    await world.log.append(byTask);
    const before = await world.log.query({ tenant: "default", taskId: "order-of-carol" });
    expect(before.total).toBe(2);

    expect(await world.log.erase({ tenant: "default", agentId: agent })).toBe(1);
    expect(await world.log.erase({ tenant: "default", taskId: "order-of-carol" })).toBe(1);

    expect((await world.log.query({ tenant: "default", taskId: "order-of-carol" })).total).toBe(0);
    expect((await world.log.query({ tenant: "other", agentId: agent })).total).toBe(1);
    expect(await world.log.erase({ tenant: "other", agentId: agent })).toBe(1);
    expect(await everything()).not.toContain("carol");
    for (const id of ids)
      expect(await verifyReceipt((await world.log.receipt(id)) ?? fail())).toMatchObject({ ok: true });
    expect(await verifyLog({ store: world.store, publicKey: world.log.publicKey })).toMatchObject({
      ok: true,
    });
  });

  it("touches nobody else", async () => {
    expect(await world.log.erase(newPrincipal())).toBe(0);
  });
});

function fail(): never {
  throw new Error("it is not there");
}

import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuditLog, auditEvent, createAuditLog } from "@deputize/audit";
import { newId, randomHex } from "@deputize/core";
import { PEOPLE, type TestAuthority, idOf, openTestAuthority } from "../testing/test-authority.ts";

let world: TestAuthority;
let log: AuditLog;

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  world = await openTestAuthority({
    makeAudit: (store) => {
      const signingKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      log = createAuditLog({ store, signingKey, origin: "test.example/audit" });
      return log;
    },
  });
  await log.start();
});
afterAll(async () => {
  await log.close();
  await world.close();
});

async function actions(): Promise<string[]> {
  await log.flush();
  return (await log.list({ limit: 1000, order: "oldest" })).map(
    (entry) => `${entry.action} ${entry.outcome}`,
  );
}

describe("with the real log", () => {
  it("an approval, its effect and its entry commit together or not at all [SR-15] [SR-18]", async () => {
    const alice = await world.signIn("alice", "browser");
    const { caller } = await world.deputyOf(alice);
    const call = {
      callId: newId(),
      tool: "cancel_order",
      argsDigest: randomHex(32),
      previewDigest: randomHex(32),
    };
    const asked = await world.approvals.request(caller, {
      ...call,
      agent: "order-management",
      args: [],
      summary: "Cancel order SHOP-1",
    });
    await alice.send("POST", `/api/approvals/${asked.id}/decide`, { decision: "approve" });
    const effect = (fails: boolean) =>
      world.store.asCaller(
        caller,
        async (tx) => {
          await world.approvals.consume(tx, caller, { ...call, approvalId: asked.id });
          await log.record(
            tx,
            auditEvent(caller, { action: "tool.call", outcome: "allowed", approval: asked.id }),
          );
          if (fails) throw new Error("the effect failed");
        },
        { readOnly: false },
      );
    await expect(effect(true)).rejects.toThrow("the effect failed");
    expect(await actions()).not.toContain("tool.call allowed");
    await effect(false);
    await expect(effect(false)).rejects.toMatchObject({ code: "approval_invalid" });
    const seen = await actions();
    expect(seen.filter((action) => action === "tool.call allowed")).toHaveLength(1);
    expect(seen).toEqual(expect.arrayContaining(["approval.requested info", "approval.decided allowed"]));
  });

  it("everything that people and agents decide fits into it", async () => {
    const ada = await world.signIn("ada", "api");
    const by = { actor: idOf("ada"), tenant: "default" };
    const owned = { agent_name: "Bot", owner_email: "o@test.com" };
    const made = await ada.send("POST", "/agents/register", owned);
    const agent = `/agents/${made.body.agent_id}`;
    const steps: [string, string, unknown?][] = [
      ["POST", `${agent}/permissions`, { permission: "read_weather" }],
      ["DELETE", `${agent}/permissions/read_weather`],
      ["POST", `${agent}/keys/${made.body.key_id}/rotate`, { overlap_seconds: 0 }],
      ["DELETE", `${agent}/keys/${made.body.key_id}`],
      ["PUT", `${agent}/permissions`, { permissions: [] }],
      ["POST", `${agent}/keys`, {}],
      ["POST", `${agent}/confirm`],
      ["PATCH", agent, { status: "suspended", agent_name: "Renamed" }],
      ["PATCH", agent, { status: "active" }],
      [
        "POST",
        "/api/cases",
        { subject_email: PEOPLE.bob.email, purpose: "Ticket 4711", resources: ["orders"] },
      ],
      [
        "POST",
        "/api/cases",
        { subject_email: "x@example.com", purpose: "Ticket 4711", resources: ["orders"] },
      ],
    ];
    const statuses = [];
    for (const step of steps) statuses.push((await ada.send(...step)).status);
    expect(statuses).toEqual([200, 204, 201, 204, 200, 201, 200, 200, 200, 201, 404]);
    await world.people.changeRole(idOf("bob"), "seller", by);
    await world.people.deactivate(idOf("bob"), by);
    await world.permissions.revoke({
      person: idOf("alice"),
      agent: (await world.permissions.list(idOf("alice")))[0]?.agent.id as never,
      revokedBy: by.actor,
    });
    await ada.send("POST", "/api/auth/logout", { refresh_token: ada.refreshToken });
    expect(await actions()).toEqual(
      expect.arrayContaining([
        "agent.registered allowed",
        "agent.permission_added allowed",
        "agent.permission_removed allowed",
        "agent.key_rotated allowed",
        "agent.key_revoked allowed",
        "agent.permissions_set allowed",
        "agent.key_created allowed",
        "agent.confirmed allowed",
        "agent.renamed allowed",
        "agent.suspended allowed",
        "agent.resumed allowed",
        "case.opened allowed",
        "case.open refused",
        "person.role_changed allowed",
        "person.deactivated allowed",
        "permission.revoked allowed",
        "session.signed_in allowed",
        "session.ended allowed",
      ]),
    );
  });
});

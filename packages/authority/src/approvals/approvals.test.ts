import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Caller, newId } from "@deputize/core";
import { AUDIENCE, WHO } from "../testing/test-core.ts";
import { type TestAuthority, type Visitor, idOf, openTestAuthority } from "../testing/test-authority.ts";
import type { ApprovalRequest, DecidedApproval } from "./approval.ts";

let world: TestAuthority;
let sources = 0;
const source = () => `198.51.102.${(sources += 1)}`;
const decided: DecidedApproval[] = [];

/** Alice at her page, and the agent that acts for her at the tool server. */
let alice: Visitor;
let deputy: Caller;
let deputyToken: string;

beforeAll(async () => {
  world = await openTestAuthority({
    onDecided: async (one) => {
      decided.push(one);
      return { message: { content: "done" } };
    },
  });
  alice = await world.signIn("alice", "browser", source());
  const made = await world.deputyOf(alice);
  deputy = made.caller;
  deputyToken = made.token;
});
afterAll(() => world.close());
beforeEach(() => {
  world.events.length = 0;
  decided.length = 0;
});

const DIGEST = { args: "a".repeat(64), preview: "b".repeat(64) };

function call(change: Partial<ApprovalRequest> = {}): ApprovalRequest {
  return {
    callId: newId(),
    tool: "cancel_order",
    agent: "order-management",
    args: [{ name: "order_id", value: "SHOP-1", source: "you" }],
    argsDigest: DIGEST.args,
    preview: { order: 1, version: 3 },
    previewDigest: DIGEST.preview,
    summary: "Cancel order SHOP-1 and pay back $12.00",
    amountCents: 1200,
    runId: "run-1",
    conversationId: "conversation-1",
    ...change,
  };
}

async function ask(change: Partial<ApprovalRequest> = {}, caller: Caller = deputy) {
  const request = call(change);
  return { request, ...(await world.approvals.request(caller, request)) };
}

const decide = (who: Visitor, id: string, body: unknown = { decision: "approve" }) =>
  who.send("POST", `/api/approvals/${id}/decide`, body);

type Asked = { id: string; request: ApprovalRequest };
const useOf = ({ id, request }: Asked, change: Record<string, string | undefined>) => ({
  approvalId: id,
  callId: request.callId,
  tool: request.tool,
  argsDigest: request.argsDigest,
  previewDigest: request.previewDigest,
  runId: request.runId,
  ...change,
});

/** Spends it in a writing transaction of the caller, as a tool server does. */
function consume(asked: Asked, change: Record<string, string | undefined> = {}, caller = deputy) {
  return world.store.asCaller(caller, (tx) => world.approvals.consume(tx, caller, useOf(asked, change)), {
    readOnly: false,
  });
}

/** As a tool server asks before it begins. */
const fits = (asked: Asked, change: Record<string, string | undefined> = {}, caller = deputy) =>
  world.approvals.fits(caller, useOf(asked, change));

const statusOf = async (id: string) => (await alice.send("GET", `/api/approvals/${id}`)).body["status"];

describe("asking", () => {
  it("makes a pending card that shows the call and ends in 15 minutes", async () => {
    const { id } = await ask();
    const { body } = await alice.send("GET", `/api/approvals/${id}`);
    expect(body).toEqual({
      id,
      tool: "cancel_order",
      agent: "order-management",
      summary: "Cancel order SHOP-1 and pay back $12.00",
      arguments: [{ name: "order_id", value: "SHOP-1", source: "you" }],
      amount: 1200,
      status: "pending",
      created: new Date(world.clock.nowMs()).toISOString(),
      expires: new Date(world.clock.nowMs() + 15 * 60_000).toISOString(),
      conversation_id: "conversation-1",
    });
    expect(world.events).toMatchObject([
      {
        action: "approval.requested",
        approval: id,
        subject: idOf("alice"),
        actors: [WHO.orders, WHO.support],
      },
    ]);
  });

  it("answers the open card for the same call, and a new one for another argument or preview, which ends the old [SR-15]", async () => {
    const first = await ask();
    expect((await world.approvals.request(deputy, first.request)).id).toBe(first.id);
    const changed = await world.approvals.request(deputy, {
      ...first.request,
      previewDigest: "c".repeat(64),
    });
    expect(changed.id).not.toBe(first.id);
    expect(await statusOf(first.id)).toBe("superseded");
    expect((await decide(alice, first.id)).status).toBe(409);
    const moved = await ask({ supersedes: changed.id });
    expect(await statusOf(changed.id)).toBe("superseded");
    expect(await statusOf(moved.id)).toBe("pending");
    await decide(alice, moved.id, { decision: "refuse" });
  });

  it("is refused to a caller that acts for no person, with unknown fields, and beyond twenty open cards", async () => {
    const agent: Caller = { ...deputy, subject: WHO.orders, subjectKind: "agent", actors: [] };
    await expect(ask({}, agent)).rejects.toMatchObject({ code: "forbidden" });
    await expect(ask({ decided: true } as Partial<ApprovalRequest>)).rejects.toMatchObject({
      code: "validation_failed",
    });
    const bob = await world.signIn("bob", "api", source());
    const caller = await world.callerOf(bob);
    for (let i = 0; i < 20; i += 1) await ask({}, caller);
    await expect(ask({}, caller)).rejects.toMatchObject({ code: "limit_exceeded" });
  });
});

describe("deciding", () => {
  it("is the person's at their own page: approved, logged with its session, and the run is told once [SR-05]", async () => {
    const asked = await ask();
    world.events.length = 0;
    const reply = await decide(alice, asked.id, { decision: "approve", note: "yes" });
    expect(reply.status).toBe(200);
    expect(reply.body["approval"]).toMatchObject({ id: asked.id, status: "approved" });
    expect(reply.body["message"]).toEqual({ content: "done" });
    expect(decided).toMatchObject([
      { id: asked.id, decision: "approve", runId: "run-1", callId: asked.request.callId },
    ]);
    const session = (await world.callerOf(alice)).session?.id;
    expect(world.events).toMatchObject([
      { action: "approval.decided", outcome: "allowed", detail: { session } },
    ]);
    expect((await decide(alice, asked.id)).status).toBe(409);
    expect(decided).toHaveLength(1);
  });

  it("leaves everything alone on a no", async () => {
    const asked = await ask();
    expect((await decide(alice, asked.id, { decision: "refuse" })).body["approval"]).toMatchObject({
      status: "rejected",
    });
    await expect(consume(asked)).rejects.toMatchObject({ code: "approval_invalid" });
  });

  it("is possible with the person's own direct token too", async () => {
    const api = await world.signIn("alice", "api", source());
    const asked = await ask();
    expect((await decide(api, asked.id)).status).toBe(200);
  });

  it("is refused with 403 to every agent, service, exchanged token and browser's token, and each try is logged [SR-05]", async () => {
    const asked = await ask();
    const admin = await world.signIn("ada", "api", source());
    const registered = await admin.send("POST", "/agents/register", {
      agent_name: "Helper",
      owner_email: "alice@example.com",
    });
    const path = `/agents/${registered.body["agent_id"]}/permissions`;
    await admin.send("POST", path, { permission: "read:orders:*" });
    const own = await world.agents.signIn({ apiKey: registered.body["api_key"], source: "x" });
    const first = await world.exchange.caller(await world.callerOf(alice), {
      exchanger: WHO.shopApi,
      actor: WHO.support,
      audiences: [AUDIENCE.orders],
    });
    const browsers = await world.sessions.accessToken(await world.callerOf(alice));
    for (const token of [deputyToken, first.token, own.token, browsers.token]) {
      const who = world.visitor();
      who.token = token;
      const reply = await decide(who, asked.id);
      expect([reply.status, reply.body["code"]]).toEqual([403, "first_party_session_required"]);
    }
    expect(await statusOf(asked.id)).toBe("pending");
    const tries = world.events.filter((event) =>
      ["approval.decide", "decision.attempted"].includes(event.action),
    );
    expect(tries.map((event) => event.outcome)).toEqual(["refused", "refused", "refused", "refused"]);
    // Not by hand-made callers either: the session named is not theirs.
    const session = (await world.callerOf(alice)).session;
    const adminToken = (await world.callerOf(admin)).token;
    if (!session || !adminToken) throw new Error("no session");
    for (const forged of [
      { ...deputy, session },
      { ...(await world.callerOf(alice)), actors: [WHO.orders] },
      { ...(await world.callerOf(alice)), token: adminToken },
      { ...deputy, actors: [], session },
      { ...deputy, actors: [], grants: deputy.grants.slice(0, 1), session: { ...session, id: newId() } },
      { ...(await world.callerOf(await world.signIn("bob", "browser", source()))), session },
    ]) {
      await expect(world.approvals.decide(forged, asked.id, { decision: "approve" })).rejects.toMatchObject({
        code: "first_party_session_required",
      });
    }
    expect(decided).toEqual([]);
  });

  it("needs the CSRF proof, and a sign-in of the last twelve hours [SR-05]", async () => {
    const asked = await ask({ ttlSeconds: 3600 });
    const path = `/api/approvals/${asked.id}/decide`;
    const noProof = await alice.send("POST", path, { decision: "approve" }, { "x-csrf-token": "" });
    expect([noProof.status, noProof.body["code"]]).toEqual([403, "csrf_failed"]);
    await world.store.ownerQuery(
      "UPDATE authority.sessions SET authenticated_at = authenticated_at - interval '13 hours' WHERE id = $1",
      [(await world.callerOf(alice)).session?.id],
    );
    const stale = await decide(alice, asked.id);
    expect([stale.status, stale.body["code"]]).toEqual([403, "first_party_session_required"]);
    alice = await world.signIn("alice", "browser", source());
    ({ caller: deputy, token: deputyToken } = await world.deputyOf(alice));
    expect((await decide(alice, asked.id)).status).toBe(200);
  });

  it("finds another person's approval no more than one that never was", async () => {
    const asked = await ask();
    const bob = await world.signIn("bob", "browser", source());
    const ada = await world.signIn("ada", "browser", source());
    for (const who of [bob, ada]) {
      const others = await decide(who, asked.id);
      const never = await decide(who, newId());
      expect({ ...others.body, request_id: "" }).toEqual({ ...never.body, request_id: "" });
      expect(others.status).toBe(404);
      expect((await who.send("GET", `/api/approvals/${asked.id}`)).status).toBe(404);
      expect(JSON.stringify((await who.send("GET", "/api/approvals")).body)).not.toContain(asked.id);
    }
    expect((await decide(bob, "nonsense")).status).toBe(404);
  });

  it("is refused after 15 minutes, and shows as expired", async () => {
    const asked = await ask();
    world.clock.advance(15 * 60_000);
    expect((await decide(alice, asked.id)).body["code"]).toBe("approval_invalid");
    expect(await statusOf(asked.id)).toBe("expired");
    const pending = (await alice.send("GET", "/api/approvals?status=pending")).body["approvals"] as {
      id: string;
    }[];
    expect(pending.map((one) => one.id)).not.toContain(asked.id);
    const expired = (await alice.send("GET", "/api/approvals?status=expired")).body["approvals"] as {
      id: string;
    }[];
    expect(expired.map((one) => one.id)).toContain(asked.id);
    expect(await world.approvals.expire()).toBeGreaterThan(0);
    expect((await alice.send("GET", "/api/approvals?status=done")).status).toBe(422);
  });

  it("for staff, is an administrator's who is not the one it is for", async () => {
    const ada = await world.signIn("ada", "browser", source());
    const max = await world.signIn("max", "browser", source());
    const adasDeputy = await world.deputyOf(ada);
    const asked = await ask({ kind: "staff" }, adasDeputy.caller);
    expect((await decide(ada, asked.id)).body["code"]).toBe("forbidden");
    expect((await decide(alice, asked.id)).status).toBe(404);
    expect((await decide(max, asked.id)).status).toBe(200);
    // Whatever writes the row, the database refuses a decider who asked.
    const own = world.store.ownerQuery("UPDATE authority.approvals SET decided_by = subject WHERE id = $1", [
      asked.id,
    ]);
    await expect(own).rejects.toMatchObject({ code: "23514" });
  });

  it("refuses unknown fields and words", async () => {
    const asked = await ask();
    expect((await decide(alice, asked.id, { decision: "approve", args: {} })).status).toBe(422);
    expect((await decide(alice, asked.id, { decision: "yes" })).status).toBe(422);
    expect(await statusOf(asked.id)).toBe("pending");
  });
});

describe("spending", () => {
  async function approved(change: Partial<ApprovalRequest> = {}) {
    const asked = await ask(change);
    const reply = await decide(alice, asked.id);
    if (reply.status !== 200) throw new Error(`not decided: ${JSON.stringify(reply.body)}`);
    return asked;
  }

  it("works once, together with the effect: what rolls back leaves it approved [SR-15]", async () => {
    const asked = await approved();
    const rolledBack = world.store.asCaller(
      deputy,
      async (tx) => {
        const { request } = asked;
        await world.approvals.consume(tx, deputy, { approvalId: asked.id, ...request });
        throw new Error("the effect failed");
      },
      { readOnly: false },
    );
    await expect(rolledBack).rejects.toThrow("the effect failed");
    expect(await statusOf(asked.id)).toBe("approved");
    await consume(asked);
    expect(await statusOf(asked.id)).toBe("executed");
    await expect(consume(asked)).rejects.toMatchObject({ code: "approval_invalid" });
  });

  it("works once of two at the same time [SR-15]", async () => {
    const asked = await approved();
    const both = await Promise.allSettled([consume(asked), consume(asked)]);
    expect(both.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  it("is refused for another call, tool, argument, preview, actor or subject, and before a decision, alike [SR-15]", async () => {
    const asked = await approved();
    const messages = new Set<string>();
    expect(await fits(asked)).toBe(true);
    const refused = async (...use: Parameters<typeof consume>) => {
      expect(await fits(...use)).toBe(false);
      const error = await consume(...use).then(
        () => undefined,
        (thrown: Error & { code: string }) => thrown,
      );
      expect(error?.code).toBe("approval_invalid");
      messages.add(error?.message ?? "");
    };
    await refused(asked, { callId: newId() });
    await refused(asked, { tool: "refund_order" });
    await refused(asked, { argsDigest: "d".repeat(64) });
    await refused(asked, { previewDigest: "d".repeat(64) });
    await refused(asked, { runId: "run-2" });
    await refused(asked, { runId: undefined });
    await refused(asked, { approvalId: newId() });
    const person = await world.callerOf(alice);
    await refused(asked, {}, person); // the same subject, another actor
    const bob = await world.callerOf(await world.signIn("bob", "api", source()));
    await refused(asked, {}, bob);
    const undecided = await ask();
    await refused(undecided);
    expect(messages.size).toBe(1);
    await consume(asked);
    expect(await fits(asked)).toBe(false);
  });

  it("is refused when it ran out meanwhile, and when the person was signed out", async () => {
    const late = await approved();
    await world.store.ownerQuery(
      "UPDATE authority.approvals SET created_at = now() - interval '2 hours', expires_at = now() - interval '1 second' WHERE id = $1",
      [late.id],
    );
    expect(await fits(late)).toBe(false);
    await expect(consume(late)).rejects.toMatchObject({ code: "approval_invalid" });
    const guest = await world.signIn("alice", "browser", source());
    const { caller } = await world.deputyOf(guest);
    const asked = await ask({}, caller);
    await decide(guest, asked.id);
    await guest.send("POST", "/api/auth/logout");
    await expect(consume(asked, {}, caller)).rejects.toMatchObject({ code: "grant_revoked" });
  });

  it("is the app role's only right on approvals, and needs a sealed caller [SR-03]", async () => {
    const asked = await approved();
    const app = (sql: string, params: unknown[] = []) =>
      world.store.transaction("app", (tx) => tx.query(sql, params));
    for (const sql of [
      "SELECT * FROM authority.approvals",
      "UPDATE authority.approvals SET status = 'approved'",
      "INSERT INTO authority.approvals (id) VALUES (gen_random_uuid())",
      "DELETE FROM authority.approvals",
      "SELECT * FROM authority.cases",
      "SELECT * FROM authority.sessions",
      "SELECT * FROM authority.people",
      "UPDATE authority.people SET role = 'admin'",
      "SELECT * FROM authority.passwords",
      "SELECT * FROM authority.api_keys",
      "INSERT INTO authority.agent_permissions DEFAULT VALUES",
      "UPDATE authority.agent_scopes SET revoked_at = NULL",
      "SELECT * FROM authority.refresh_tokens",
      "SELECT * FROM authority.agents",
    ]) {
      await expect(app(sql), sql).rejects.toMatchObject({ code: "42501" });
    }
    const unsealed = app("SELECT authority.consume_approval($1, $2, $3, $4, $5, NULL)", [
      asked.id,
      asked.request.callId,
      asked.request.tool,
      asked.request.argsDigest,
      asked.request.previewDigest,
    ]);
    await expect(unsealed).rejects.toMatchObject({ code: "approval_invalid" });
    expect(await statusOf(asked.id)).toBe("approved");
  });

  it("ends when its owner closes it as failed or superseded", async () => {
    const asked = await approved();
    const bob = await world.callerOf(await world.signIn("bob", "api", source()));
    await expect(world.approvals.close(bob, asked.id, "failed")).rejects.toMatchObject({ code: "not_found" });
    await world.approvals.close(deputy, asked.id, "failed");
    expect(await statusOf(asked.id)).toBe("failed");
    await expect(consume(asked)).rejects.toMatchObject({ code: "approval_invalid" });
  });
});

/** Work in the background with the real authority, the real tool server and the engine: away, restarted, approved, stopped. */
import { newId } from "@deputize/core";
import type { BackgroundOffer } from "@deputize/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  PUBLIC_URL,
  type RunningShop,
  type TestClient,
  apiClient,
  runShop,
  signIn,
} from "../testing/running-shop.ts";
import { addressesUnder, agentId } from "./policy.ts";

const at = addressesUnder(PUBLIC_URL);
let running: RunningShop;

const signInAs = (person: "alice.johnson" | "bob.smith"): Promise<TestClient> =>
  signIn(() => running.shop, `${person}@gmail.com`, "customer123");

beforeAll(async () => {
  running = await runShop({ background: { pollMs: 100, deadAfterMs: 1_000 } });
}, 60_000);
afterAll(() => running?.close());

/** One that the person may still cancel. */
async function cancellable(client: TestClient): Promise<{ id: string; number: string }> {
  const { body } = await client.get("/api/orders?limit=50");
  const found = body.orders.find((o: { status: string }) => ["placed", "confirmed"].includes(o.status));
  if (!found) throw new Error("no order is left to cancel");
  return found;
}

async function mandate(
  client: TestClient,
  tools: readonly string[] = ["orders/get_user_orders", "orders/get_order_details", "orders/cancel_order"],
): Promise<string> {
  const made = await client.post("/api/mandates", {
    agent: agentId("order-management"),
    purpose: "Cancel what is late while I travel",
    tools,
    audiences: [at.tools("orders")],
    scopes: ["read:orders:*", "cancel:orders:*"],
    expires: new Date(Date.now() + 86_400_000).toISOString(),
  });
  expect([made.status, made.body.status]).toEqual([201, "active"]);
  return made.body.id;
}

async function begin(client: TestClient, mandateId: string, message: string) {
  const begun = await client.post("/api/background", { mandate_id: mandateId, message });
  expect([begun.status, begun.body.code]).toEqual([201, undefined]);
  return begun.body as { id: string; agent: string };
}

/** Reads it until it is so. */
async function until(client: TestClient, id: string, status: string) {
  let last: unknown;
  for (let tries = 0; tries < 200; tries += 1) {
    const { body } = await client.get(`/api/background/${id}`);
    if (body.status === status) return body;
    last = { status: body.status, reason: body.reason, said: body.messages?.at(-1)?.content };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never came to ${status}: ${JSON.stringify(last)}`);
}

/** What really happened to the order, and how often. */
async function effects(orderId: string) {
  const { rows } = await running.store.ownerQuery<{ status: string }>(
    "SELECT status FROM shop.orders WHERE id = $1",
    [orderId],
  );
  const { rows: history } = await running.store.ownerQuery<{ n: number }>(
    "SELECT count(*)::int AS n FROM shop.order_status_history WHERE order_id = $1 AND status = 'cancelled'",
    [orderId],
  );
  return { status: rows[0]?.status, cancellations: history[0]?.n };
}

describe("work in the background", { timeout: 60_000 }, () => {
  it("goes on over sign-out and a restart in one process, and is done exactly once after the yes [SR-14]", async () => {
    const before = await signInAs("alice.johnson");
    const order = await cancellable(before);
    const work = await begin(before, await mandate(before), `Cancel order ${order.number}`);
    expect(work.agent).toBe("order-management");
    const waiting = await until(before, work.id, "waiting");
    expect(await effects(order.id)).toMatchObject({ cancellations: 0 });

    expect((await before.post("/api/auth/logout")).status).toBe(204);
    await running.restart();

    const after = await signInAs("alice.johnson");
    expect((await after.get(`/api/background/${work.id}`)).body).toMatchObject({
      status: "waiting",
      approval: waiting.approval,
    });
    const decided = await after.post(`/api/approvals/${waiting.approval}/decide`, { decision: "approve" });
    expect(decided.status).toBe(200);
    const done = await until(after, work.id, "done");
    expect(done.messages.at(0)).toMatchObject({ role: "user", content: `Cancel order ${order.number}` });
    expect(await effects(order.id)).toEqual({ status: "cancelled", cancellations: 1 });
    expect((await after.get(`/api/approvals/${waiting.approval}`)).body.status).toBe("executed");

    await running.restart();
    await until(after, work.id, "done");
    expect(await effects(order.id)).toEqual({ status: "cancelled", cancellations: 1 });
  });

  it("is parked after Stop, whatever was approved, and goes on under another mandate [SR-14]", async () => {
    const alice = await signInAs("alice.johnson");
    const order = await cancellable(alice);
    const mandateId = await mandate(alice);
    const work = await begin(alice, mandateId, `Cancel order ${order.number}`);
    const { approval } = await until(alice, work.id, "waiting");
    expect((await alice.post(`/api/mandates/${mandateId}/stop`)).body.status).toBe("ended");
    await alice.post("/api/auth/logout");
    await running.restart();

    const again = await signInAs("alice.johnson");
    await again.post(`/api/approvals/${approval}/decide`, { decision: "approve" });
    expect(await until(again, work.id, "parked")).toMatchObject({ reason: "grant_revoked" });
    expect(await effects(order.id)).toMatchObject({ cancellations: 0 });

    const given = await again.post(`/api/background/${work.id}/mandate`, {
      mandate_id: await mandate(again),
    });
    expect(given.status).toBe(200);
    await until(again, work.id, "done");
    expect((await effects(order.id)).cancellations).toBeLessThanOrEqual(1);
  });

  it("does nothing with a tool that the mandate does not name [SR-14]", async () => {
    const bob = await signInAs("bob.smith");
    const order = await cancellable(bob);
    const only = await mandate(bob, ["orders/get_user_orders"]);
    const work = await begin(bob, only, `Cancel order ${order.number}`);
    let status = "";
    await expect
      .poll(async () => (status = (await bob.get(`/api/background/${work.id}`)).body.status), {
        timeout: 20_000,
      })
      .not.toMatch(/queued|running/);
    expect(["parked", "done"]).toContain(status);
    expect(await effects(order.id)).toMatchObject({ cancellations: 0 });
  });

  it("is offered as mandates can be made of it, without what only staff may [SR-14]", async () => {
    const alice = await signInAs("alice.johnson");
    const { body } = await alice.get("/api/background/offers");
    const offers = body.offers as BackgroundOffer[];
    expect(offers.map(({ name }) => name)).toEqual(["order-management", "product-discovery"]);
    for (const { agent, audiences, tools } of offers) {
      const made = await alice.post("/api/mandates", {
        agent,
        purpose: "Everything that is offered",
        tools: tools.map(({ name }) => name),
        audiences,
        scopes: [...new Set(tools.flatMap(({ scopes }) => scopes))],
        expires: new Date(Date.now() + 86_400_000).toISOString(),
      });
      expect([made.status, made.body.code]).toEqual([201, undefined]);
      await alice.post(`/api/mandates/${made.body.id}/stop`);
    }
    const tools = offers.flatMap((offer) => offer.tools);
    expect(tools.find(({ name }) => name === "orders/cancel_order")).toEqual({
      name: "orders/cancel_order",
      title: "Cancel an order",
      asks: true,
      scopes: ["cancel:orders:*"],
      bounds: [{ argument: "order_id", of: "orders" }],
    });
    expect(tools.map(({ name }) => name)).not.toContain("orders/staff_find_orders");
    expect((await apiClient(() => running.shop).get("/api/background/offers")).status).toBe(401);
  });

  it("is not the front desk's, which asks others: its mandate is refused with the agents that can [SR-14]", async () => {
    const alice = await signInAs("alice.johnson");
    const made = await alice.post("/api/mandates", {
      agent: agentId("customer-support"),
      purpose: "Ask for me",
      tools: ["orders/get_user_orders"],
      audiences: [at.agent("order-management")],
      scopes: ["read:orders:*"],
      expires: new Date(Date.now() + 86_400_000).toISOString(),
    });
    expect(made.status).toBe(201);
    const begun = await alice.post("/api/background", {
      mandate_id: made.body.id,
      message: "Show my orders",
    });
    expect(begun).toMatchObject({ status: 422, body: { code: "validation_failed" } });
    expect(begun.body.detail).toMatch(/customer-support .* order-management or product-discovery/);
  });

  it("is its owner's to see and stop, and nobody else's to begin [SR-14]", async () => {
    const alice = await signInAs("alice.johnson");
    const bob = await signInAs("bob.smith");
    const mandateId = await mandate(alice);
    const later = await alice.post("/api/background", {
      mandate_id: mandateId,
      message: "Show my orders",
      after: new Date(Date.now() + 3_600_000).toISOString(),
    });
    expect(later.status).toBe(201);
    const { id } = later.body;
    expect((await bob.get(`/api/background/${id}`)).status).toBe(404);
    expect((await bob.post(`/api/background/${id}/stop`)).status).toBe(404);
    const others = (await bob.get("/api/background")).body.runs.map((run: { id: string }) => run.id);
    expect(others).not.toContain(id);
    expect((await bob.post("/api/background", { mandate_id: mandateId, message: "Mine" })).status).toBe(404);
    expect((await alice.post("/api/background", { mandate_id: newId(), message: "x" })).status).toBe(404);
    expect((await apiClient(() => running.shop).get("/api/background")).status).toBe(401);

    await until(alice, id, "scheduled");
    expect((await alice.get("/api/background")).body.runs[0]).toMatchObject({ id, status: "scheduled" });
    expect((await alice.post(`/api/background/${id}/stop`)).body).toMatchObject({ id, status: "cancelled" });
    expect((await alice.get(`/api/background/${id}`)).body).toMatchObject({
      status: "cancelled",
      messages: [],
    });
  });

  it("leaves nothing of an erased person at the engine, and their mandates end [PR-D30] [SR-14]", async () => {
    const email = "bob.smith@gmail.com";
    const bob = await signIn(() => running.shop, email, "customer123");
    const order = await cancellable(bob);
    const mandateId = await mandate(bob);
    const { id } = await begin(bob, mandateId, `Cancel order ${order.number}`);
    await until(bob, id, "waiting");
    const { length } = (await bob.get("/api/background")).body.runs;
    const erased = await bob.post("/api/me/erase", { confirm: email });
    expect([erased.status, erased.body.counts["agent.background"]]).toEqual([200, length]);

    await new Promise((resolve) => setTimeout(resolve, 500)); // what was under way would have written by now
    const { rows: tables } = await running.store.ownerQuery<{ t: string }>(
      "SELECT format('%I.%I', schemaname, tablename) AS t FROM pg_tables WHERE schemaname IN ('workflow', 'agent')",
    );
    for (const { t } of tables) {
      const found = await running.store.ownerQuery(`SELECT FROM ${t} x WHERE strpos(x::text, $1) > 0`, [id]);
      expect([t, found.rows.length]).toEqual([t, 0]);
    }
    const { rows: living } = await running.store.ownerQuery(
      "SELECT FROM authority.grants WHERE id = $1 AND state = 'active'",
      [mandateId],
    );
    expect(living).toEqual([]);
    expect(await effects(order.id)).toMatchObject({ cancellations: 0 });
  });
});

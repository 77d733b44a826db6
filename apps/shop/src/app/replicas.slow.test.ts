/** Three processes' worth of shop over one database and one ephemeral state behave as one, behind one public URL. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Shop } from "./shop-options.ts";
import { type RunningShop, apiClient, runShop, signIn, signInBrowser } from "../testing/running-shop.ts";

let running: RunningShop;
let shops: (() => Shop)[];

beforeAll(async () => {
  running = await runShop();
  const second = await running.replica();
  const third = await running.replica();
  shops = [() => running.shop, () => second, () => third];
}, 120_000);
afterAll(() => running.close());

const at = (index: number): (() => Shop) => shops[index] as () => Shop;

describe("three replicas", () => {
  it("know a sign-in made at another, and its end within a second", async () => {
    const page = await signIn(at(0), "alice.johnson@gmail.com", "customer123");
    const clients = shops.map((shop) => apiClient(shop, page.token));
    for (const client of clients) expect((await client.ask("Where is my latest order?")).status).toBe(200);
    expect((await clients[1]?.post("/api/auth/logout", { refresh_token: page.refreshToken }))?.status).toBe(
      204,
    );
    for (const client of clients) {
      await expect.poll(async () => (await client.get("/api/orders")).status, { timeout: 1000 }).toBe(401);
    }
  });

  it("carry a turn on that began elsewhere, once, whoever is asked to decide", async () => {
    const pages = await Promise.all(
      shops.map((shop) => signInBrowser(shop, "alice.johnson@gmail.com", "customer123")),
    );
    const { rows } = await running.store.ownerQuery<{ number: string; id: string }>(
      `select o.number, o.id from shop.orders o join authority.people p on p.principal_id = o.user_id
       where p.email = 'alice.johnson@gmail.com' and o.status in ('placed', 'confirmed')`,
    );
    const order = rows[0] as { number: string; id: string };
    const { body } = (await pages[0]?.ask(`Cancel order ${order.number}`)) ?? {};
    const path = `/api/approvals/${body.approvals[0].id}/decide`;
    const answers = await Promise.all(pages.map((page) => page.post(path, { decision: "approve" })));
    expect(
      answers.map((answer) => answer.status).filter((status) => status !== 200 && status !== 409),
    ).toEqual([]);
    expect((await pages[2]?.get(`/api/orders/${order.id}`))?.body.status).toBe("cancelled");
    const history = await running.store.ownerQuery<{ n: number }>(
      "select count(*)::int as n from shop.order_status_history where order_id = $1 and status = 'cancelled'",
      [order.id],
    );
    expect(history.rows[0]?.n).toBe(1);
  });

  it("give a conversation that two people claim at once to each his own", async () => {
    const alice = await signIn(at(0), "alice.johnson@gmail.com", "customer123");
    const bob = await signIn(at(1), "bob.smith@gmail.com", "customer123");
    const id = "0198c0de-0000-7000-8000-00000000abcd";
    await Promise.all([alice.ask("What does my profile say?", id), bob.ask("What does my profile say?", id)]);
    const [hers, his] = await Promise.all([
      apiClient(at(2), alice.token).get(`/api/conversations/${id}`),
      apiClient(at(2), bob.token).get(`/api/conversations/${id}`),
    ]);
    expect(JSON.stringify(hers.body)).not.toContain("bob.smith");
    expect(JSON.stringify(his.body)).not.toContain("alice.johnson");
    expect([hers.body.messages.length, his.body.messages.length]).toEqual([2, 2]);
  });

  it("write one log", async () => {
    await Promise.all(shops.map((shop) => shop().audit.flush()));
    const entries = await running.shop.audit.list({ order: "oldest", limit: 1000 });
    expect(entries.map((entry) => entry.seq)).toEqual(
      entries.map((_, index) => (entries[0]?.seq ?? 0) + index),
    );
    for (const [index, entry] of entries.entries()) {
      if (index > 0) expect(entry.prev_hash).toBe(entries[index - 1]?.hash);
    }
  });
});

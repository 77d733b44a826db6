import { systemClock } from "@deputize/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningShop, runShop, signIn } from "../testing/running-shop.ts";
import { prune } from "./prune.ts";

let running: RunningShop;
beforeAll(async () => {
  running = await runShop();
});
afterAll(() => running.close());

const faults: unknown[] = [];
const round = () =>
  prune({
    store: running.store,
    clock: systemClock,
    authority: running.shop.authority,
    onFault: (error) => faults.push(error),
  });

const TABLES = ["authority.sessions", "authority.refresh_tokens", "authority.approvals", "agent.a2a_tasks"];

async function counts(): Promise<number[]> {
  const all = TABLES.map(async (table) => {
    const { rows } = await running.store.ownerQuery<{ n: number }>(`select count(*)::int as n from ${table}`);
    return rows[0]?.n ?? -1;
  });
  return Promise.all(all);
}

describe("pruning", () => {
  it("forgets what ended long ago and keeps what lives or ended lately", async () => {
    const client = await signIn(() => running.shop, "alice.johnson@gmail.com", "customer123");
    const { body } = await client.get("/api/orders?limit=50");
    const order = body.orders.find((o: { status: string }) => ["placed", "confirmed"].includes(o.status));
    const asked = await client.ask(`Cancel order ${order.number}`);
    await client.post(`/api/approvals/${asked.body.approvals[0].id}/decide`, { decision: "refuse" });
    const full = await counts();
    expect(full.every((n) => n > 0)).toBe(true);
    await round();
    expect(await counts()).toEqual(full);

    const old = "interval '200 days'";
    await running.store.ownerQuery(
      `update authority.sessions set created_at = created_at - ${old}, expires_at = expires_at - ${old}`,
    );
    await running.store.ownerQuery(
      `update authority.approvals set created_at = created_at - ${old}, expires_at = expires_at - ${old},
         closed_at = closed_at - ${old}`,
    );
    await running.store.ownerQuery("alter table agent.a2a_tasks no force row level security");
    await running.store.ownerQuery(`update agent.a2a_tasks set updated = updated - ${old}`);
    await running.store.ownerQuery("alter table agent.a2a_tasks force row level security");
    await round();
    expect(await counts()).toEqual([0, 0, 0, 0]);
    expect(faults).toEqual([]);
  });

  it("does not forget what is fresh, whatever moment is asked for", async () => {
    await signIn(() => running.shop, "bob.smith@gmail.com", "customer123");
    await running.store.ownerQuery("update authority.sessions set revoked_at = created_at");
    const full = await counts();
    await running.store.pool("authority").query("SELECT authority.prune(now() + interval '1 year', 1000)");
    expect(await counts()).toEqual(full);
  });
});

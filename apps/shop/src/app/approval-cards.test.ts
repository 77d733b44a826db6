/** One card, told the same by the answer, the events, the list, a reload and the authority's row. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningShop, type TestClient, runShop, signIn } from "../testing/running-shop.ts";

let running: RunningShop;
let alice: TestClient;
let orders: { number: string }[];

beforeAll(async () => {
  running = await runShop();
  alice = await signIn(() => running.shop, "alice.johnson@gmail.com", "customer123");
  const { body } = await alice.get("/api/orders?limit=50");
  orders = body.orders.filter((o: { status: string }) => ["placed", "confirmed"].includes(o.status));
});
afterAll(() => running.close());

async function rowOf(id: string) {
  const { rows } = await running.store.ownerQuery<{ created_at: Date; expires_at: Date }>(
    "SELECT created_at, expires_at FROM authority.approvals WHERE id = $1",
    [id],
  );
  const [row] = rows;
  if (!row) throw new Error("there is no such row");
  return { created: row.created_at.toISOString(), expires: row.expires_at.toISOString() };
}

describe("an approval's card", () => {
  it("says in the answer and in the list what the authority's row says, with the person's own conversation", async () => {
    const { body } = await alice.ask(`Cancel order ${orders[0]?.number}`);
    const [card] = body.approvals;
    expect(card).toMatchObject({ ...(await rowOf(card.id)), conversation_id: body.conversation_id });
    expect(Date.parse(card.expires) - Date.parse(card.created)).toBe(15 * 60_000);
    const { body: listed } = await alice.get("/api/approvals?status=pending");
    expect(listed.approvals).toEqual([card]);
    expect((await alice.get(`/api/approvals/${card.id}`)).body).toEqual(card);
  });

  it("shows its present status when the conversation is read again", async () => {
    const { body } = await alice.ask(`Cancel order ${orders[0]?.number}`);
    const [card] = body.approvals;
    const path = `/api/conversations/${body.conversation_id}`;
    const shown = async () =>
      (await alice.get(path)).body.messages.flatMap((m: { approvals: unknown[] }) => m.approvals);
    expect(await shown()).toEqual([card]);
    const decided = await alice.post(`/api/approvals/${card.id}/decide`, { decision: "refuse" });
    expect(decided.body.approval).toMatchObject({ id: card.id, status: "rejected" });
    expect(await shown()).toEqual([decided.body.approval]);
  });
});

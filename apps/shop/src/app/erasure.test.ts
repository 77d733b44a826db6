import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyReceipt } from "@deputize/audit/verify";
import { COLUMN_WRITERS } from "../domain/column-writers.ts";
import { ErasureReceipt } from "../http/api-shapes.ts";
import { idOf } from "../testing/test-shop.ts";
import { type RunningShop, runShop, signIn } from "../testing/running-shop.ts";

const EMAIL = "alice.johnson@gmail.com";
let running: RunningShop;
beforeAll(async () => {
  running = await runShop();
});
afterAll(() => running?.close());

const query = async <R>(text: string, params: unknown[] = []): Promise<R[]> =>
  (await running.store.ownerQuery<R>(text, params)).rows;

/** All rows of all tables as text, by table. */
async function rows(): Promise<Map<string, string[]>> {
  const tables = await query<{ name: string }>(
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const all = new Map<string, string[]>();
  for (const { name } of tables) {
    const found = await query<{ row: string }>(`select t::text as row from ${name} t order by 1`);
    all.set(
      name,
      found.map(({ row }) => row),
    );
  }
  return all;
}

/** What the person wrote or had written in the shop, by column. */
async function words(person: string): Promise<Record<string, number>> {
  const owned = await query<{ table: string }>(
    `select table_name as table from information_schema.columns where table_schema = 'shop' and column_name = 'user_id'`,
  );
  const counts: Record<string, number> = {};
  for (const { table } of owned) {
    for (const [column, writer] of Object.entries(COLUMN_WRITERS[table] ?? {})) {
      if (writer !== "owner" && writer !== "reviewer") continue;
      const [found] = await query<{ n: number }>(
        `select count(*)::int as n from shop.${table} where user_id = $1 and coalesce(${column}::text, '') not in ('', '{}', 'erased')`,
        [person],
      );
      counts[`${table}.${column}`] = found?.n ?? 0;
    }
  }
  return counts;
}

describe("a person of the shop [PR-D30]", () => {
  it("has everything, is erased with a receipt, and nobody else loses a row", async () => {
    const alice = idOf("alice.johnson");
    const client = await signIn(() => running.shop, EMAIL, "customer123");
    const { body } = await client.get("/api/orders?limit=50");
    const order = body.orders.find((o: { status: string }) => ["placed", "confirmed"].includes(o.status));
    expect((await client.ask(`Cancel order ${order.number}`)).body.approvals).toHaveLength(1);
    expect((await client.ask("Remember that I live at 5 Violet Court")).body.status).toBe("done");
    const before = await rows();
    expect((await words(alice))["orders.shipping_address"]).toBeGreaterThan(0);
    const [money] = await query("select count(*), sum(total) from shop.orders where user_id = $1", [alice]);

    const exported = await client.get("/api/me/export");
    expect(exported.status).toBe(200);
    const { sections } = exported.body;
    expect(sections["authority.person"]).toMatchObject([{ email: EMAIL }]);
    expect(sections["shop.orders"]).toHaveLength(24);
    expect(sections["authority.approvals"]).toHaveLength(1);
    expect(sections["agent.memories"]).toMatchObject([{ content: "I live at 5 Violet Court" }]);
    expect(sections["agent.messages"].length).toBeGreaterThan(1);
    const { receipt: own } = sections["audit.entries"].at(-1);
    expect(own.summary.asked.id).toBe(alice);
    expect(await verifyReceipt(own)).toMatchObject({ ok: true });
    const bob = idOf("bob.smith");
    expect(JSON.stringify(exported.body)).not.toContain(bob);

    const refused = await client.post("/api/me/erase", { confirm: "bob.smith@gmail.com" });
    expect(refused.status).toBe(422);
    const erased = await client.post("/api/me/erase", { confirm: EMAIL });
    expect(erased.status).toBe(200);
    const receipt = ErasureReceipt.parse(erased.body);
    expect(receipt.counts["shop"]).toBeGreaterThan(0);
    expect(await verifyReceipt(receipt.proof as never)).toMatchObject({ ok: true });

    const after = await rows();
    for (const [table, all] of after)
      expect([table, all.filter((row) => /alice\.johnson|alice johnson/i.test(row))]).toEqual([table, []]);
    expect(Object.entries(await words(alice)).filter(([, n]) => n > 0)).toEqual([]);
    for (const table of [
      "agent.conversations",
      "agent.messages",
      "agent.runs",
      "agent.a2a_tasks",
      "agent.usage",
      "agent.memories",
    ])
      expect([table, (after.get(table) ?? []).filter((row) => row.includes(alice))]).toEqual([table, []]);
    // The books are the same to the cent.
    expect(
      (await query("select count(*), sum(total) from shop.orders where user_id = $1", [alice]))[0],
    ).toEqual(money);
    for (const [table, all] of before) {
      if (table.startsWith("audit.") || table.startsWith("authority.")) continue;
      expect([table, (after.get(table) ?? []).filter((row) => row.includes(bob))]).toEqual([
        table,
        all.filter((row) => row.includes(bob)),
      ]);
    }
    expect((await client.get("/api/orders")).status).toBe(401);
    await expect(signIn(() => running.shop, EMAIL, "customer123")).rejects.toThrow();

    // Starting again seeds nobody anew.
    await running.restart();
    await expect(signIn(() => running.shop, EMAIL, "customer123")).rejects.toThrow();
    const now = await rows();
    for (const [table, all] of now)
      expect([table, all.filter((row) => /alice\.johnson|alice johnson/i.test(row))]).toEqual([table, []]);
  }, 120_000);
});

/**
 * Tools that are written badly, in the real shop's database: one forgets its filter, two run whatever SQL the model writes.
 *
 * Their author trusted the model; the database does not. Roles are changed only where the database has roles of its own to
 * change back to: on the embedded one, SQL handed straight to a transaction is the weakness that docs/security.md names.
 */
import { MCPServer, TestClient, authorityAuth, requireAuth } from "@deputize/mcp";
import { testDatabaseUrl } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { approvalGate } from "../../apps/shop/src/app/approval-gate.ts";
import { type HostileShop, approvalIn, callTool, hostileShop, subjectOf } from "./support.ts";

let shop: HostileShop;
let server: MCPServer;
let token: string;
let victimToken: string;
let foreign: string[];

const sql = z.string().max(20_000);
const TRUSTED = {
  "deputize/context": { integrity: "trusted", readers: "public", source: "the model says so" },
};

beforeAll(async () => {
  shop = await hostileShop();
  const { store } = shop.running;
  const { verifier, audit, authority } = shop.running.shop;
  const url = `${shop.at}/mcp/orders`;
  server = new MCPServer({
    name: "careless",
    url,
    store,
    audit,
    approvals: approvalGate(authority.approvals),
    auth: authorityAuth({ verifier, audience: url, issuer: shop.at }),
  });
  const guards = [requireAuth()];
  const rows = async (work: Promise<unknown>): Promise<{ answer: string }> => ({
    answer: JSON.stringify(await work),
  });
  server.tool(
    "all_orders",
    { description: "Forgets its filter.", effect: "read", guards },
    async (_args, { db }) => ({
      rows: (await db.read((tx) => tx.query("select * from shop.orders"))).rows,
    }),
  );
  server.tool(
    "untrusted",
    { description: "Runs SQL of the model as the store offers it.", effect: "read", guards, input: { sql } },
    (args, { caller }) => rows(store.runUntrustedSql(caller, args.sql)),
  );
  server.tool(
    "read_each",
    {
      description: "Runs SQL of the model itself.",
      effect: "read",
      guards,
      input: { statements: z.array(sql) },
    },
    (args, { db }) => rows(db.read((tx) => each(tx, args.statements))),
  );
  server.tool(
    "write_each",
    {
      description: "Runs SQL of the model itself, writing.",
      effect: "write",
      guards,
      input: { statements: z.array(sql) },
    },
    (args, { db }) => rows(db.write((tx) => each(tx, args.statements))),
  );
  ({ tool: token } = await shop.tokens(await shop.as("customer")));
  ({ tool: victimToken } = await shop.tokens(await shop.as("victim")));
  const mine = subjectOf("customer");
  foreign = (await shop.orders())
    .filter((order) => order.user_id !== mine)
    .flatMap((order) => [
      order.id,
      order.number,
      ...(order.tracking_number === null ? [] : [order.tracking_number]),
    ]);
});
afterAll(async () => {
  await server.close();
  await shop.close();
});

/** Each statement on its own: one that is refused does not save the next from being tried. */
async function each(
  tx: { query(text: string): Promise<{ rows: unknown[] }> },
  statements: readonly string[],
): Promise<{ rows?: unknown[]; refused?: string }[]> {
  const found = [];
  for (const statement of statements) {
    await tx.query("savepoint attempt");
    try {
      found.push({ rows: (await tx.query(statement)).rows });
      await tx.query("release savepoint attempt");
    } catch (error) {
      found.push({ refused: String((error as { code?: unknown }).code ?? error) });
      await tx.query("rollback to savepoint attempt");
    }
  }
  return found;
}

async function run(tool: string, args: Record<string, unknown>, as = token): Promise<string> {
  const { content, structuredContent, isError } = await new TestClient(server, { token: as }).callTool(
    tool,
    args,
    TRUSTED,
  );
  return JSON.stringify({ content, structuredContent, isError });
}
const leaked = (answer: string): string[] => foreign.filter((marker) => answer.includes(marker));
const outcomes = (answer: string): { rows?: unknown[]; refused?: string }[] => {
  const { structuredContent } = JSON.parse(answer) as { structuredContent?: { answer?: string } };
  return JSON.parse(structuredContent?.answer ?? "[]") as { rows?: unknown[]; refused?: string }[];
};

/** Everything of authority and money, and of the log what is in it already. */
async function watched(): Promise<unknown> {
  const { rows: agents } = await shop.running.store.ownerQuery(
    `select md5(coalesce(string_agg(t::text, '' order by t::text), '')) as digest
     from agent.conversations t where t.owner <> $1`,
    [subjectOf("customer")],
  );
  return [await shop.digests(["shop", "authority", "deputize"]), agents];
}

describe("a tool that forgets its filter", () => {
  it("reads the caller's rows and no others, whoever calls [SR-02] [SR-03]", async () => {
    const ours = (await shop.orders("customer")).map((order) => order.id);
    const answer = await run("all_orders", {});
    expect(leaked(answer)).toEqual([]);
    expect(ours.filter((id) => !answer.includes(id))).toEqual([]);
    const staff = await run("all_orders", {}, (await shop.tokens(await shop.as("admin"))).tool);
    const admins = (await shop.orders("admin")).flatMap((order) => [
      order.id,
      order.number,
      order.tracking_number,
    ]);
    expect(leaked(staff).filter((marker) => !admins.includes(marker))).toEqual([]);
  });
});

const bob = subjectOf("victim");
const ROLES = [
  "reset role",
  "set role postgres",
  "set session authorization default",
  "reset session authorization",
  "select set_config('role', 'none', false)",
  "select set_config('role', 'postgres', true)",
  "select set_config('session_authorization', 'postgres', false)",
  "set local role none",
];
const SETTINGS = [
  ...["deputize.seal", "app.user_id", "request.jwt.claims", "deputize.subject"].map(
    (name) => `select set_config('${name}', '${bob}', true), number from shop.orders`,
  ),
  `select set_config('deputize.seal', regexp_replace(current_setting('deputize.seal'), '"sub":"[^"]*"', '"sub":"${bob}"'), true)`,
  `select deputize.enter(regexp_replace(substr(current_setting('deputize.seal'), 66), '"sub":"[^"]*"', '"sub":"${bob}"'), left(current_setting('deputize.seal'), 64), 9999)`,
  "set local row_security = off",
  "select set_config('search_path', 'pg_temp, shop', false)",
  "select * from shop.orders",
];
const REACHES = [
  "create temp table orders as select * from shop.orders",
  "create temporary view v as select * from shop.orders",
  "create function pg_temp.f() returns setof shop.orders language sql security definer as 'select * from shop.orders'",
  "create table shop.mine (id int)",
  "alter table shop.orders disable row level security",
  "alter table shop.orders no force row level security",
  "drop policy own_or_case on shop.orders",
  "create policy mine on shop.orders using (true)",
  "grant all on shop.orders to public",
  "alter role current_user superuser",
  "select * from deputize.seal_key",
  "select * from authority.approvals",
  "select * from authority.passwords",
  "select * from audit.openings",
  "select rolpassword from pg_authid",
  "select query from pg_stat_activity where query like '%enter%'",
  "select pg_read_file('/etc/passwd')",
  "copy shop.orders to program 'cat'",
  "do $$ begin execute 'reset role'; end $$",
  "select query_to_xml('select * from shop.orders', true, true, '')",
  "select table_to_xml('shop.orders', true, true, '')",
  "select * from pg_stats where schemaname = 'shop' and tablename = 'orders'",
  "explain (analyze, verbose) select * from shop.orders",
  "lock table shop.orders",
  "listen deputize_revocations",
  "select pg_notify('deputize_revocations', '999999')",
  `select * from shop.orders where user_id = '${bob}'`,
  `select number from shop.orders where user_id = '${bob}' union all select number from shop.orders o where o.user_id = '${bob}'`,
  `select * from shop.orders where cast(case when user_id = '${bob}' then number else '1' end as int) > 0`,
];
const SEVERAL = [
  "select 1; select * from shop.orders",
  "select 1; reset role; select * from shop.orders",
  "commit; begin; select * from shop.orders",
  "rollback; select * from shop.orders",
];

describe("SQL that a model wrote", () => {
  it("through the store's own door: only the caller's rows, nothing changed, each attempt logged [SR-01] [SR-02] [SR-17]", async () => {
    const before = await watched();
    const known = (await shop.log("customer")).length;
    const statements = [
      ...ROLES,
      ...SETTINGS,
      ...REACHES,
      ...SEVERAL,
      ...(await changes()),
      ...(await functionCalls()),
    ];
    for (const statement of statements.slice(0, 60)) {
      const answer = await run("untrusted", { sql: statement });
      expect([statement, leaked(answer)]).toEqual([statement, []]);
      expect(answer).not.toMatch(/SCRAM|root:x|argon2id/);
    }
    expect(await watched()).toEqual(before);
    expect((await shop.log("customer")).length - known).toBeGreaterThanOrEqual(60);
    expect(leaked(await run("all_orders", {}))).toEqual([]);
  });

  it.each(["read_each", "write_each"])(
    "handed straight to a transaction by %s: only the caller's rows, and nothing of authority or money [SR-02] [SR-03] [SR-17]",
    async (tool) => {
      const before = await watched();
      const isServer = shop.running.store.kind === "postgres";
      const theirLog = (await shop.log("victim")).length;
      // What may break the seal goes alone, so that all the rest is tried with the seal in place.
      const alone = [...SETTINGS, ...(isServer ? ROLES : [])];
      for (const statement of alone) {
        const tried = await run(tool, {
          statements: [statement, "select * from shop.orders", "update shop.orders set total = 0"],
        });
        expect([statement, leaked(tried)]).toEqual([statement, []]);
      }
      const statements = [
        ...REACHES,
        ...(await changes()),
        ...(await functionCalls()),
        "select count(*)::int as own from shop.orders",
      ];
      const answer = await run(tool, { statements });
      const results = outcomes(answer);
      expect(results).toHaveLength(statements.length);
      expect(results.at(-1)).toEqual({ rows: [{ own: (await shop.orders("customer")).length }] });
      // What SQL writes into the log itself stands there in the caller's own name.
      expect((await shop.log("victim")).length).toBe(theirLog);
      expect(leaked(answer)).toEqual([]);
      expect(await watched()).toEqual(before);
      // The next caller on the same connections is nobody else, and is not locked out.
      const next = await run("all_orders", {}, victimToken);
      const theirs = (await shop.orders("victim")).map((order) => order.id);
      expect(theirs.filter((id) => !next.includes(id))).toEqual([]);
      expect((await shop.orders("customer")).filter((order) => next.includes(order.id))).toEqual([]);
    },
  );

  // On the embedded database this is the weakness that docs/security.md names.
  if (testDatabaseUrl) {
    it("that ends the transaction it was given gains nothing by it", async () => {
      const before = await watched();
      for (const statement of SEVERAL) {
        for (const tool of ["read_each", "write_each"]) {
          const answer = await run(tool, {
            statements: [statement, "select * from shop.orders", "update shop.orders set total = 0"],
          });
          expect([statement, leaked(answer)]).toEqual([statement, []]);
        }
      }
      expect(await watched()).toEqual(before);
    });
  }

  it("waits for a person when strangers' text is in the context, or when nothing is said of it [SR-06]", async () => {
    const args = { statements: ["select 1"] };
    for (const meta of [
      {},
      { "deputize/context": { ...TRUSTED["deputize/context"], integrity: "untrusted" } },
    ]) {
      const answer = await new TestClient(server, { token }).callTool("write_each", args, meta);
      expect([approvalIn(answer), answer.structuredContent?.["answer"]]).toEqual([
        expect.any(String),
        undefined,
      ]);
    }
  });

  it("cancels no order: neither one's own without a yes, nor another than the person said yes to [SR-15]", async () => {
    const mine = (await shop.orders("customer")).filter(
      (order) => order.status === "placed" || order.status === "confirmed",
    );
    const [one, two] = mine;
    const call = (order: { id: string; version: number }, version = order.version) =>
      `select shop.cancel_order('${order.id}', 'x', ${version})`;
    const before = await shop.digests(["shop"]);
    const plain = outcomes(
      await run("write_each", { statements: [one!, two!].flatMap((o) => [call(o), call(o, o.version - 1)]) }),
    );
    expect(plain.map((each_) => each_.refused)).toEqual(
      Array.from({ length: 4 }, () => expect.stringMatching(/DP409|approval/)),
    );

    // With a yes to one order in the same transaction, SQL reaches that order and no other.
    const client = await shop.as("customer");
    const { tool } = await shop.tokens(client);
    const args = { order_id: one!.id, reason: "mine" };
    const id = approvalIn(await callTool(shop, tool, "cancel_order", args, { "deputize/call_id": "sql" }));
    await client.post(`/api/approvals/${id}/decide`, { decision: "approve" });
    const spend = await shop.running.store.ownerQuery<{ digests: string[] }>(
      "select array[args_digest, preview_digest] as digests from authority.approvals where id = $1",
      [id],
    );
    const [argsDigest, previewDigest] = spend.rows[0]!.digests;
    const consume = `select authority.consume_approval('${id}', 'sql', 'cancel_order', '${argsDigest}', '${previewDigest}', null)`;
    const results = outcomes(
      await run("write_each", {
        statements: [
          consume,
          call(two!),
          call(one!, one!.version + 1),
          "select deputize.assert_approved('cancel_order', 'x', '1')",
        ],
      }),
    );
    expect(results.map((each_) => each_.refused === undefined)).toEqual([true, false, false, false]);
    expect(await shop.digests(["shop"])).toEqual(before);
    // Spent in another transaction, it is no yes to a later one.
    expect(
      outcomes(await run("write_each", { statements: [call(one!), consume] })).every(
        (each_) => each_.refused,
      ),
    ).toBe(true);
    expect(await shop.digests(["shop"])).toEqual(before);
  });
});

/** Every command on every table, and every column of it, that could change something of authority or money. */
async function changes(): Promise<string[]> {
  const { rows } = await shop.running.store.ownerQuery<{ name: string; column: string }>(
    `select format('%I.%I', table_schema, table_name) as name, quote_ident(column_name) as column
     from information_schema.columns where table_schema in ('shop', 'authority', 'audit', 'deputize')`,
  );
  const tables = [...new Set(rows.map((row) => row.name))];
  return [
    ...tables.flatMap((name) => [
      `select * from ${name} for update`,
      `insert into ${name} default values`,
      `insert into ${name} select * from ${name} limit 1`,
      `truncate ${name} cascade`,
      `delete from ${name}`,
    ]),
    ...rows.map(({ name, column }) => `update ${name} set ${column} = ${column}`),
  ];
}

/** Each function of ours, and each definer function of anybody, that the app role may run, with hostile arguments. */
async function functionCalls(): Promise<string[]> {
  const { rows } = await shop.running.store.ownerQuery<{ name: string; types: string[] }>(
    `select format('%I.%I', n.nspname, p.proname) as name,
       array(select pg_catalog.format_type(t, null) from unnest(p.proargtypes) t)::text[] as types
     from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where pg_catalog.has_function_privilege($1::text, p.oid, 'execute')
       and pg_catalog.has_schema_privilege($1::text, n.oid, 'usage')
       and (p.prosecdef or n.nspname in ('shop', 'authority', 'audit', 'deputize', 'agent'))`,
    [shop.running.store.roleName("app")],
  );
  expect(rows.map((row) => row.name)).toEqual(
    expect.arrayContaining(["shop.cancel_order", "authority.consume_approval", "authority.person"]),
  );
  const orders = (await shop.orders("victim"))
    .concat(await shop.orders("customer"))
    .filter((o) => o.status === "placed" || o.status === "confirmed");
  const approvals = await shop.running.store.ownerQuery<{ id: string }>("select id from authority.approvals");
  const ids = [bob, ...orders.map((order) => order.id), ...approvals.rows.map((row) => row.id)];
  const values = (type: string, i: number): string => {
    if (type === "uuid") return `'${ids[i % ids.length]}'`;
    if (type === "integer") return String(i % 4);
    if (type === "jsonb")
      return `'{"action":"tool.call","outcome":"allowed","tenant":"default","subject":"${bob}"}'`;
    if (type === "timestamp with time zone") return "'-infinity'";
    if (type === "text") return ["'orders'", "'admin'", "'profile'", "'default'"][i % 4]!;
    return "null";
  };
  return rows.flatMap(({ name, types }) =>
    ids.map(
      (_, i) => `select ${name}(${types.map((type, at) => `${values(type, i + at)}::${type}`).join(", ")})`,
    ),
  );
}

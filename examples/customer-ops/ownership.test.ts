/** Whose things arguments may name, and what the database shows when a tool forgets to ask. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PrincipalId } from "deputize/core";
import { MCPRouter, type TestClient, aroundHandler, requireAuth } from "deputize/mcp";
import { z } from "zod";
import { PEOPLE, type PersonName, idOf } from "./people.ts";
import { TRUSTED, type TestDesk, codeOf, nameless, openTestDesk } from "./testing.ts";

let desk: TestDesk;
let ran: string[] = [];
/** All the desk's tables with rows of a person. */
let owned: string[] = [];
beforeAll(async () => {
  desk = await openTestDesk();
  desk.server.use(
    aroundHandler("count", async ({ name }, next) => {
      ran.push(name);
      return next();
    }),
  );
  owned = (
    await desk.store.ownerQuery<{ table: string }>(
      `SELECT table_name AS table FROM information_schema.columns WHERE table_schema = 'desk' AND column_name = 'owner_id'
       ORDER BY 1`,
    )
  ).rows.map(({ table }) => table);
});
afterAll(() => desk[Symbol.asyncDispose]());
beforeEach(() => {
  ran = [];
});

/** Every tool that takes an id, with everything else that it needs. */
const ID_TOOLS: readonly (readonly [tool: string, argument: string, rest?: Record<string, unknown>])[] = [
  ["customers_get_customer", "customer_id"],
  ["customers_update_customer", "customer_id", { updates: { city: "Salem" } }],
  ["customers_delete_customer", "customer_id"],
  ["customers_get_customer_history", "customer_id"],
  ["customers_add_customer_note", "customer_id", { note: "n" }],
  ["customers_get_customer_segments", "customer_id"],
  ["orders_get_order", "order_id"],
  ["orders_list_orders", "customer_id"],
  ["orders_track_shipment", "order_id"],
  ["orders_get_invoice", "invoice_id"],
  ["orders_process_refund", "order_id", { amount: 1, reason: "r" }],
  ["orders_apply_discount", "order_id", { code: "SPRING10" }],
  ["orders_cancel_order", "order_id", { reason: "r" }],
  ["orders_get_payment_methods", "customer_id"],
  ["tickets_get_ticket", "ticket_id"],
  ["tickets_list_tickets", "customer_id"],
  ["tickets_create_ticket", "customer_id", { subject: "s", description: "d" }],
  ["tickets_update_ticket", "ticket_id", { updates: { priority: "low" } }],
  ["tickets_add_ticket_comment", "ticket_id", { comment: "c" }],
  ["tickets_assign_ticket", "ticket_id", { agent_id: "tess" }],
  ["tickets_escalate_ticket", "ticket_id", { reason: "r" }],
  ["tickets_close_ticket", "ticket_id", { resolution: "r" }],
  ["analytics_customer_lifetime_value", "customer_id"],
  ["analytics_churn_risk_score", "customer_id"],
];

/** An id of Ben's, one of the other company's, and one of nobody's. */
const IDS: Readonly<Record<string, readonly [string, string, string]>> = {
  customer_id: ["43", "92", "99999"],
  order_id: ["22346", "92345", "99999"],
  invoice_id: ["INV-22346", "INV-92345", "INV-99999"],
  ticket_id: ["T-601", "T-902", "T-99999"],
};

async function answers(
  client: TestClient,
  tool: string,
  calls: readonly Record<string, unknown>[],
): Promise<string[]> {
  const all: string[] = [];
  for (const args of calls) all.push(nameless(await client.callTool(tool, args, TRUSTED)));
  return all;
}

describe("an argument that names a thing", () => {
  it("is there for whoever it belongs to, so that the tests below could fail", async () => {
    const tables = {
      customer_id: "customers",
      order_id: "orders",
      invoice_id: "invoices",
      ticket_id: "tickets",
    };
    for (const [argument, table] of Object.entries(tables)) {
      const { rows } = await desk.store.ownerQuery<{ tenant: string }>(
        `SELECT tenant FROM desk.${table} WHERE id = ANY ($1) ORDER BY tenant`,
        [IDS[argument]],
      );
      expect([table, rows]).toEqual([table, [{ tenant: "default" }, { tenant: "globex" }]]);
    }
  });

  it("covers every tool with such an argument", async () => {
    const { tools } = await (
      await desk.as("max")
    ).request<{
      tools: { name: string; inputSchema: { properties?: object } }[];
    }>("tools/list");
    const taking = tools.filter(({ inputSchema }) =>
      Object.keys(inputSchema.properties ?? {}).some((argument) => argument in IDS),
    );
    expect(taking.map(({ name }) => name)).toEqual(ID_TOOLS.map(([tool]) => tool));
  });

  it("is not there when it is another owner's, another tenant's, or nobody's, and no tool runs [PR-D05] [PR-D27]", async () => {
    for (const who of ["max", "ann"] as const) {
      const client = await desk.as(who);
      const listed = new Set((await client.listTools()).map(({ name }) => name));
      for (const [tool, argument, rest] of ID_TOOLS.filter(([name]) => listed.has(name))) {
        const [foreign, elsewhere, missing] = await answers(
          client,
          tool,
          (IDS[argument] ?? []).map((id) => ({ [argument]: id, ...rest })),
        );
        expect([tool, foreign]).toEqual([tool, missing]);
        expect([tool, elsewhere]).toEqual([tool, missing]);
        expect([tool, missing?.includes('"code":"not_found"')]).toEqual([tool, true]);
      }
    }
    expect(ran).toEqual([]);
  });

  it("names the caller's own thing where another company has one of the same name", async () => {
    const own = async (name: PersonName) =>
      (await (await desk.as(name)).callTool("customers_get_customer", { customer_id: "42" }))
        .structuredContent;
    expect(await own("ann")).toMatchObject({ customer: { name: PEOPLE.ann.name } });
    expect(await own("gus")).toMatchObject({ customer: { name: PEOPLE.gus.name } });
  });

  it("names a colleague of one's own company who does support, or nobody [PR-D05]", async () => {
    const { assistant } = await desk.withCase("max", "ben");
    const assign = (agent_id: string) => ({ ticket_id: "T-601", agent_id });
    const [elsewhere, otherWork, missing] = await answers(
      assistant,
      "tickets_assign_ticket",
      ["greta", "lin", "nobody"].map(assign),
    );
    expect([elsewhere, otherWork]).toEqual([missing, missing]);
    const byUpdate = await answers(
      assistant,
      "tickets_update_ticket",
      ["greta", "lin", "nobody"].map((assignee) => ({ ticket_id: "T-601", updates: { assignee } })),
    );
    expect(new Set(byUpdate).size).toBe(1);
    expect(ran).toEqual([]);
  });

  it("names a feature of one's own company, or none [PR-D05]", async () => {
    await desk.store.ownerQuery(
      "INSERT INTO desk.features (tenant, feature, description, enabled) VALUES ('globex', 'beta_map', 'a map', true)",
    );
    const [elsewhere, missing] = await answers(
      await desk.as("max"),
      "ops_feature_toggle",
      ["beta_map", "no_such"].map((feature) => ({ feature, enabled: false })),
    );
    expect(elsewhere).toBe(missing);
    expect(ran).toEqual([]);
  });
});

describe("a case", () => {
  it("shows its person's things, puts itself into each entry, and shows nobody else's [SR-04]", async () => {
    const { assistant, caseId } = await desk.withCase("tess", "ann");
    const profile = await assistant.callTool("customers_get_customer", { customer_id: "42" });
    expect(profile.structuredContent).toMatchObject({ customer: { name: PEOPLE.ann.name } });
    expect(await codeOf(assistant.callTool("customers_get_customer", { customer_id: "43" }))).toBe(
      "not_found",
    );
    const found = await assistant.callTool("customers_search_customers", { query: "mail.example" });
    expect(found.structuredContent).toMatchObject({ customers: [{ id: "42" }] });
    const tickets = await assistant.callTool("tickets_list_tickets", { status: "all" });
    expect(tickets.structuredContent).toMatchObject({
      tickets: [{ customer_id: "42" }, { customer_id: "42" }],
    });
    const { entries } = await desk.audit.query({
      tenant: "default",
      subject: idOf("tess"),
      action: "tool.call",
      outcome: "allowed",
    });
    expect(entries.map(({ event }) => [event?.case?.id, event?.about])).toEqual(
      Array.from({ length: 3 }, () => [caseId, [idOf("ann")]]),
    );
  });

  it("opens what it names and no more: figures about orders need a case over orders too [SR-04]", async () => {
    const { assistant } = await desk.withCase("lin", "ben", ["profile"]);
    expect(await codeOf(assistant.callTool("customers_get_customer", { customer_id: "43" }))).toBeUndefined();
    expect(await codeOf(assistant.callTool("orders_get_order", { order_id: "22345" }))).toBe("not_found");
    for (const tool of ["analytics_customer_lifetime_value", "analytics_churn_risk_score"])
      expect(await codeOf(assistant.callTool(tool, { customer_id: "43" }))).toBe("not_found");
  });

  it("does not reach a token of one's own, or a colleague who opened none [SR-04]", async () => {
    await desk.withCase("sam", "ben");
    for (const client of [await desk.as("sam"), await desk.as("ada")])
      expect(await codeOf(client.callTool("customers_get_customer", { customer_id: "43" }))).toBe(
        "not_found",
      );
  });
});

describe("a tool that forgets its filter", () => {
  const forgetful = async (as: TestClient, table: string): Promise<{ tenant: string; owner_id: string }[]> =>
    (await as.callTool("forgetful_read", { table })).structuredContent?.["rows"] as never;

  beforeAll(() => {
    const router = new MCPRouter({ prefix: "forgetful", guards: [requireAuth()] });
    router.tool(
      "read",
      { description: "Reads a whole table", effect: "read", input: { table: z.string().regex(/^[a-z_]+$/) } },
      async ({ table }, { db }) => ({
        rows: (await db.read((tx) => tx.query(`SELECT tenant, owner_id FROM desk.${table}`))).rows,
      }),
    );
    desk.server.mount(router);
  });

  it("still answers its caller's rows, of each table [SR-02] [SR-03]", async () => {
    expect(owned.length).toBeGreaterThanOrEqual(12);
    for (const who of ["ann", "gus", "max"] as const) {
      const client = await desk.as(who);
      for (const table of owned) {
        const rows = await forgetful(client, table);
        const foreign = rows.filter((row) => row.owner_id !== idOf(who) || row.tenant !== PEOPLE[who].tenant);
        expect([who, table, foreign]).toEqual([who, table, []]);
        if (who === "max") expect([table, rows]).toEqual([table, []]);
      }
    }
    expect((await forgetful(await desk.as("ann"), "orders")).length).toBe(4);
  });

  it("answers a person's rows more under a case, of the tables that the case names [SR-04]", async () => {
    const { assistant } = await desk.withCase("ada", "ben");
    const owners = async (table: string) =>
      new Set((await forgetful(assistant, table)).map((row) => row.owner_id));
    expect(await owners("orders")).toEqual(new Set([idOf("ben")]));
    expect(await owners("customers")).toEqual(new Set([idOf("ben")]));
  });
});

describe("SQL that nobody vouches for", () => {
  it("reads its caller's rows only, whatever it sets [SR-01] [SR-02]", async () => {
    const { assistant } = await desk.signIn("ann");
    const { caller: ann } = await desk.authority.tokens.read(assistant);
    for (const statement of [
      "SELECT owner_id FROM desk.orders",
      `SELECT owner_id FROM desk.orders, set_config('deputize.seal', '${idOf("ben")}', true) WHERE owner_id = '${idOf("ben")}'`,
      "SELECT owner_id FROM desk.orders, set_config('role', 'postgres', true)",
    ]) {
      const rows = (await desk.store.runUntrustedSql(ann, statement).catch(() => [])) as {
        owner_id: PrincipalId;
      }[];
      expect(rows.filter((row) => row.owner_id !== ann.subject)).toEqual([]);
    }
  });

  it("finds every table sealed, and writes no money, no owner and no state that needs a yes [SR-03]", async () => {
    const { rows: open } = await desk.store.ownerQuery(
      `SELECT relname FROM pg_class WHERE relnamespace = 'desk'::regnamespace AND relkind = 'r'
         AND NOT (relrowsecurity AND relforcerowsecurity)`,
    );
    expect(open).toEqual([]);
    const { rows: writable } = await desk.store.ownerQuery<{ column: string }>(
      `SELECT table_name || '.' || column_name AS column FROM information_schema.column_privileges
       WHERE table_schema = 'desk' AND grantee = $1 AND privilege_type = 'UPDATE' ORDER BY 1`,
      [desk.store.roleName("app")],
    );
    expect(writable.map(({ column }) => column)).toEqual([
      ...["city", "email", "name", "phone", "version"].map((column) => `customers.${column}`),
      ...["assignee_id", "priority", "status", "tier", "version"].map((column) => `tickets.${column}`),
    ]);
    const { rows: deletable } = await desk.store.ownerQuery(
      `SELECT FROM information_schema.table_privileges WHERE table_schema = 'desk' AND grantee = $1
         AND privilege_type IN ('DELETE', 'TRUNCATE')`,
      [desk.store.roleName("app")],
    );
    expect(deletable).toEqual([]);
  });

  it("learns from no constraint that somebody else's thing is there [SR-23]", async () => {
    const sam = await desk.signIn("sam");
    const { caller } = await desk.authority.tokens.read(sam.assistant);
    const state = async (statement: string, params: readonly unknown[]) =>
      desk.store
        .asCaller({ ...caller, roles: ["support"] }, (tx) => tx.query(statement, params), { readOnly: false })
        .then(
          () => "done",
          (error: { code?: string }) => error.code,
        );
    for (const [table, columns, values] of [
      ["tickets", "customer_id, subject, description, priority", "$3, 's', 'd', 'low'"],
      ["customer_notes", "customer_id, note, author_id", "$3, 'n', $4::uuid"],
    ] as const) {
      const insert = (owner: PrincipalId, id: string) =>
        state(
          `INSERT INTO desk.${table} (tenant, owner_id, ${columns}) SELECT $1, $2::uuid, ${values} WHERE $4::text <> ''`,
          ["default", owner, id, caller.subject],
        );
      const [foreign, missing] = [await insert(caller.subject, "43"), await insert(caller.subject, "99999")];
      expect([table, foreign]).toEqual([table, missing]);
      expect([table, await insert(idOf("ben"), "43")]).toEqual([table, await insert(idOf("ben"), "99999")]);
    }
  });

  it("closes no ticket and takes none over [SR-03]", async () => {
    const { assistant } = await desk.signIn("ann");
    const { caller } = await desk.authority.tokens.read(assistant);
    for (const change of ["status = 'closed'", "tier = 2", `assignee_id = '${idOf("sam")}'`]) {
      const attempt = desk.store.asCaller(
        caller,
        (tx) => tx.query(`UPDATE desk.tickets SET ${change} WHERE id = 'T-501'`),
        { readOnly: false },
      );
      await expect(attempt).rejects.toThrow();
    }
  });
});

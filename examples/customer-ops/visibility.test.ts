/** Who sees which tool, and who somebody is at all. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { randomHex } from "deputize/core";
import { TestClient, aroundHandler } from "deputize/mcp";
import { idOf } from "./people.ts";
import { ALL_SCOPES } from "./installation.ts";
import { TRUSTED, type TestDesk, codeOf, nameless, openTestDesk } from "./testing.ts";

type Roles = readonly string[];
const every =
  (...wanted: readonly string[]) =>
  (held: Roles) =>
    wanted.every((one) => held.includes(one));
const read = (_roles: Roles, scopes: Roles) => every("read")(scopes);
const write = (_roles: Roles, scopes: Roles) => every("write")(scopes);
const billingRead = (_roles: Roles, scopes: Roles) => every("billing:read")(scopes);
const billingWrite = (_roles: Roles, scopes: Roles) => every("billing:write")(scopes);

/** The guards as the guide prints them, written down again so that a changed guard is a failed test. */
const RULES: Readonly<Record<string, (roles: Roles, scopes: Roles) => boolean>> = {
  customers_get_customer: read,
  customers_search_customers: read,
  customers_update_customer: write,
  customers_delete_customer: every("admin", "support"),
  customers_get_customer_history: read,
  customers_add_customer_note: write,
  customers_get_customer_segments: read,
  orders_get_order: read,
  orders_list_orders: read,
  orders_track_shipment: read,
  orders_get_invoice: billingRead,
  orders_process_refund: billingWrite,
  orders_apply_discount: billingWrite,
  orders_cancel_order: write,
  orders_get_payment_methods: billingRead,
  tickets_get_ticket: read,
  tickets_list_tickets: read,
  tickets_create_ticket: write,
  tickets_update_ticket: write,
  tickets_add_ticket_comment: write,
  tickets_assign_ticket: every("support"),
  tickets_escalate_ticket: every("support"),
  tickets_close_ticket: every("support"),
  analytics_customer_lifetime_value: every("analyst"),
  analytics_churn_risk_score: every("analyst"),
  analytics_revenue_report: every("analyst"),
  analytics_support_metrics: every("analyst"),
  ops_system_health: every("admin"),
  ops_feature_toggle: every("admin", "ops"),
  ops_audit_log: every("admin"),
};
const TOOLS = Object.keys(RULES);
const permitted = (roles: Roles, scopes: Roles) => TOOLS.filter((tool) => RULES[tool]?.(roles, scopes));
const subsets = (list: Roles): string[][] =>
  list.reduce<string[][]>((all, one) => [...all, ...all.map((some) => [...some, one])], [[]]);

const ROLES = ["support", "analyst", "admin", "ops"];
const SCOPES = ALL_SCOPES.split(" ");
const KEYS = { tess: randomHex(), nobody: randomHex() };

let desk: TestDesk;
let ran = 0;
beforeAll(async () => {
  desk = await openTestDesk({
    apiKeys: {
      [KEYS.tess]: { clientId: "tess@acme.example", roles: ["support"], scopes: ["read"] },
      [KEYS.nobody]: { clientId: "nobody@acme.example", roles: ROLES, scopes: SCOPES },
    },
  });
  desk.server.use(
    aroundHandler("count", async (_call, next) => {
      ran += 1;
      return next();
    }),
  );
});
afterAll(() => desk[Symbol.asyncDispose]());
beforeEach(() => {
  ran = 0;
});

const callers = [
  ...subsets(ROLES).flatMap((roles) => [
    { roles, scopes: [] },
    { roles, scopes: SCOPES },
  ]),
  ...subsets(SCOPES).map((scopes) => ({ roles: [], scopes })),
];

describe("30 tools", () => {
  it("are listed for whoever may call them, and for nobody else [PR-F26]", async () => {
    expect(callers).toHaveLength(48);
    for (const { roles, scopes } of callers) {
      const client = await desk.as("max", { roles, scope: scopes.join(" ") });
      const listed = (await client.listTools()).map(({ name }) => name);
      expect([roles, scopes, listed]).toEqual([roles, scopes, permitted(roles, scopes)]);
    }
  });

  it("answer the same as unknown ones where they are forbidden, and do not run [PR-F26]", async () => {
    for (const { roles, scopes } of [
      { roles: [], scopes: [] },
      { roles: ROLES, scopes: [] },
      { roles: [], scopes: SCOPES },
      { roles: ["admin"], scopes: ["read"] },
    ]) {
      const client = await desk.as("max", { roles, scope: scopes.join(" ") });
      const answer = async (name: string) =>
        nameless((await (await client.send("tools/call", { name })).json()) as object);
      const withoutNumber = (text: string) => text.replace(/"id":\d+/, '"id":0');
      const unknown = withoutNumber(await answer("no_such_tool"));
      const allowed = permitted(roles, scopes);
      for (const tool of TOOLS.filter((name) => !allowed.includes(name)))
        expect([tool, withoutNumber(await answer(tool))]).toEqual([tool, unknown]);
    }
    expect(ran).toBe(0);
  });

  it("say in one sentence what they do, and name every argument [PR-F02]", async () => {
    const client = await desk.as("max");
    const { tools } = await client.request<{
      tools: {
        name: string;
        description: string;
        inputSchema: { properties?: Record<string, { description?: string }> };
      }[];
    }>("tools/list");
    expect(tools.map(({ name }) => name)).toEqual(TOOLS);
    for (const { name, description, inputSchema } of tools) {
      expect([name, description.length > 40 && description.length < 250]).toEqual([name, true]);
      for (const [argument, schema] of Object.entries(inputSchema.properties ?? {}))
        expect([name, argument, (schema.description ?? "").length > 5]).toEqual([name, argument, true]);
    }
  });
});

describe("who is calling", () => {
  const token = (claims: Parameters<TestDesk["tokens"]["createToken"]>[0]) => desk.tokens.createToken(claims);
  const client = async (claims: Parameters<TestDesk["tokens"]["createToken"]>[0]) =>
    new TestClient(desk.server, { token: await token(claims) });
  const statusOf = async (claims: Parameters<TestDesk["tokens"]["createToken"]>[0]) =>
    (await (await client(claims)).send("tools/list")).status;

  it("is a person of the authority; a token that names nobody, or somebody of elsewhere, is 401 [SR-09]", async () => {
    expect(await statusOf({ sub: "ann@mail.example", scope: "read" })).toBe(200);
    expect(await statusOf({ sub: "nobody@mail.example", scope: "read" })).toBe(401);
    expect(await statusOf({ sub: "ann@mail.example", scope: "read", tenant_id: "globex" })).toBe(401);
    expect(await statusOf({ sub: idOf("ann"), scope: "read" })).toBe(401);
  });

  it("has the roles that the desk says, whatever is written into a token [SR-09]", async () => {
    const ann = await client({ sub: "ann@mail.example", scope: ALL_SCOPES, roles: ROLES });
    expect((await ann.listTools()).map(({ name }) => name)).toEqual(permitted([], SCOPES));
    const sam = await client({ sub: "sam@acme.example", scope: ALL_SCOPES, roles: ROLES });
    expect((await sam.listTools()).map(({ name }) => name)).toEqual(permitted(["support"], SCOPES));
  });

  it("may come with a token of the authority instead, for this server only [PR-D04]", async () => {
    const { person, assistant } = await desk.signIn("ada");
    const through = new TestClient(desk.server, { token: assistant });
    expect((await through.listTools()).map(({ name }) => name)).toEqual(
      permitted(["admin", "support"], SCOPES),
    );
    const direct = await new TestClient(desk.server, { token: person }).send("tools/list");
    expect(direct.status).toBe(401);
  });

  it("may come with a key instead, as the person whom the key stands for [SR-09]", async () => {
    const withKey = (key: string) => new TestClient(desk.server, { headers: { "x-api-key": key } });
    const listed = (await withKey(KEYS.tess).listTools()).map(({ name }) => name);
    expect(listed).toEqual(permitted(["support"], ["read"]));
    expect((await withKey(KEYS.nobody).send("tools/list")).status).toBe(401);
  });

  it("stops when the person leaves, also for what is written [SR-13]", async () => {
    const cleo = await desk.as("cleo");
    const note = () =>
      cleo.callTool("customers_add_customer_note", { customer_id: "44", note: "hello" }, TRUSTED);
    expect(await codeOf(note())).toBeUndefined();
    await desk.authority.people.deactivate(idOf("cleo"), { actor: idOf("ada"), tenant: "default" });
    expect((await cleo.send("tools/list")).status).toBe(401);
  });

  it("writes on a grant of the authority, which can be taken back [SR-13]", async () => {
    const dora = await desk.as("dora");
    const note = () =>
      dora.callTool("customers_add_customer_note", { customer_id: "45", note: "hello" }, TRUSTED);
    expect(await codeOf(note())).toBeUndefined();
    const dorasOwn = { tenant: "default", subject: idOf("dora"), actor: idOf("dora") };
    await desk.store.transaction("authority", (tx) =>
      desk.authority.grants.revokeBetween(tx, dorasOwn, "test"),
    );
    expect((await dora.send("tools/list")).status).toBe(401);
    const { rows } = await desk.store.ownerQuery("SELECT FROM desk.customer_notes WHERE owner_id = $1", [
      idOf("dora"),
    ]);
    expect(rows).toHaveLength(1);
  });
});

/**
 * Two real agents for tests: a front desk that asks `order-management` over A2A, which looks orders up at a tool server whose data is
 * in the test's database.
 */
import {
  type Agent,
  type AgentOptions,
  PostgresConversationStore,
  agentMigrations,
  createAgent,
  mcpTools,
} from "@deputize/agent";
import { type ScriptedModel, type ScriptedTurn, scriptedModel } from "@deputize/agent/testing";
import { type Caller, newId } from "@deputize/core";
import { MCPServer, hasScope, memoryAudit } from "@deputize/mcp";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { fakeAuthority, fakeVerifier, testCaller } from "../testing.ts";
import { type AgentAppOptions, agentApp } from "./agent-app.ts";
import { SPECIALIST_TOOL, type Specialist, specialistTools } from "./call-specialist.ts";
import { serverMigrations } from "./task-store.ts";

export const URL_OF_ORDERS = "http://shop.test/agents/order-management";
const URL_OF_TOOLS = "http://tools.test/mcp/orders";
const PRICE = { inputPerMillion: 2, outputPerMillion: 8 };

/** With the table that the tool server reads. */
export async function openOrders(): Promise<TestStore> {
  const store = await openTestStore([agentMigrations, serverMigrations]);
  const app = store.roleName("app");
  await store.asOwner(async (owner) => {
    for (const statement of [
      "CREATE SCHEMA shelf",
      "CREATE TABLE shelf.orders (id uuid PRIMARY KEY, tenant text NOT NULL, owner uuid NOT NULL)",
      "ALTER TABLE shelf.orders ENABLE ROW LEVEL SECURITY",
      "CREATE POLICY own ON shelf.orders FOR SELECT USING (owner = (SELECT deputize.subject()))",
      "CREATE POLICY writes ON shelf.orders FOR ALL USING (true) WITH CHECK (true)",
      `GRANT USAGE ON SCHEMA shelf TO ${app}`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON shelf.orders TO ${app}`,
      "SELECT deputize.track_versions('shelf.orders', 'orders', 'tenant', 'owner')",
    ])
      await owner.query(statement);
  });
  return store;
}

/** Somebody adds an order to `owner`'s, as `writer`. */
export const addOrder = (store: TestStore, owner: Caller, writer: Caller): Promise<unknown> =>
  store.asCaller(
    writer,
    (tx) => tx.query("INSERT INTO shelf.orders VALUES ($1, $2, $3)", [newId(), owner.tenant, owner.subject]),
    { readOnly: false },
  );

export const priced = (turns: readonly ScriptedTurn[]): ScriptedModel => ({
  ...scriptedModel(turns),
  price: PRICE,
});

/** A front desk's turn: it asks the specialist, and passes on what that says. */
export const asks = (...answers: readonly string[]): ScriptedTurn[] =>
  answers.flatMap((text) => [
    { calls: [{ tool: SPECIALIST_TOOL, args: { agent_name: "order-management", message: "orders?" } }] },
    { text },
  ]);

/** The specialist's: it looks orders up, and says how many there are. */
export const looksUp = (...answers: readonly (string | ScriptedTurn)[]): ScriptedTurn[] =>
  answers.flatMap((said) => [
    { calls: [{ tool: "list_orders" }] },
    typeof said === "string" ? { text: said } : said,
  ]);

/** A way to the agent as its network address, in this process. */
export function wayTo(app: { fetch(request: Request): Response | Promise<Response> }): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    return app.fetch(new Request(request.url.replace(URL_OF_ORDERS, "http://shop.test"), request));
  };
}

export interface TwoAgents {
  readonly store: TestStore;
  readonly frontModel: ScriptedModel;
  readonly calleeModel: ScriptedModel;
  readonly front?: Partial<AgentOptions>;
  readonly callee?: Partial<AgentOptions>;
  readonly specialist?: Partial<Specialist>;
  readonly accountsTo?: AgentAppOptions["accountsTo"];
}

/** The front desk, for anybody whose token it is given. */
export function frontDesk(options: TwoAgents): Agent {
  const { store } = options;
  const conversations = new PostgresConversationStore(store);
  const audit = { append: async () => newId() };
  const tools = new MCPServer({
    name: "orders",
    url: URL_OF_TOOLS,
    store,
    audit: memoryAudit(),
    auth: {
      name: "table",
      authenticate: async () => ({ ...testCaller("alice", ["order-management"]), scopes: ["read:orders:*"] }),
    },
  });
  const common = { description: "Orders", guards: [hasScope("read:orders:*")], reads: "own" } as const;
  tools.tool(
    "list_orders",
    { ...common, effect: "read", dataTags: ["orders"] },
    async (_args, { db, caller }) => {
      const { rows } = await db.read((tx) =>
        tx.query("SELECT FROM shelf.orders WHERE owner = $1", [caller.subject]),
      );
      return { orders: rows.length };
    },
  );
  const callee = createAgent({
    name: "order-management",
    description: "Orders.",
    model: options.calleeModel,
    instructions: "Look orders up.",
    toolSources: [
      mcpTools({
        name: "orders",
        trust: true,
        url: URL_OF_TOOLS,
        fetch: async (input, init) => tools.fetch(new Request(input, init)),
      }),
    ],
    conversations,
    audit,
    ...options.callee,
  });
  const app = agentApp({
    agent: callee,
    verifier: fakeVerifier(),
    audience: URL_OF_ORDERS,
    store,
    authorityFor: () => fakeAuthority("alice", ["order-management", "customer-support"], [URL_OF_TOOLS]),
    accountsTo:
      options.accountsTo ?? (({ actors }) => actors[0] === testCaller("x", ["customer-support"]).actors[0]),
    card: { version: "1.0.0", skills: [{ id: "orders", name: "Orders", description: "finds orders" }] },
  });
  return createAgent({
    name: "customer-support",
    description: "",
    model: options.frontModel,
    instructions: "Ask.",
    toolSources: [
      specialistTools({
        specialists: [
          { name: "order-management", description: "orders", url: URL_OF_ORDERS, ...options.specialist },
        ],
        fetch: wayTo(app),
      }),
    ],
    conversations,
    audit,
    ...options.front,
  });
}

export const alice = testCaller("alice");
export const bob = testCaller("bob");

/** One turn of Alice's in a conversation of its own. */
export const asked = (message = "How many orders have I?") => ({
  caller: alice,
  authority: fakeAuthority("alice", ["customer-support"], [URL_OF_ORDERS]),
  message,
});

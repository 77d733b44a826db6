/**
 * A kept answer ends with anybody's write to what it was made of: real turns, a real tool server, a real database
 * [SR-22] [PR-D34].
 */
import { MCPServer, hasScope, memoryAudit } from "@deputize/mcp";
import { type Caller, DeputizeError, newId } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { TestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Agent } from "../agent-types.ts";
import { authority, bob, callerOf, makeAgent, openAgentStore } from "../agent.fixture.ts";
import type { AgentEvent } from "../observe/agent-event.ts";
import { type ScriptedModel, type ScriptedTurn, scriptedModel } from "../testing.ts";
import { mcpTools } from "../tools/mcp-tools.ts";
import { type CacheBackend, inProcessCache } from "./cache-backend.ts";
import { storeVersions } from "./present-versions.ts";
import { SemanticCache, type SemanticCacheOptions } from "./semantic-cache.ts";

const scopes = ["read:orders:*"];
const alice = callerOf("alice", { scopes });
const URL_OF_TOOLS = "http://tools.test/mcp/orders";

let store: TestStore;
let sibling: Store;
let backend: CacheBackend;
beforeAll(async () => {
  store = await openAgentStore();
  sibling = await store.sibling();
  const app = store.roleName("app");
  await store.asOwner(async (owner) => {
    for (const statement of [
      "CREATE SCHEMA shelf",
      "CREATE TABLE shelf.orders (id uuid PRIMARY KEY, tenant text NOT NULL, owner uuid NOT NULL, state text NOT NULL)",
      "ALTER TABLE shelf.orders ENABLE ROW LEVEL SECURITY",
      "CREATE POLICY own ON shelf.orders FOR SELECT USING (owner = (SELECT deputize.subject()))",
      "CREATE POLICY writes ON shelf.orders FOR ALL USING (true) WITH CHECK (true)",
      `GRANT USAGE ON SCHEMA shelf TO ${app}`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON shelf.orders TO ${app}`,
      "SELECT deputize.track_versions('shelf.orders', 'orders', 'tenant', 'owner')",
    ])
      await owner.query(statement);
  });
});
afterAll(() => store?.close());
beforeEach(async () => {
  backend = inProcessCache();
  await store.ownerQuery("DELETE FROM shelf.orders");
});

function toolsOver(database: Store) {
  const server = new MCPServer({
    name: "orders",
    url: URL_OF_TOOLS,
    store: database,
    audit: memoryAudit(),
    auth: {
      name: "table",
      authenticate: async (request) => {
        if (request.headers.get("authorization") !== `Bearer token for ${URL_OF_TOOLS}`)
          throw new DeputizeError("invalid_token", "this token is not good here");
        return alice;
      },
    },
  });
  const common = {
    description: "Orders",
    effect: "read",
    guards: [hasScope("read:orders:*")],
    reads: "own",
  } as const;
  server.tool("list_orders", { ...common, dataTags: ["orders"] }, async (_args, { db, caller }) => {
    const { rows } = await db.read((tx) =>
      tx.query<{ state: string }>("SELECT state FROM shelf.orders WHERE owner = $1 ORDER BY id", [
        caller.subject,
      ]),
    );
    return { states: rows.map(({ state }) => state) };
  });
  return mcpTools({
    trust: true,
    name: "orders",
    url: URL_OF_TOOLS,
    fetch: async (input, init) => server.fetch(new Request(input, init)),
  });
}

/** A model that looks orders up and says how it stands; `before` holds the saying back. */
const looksUp = (text: string, before?: Promise<unknown>): ScriptedTurn[] => [
  { calls: [{ tool: "list_orders" }] },
  { text, ...(before && { after: before }) },
];

interface World {
  readonly agent: Agent;
  readonly looks: string[];
  ask(message?: string): Promise<string>;
}

function worldOver(database: Store, model: ScriptedModel, options: SemanticCacheOptions = {}): World {
  const looks: string[] = [];
  const cache = new SemanticCache({ backend, versions: storeVersions(database), ...options });
  const observers = [(event: AgentEvent) => void (event.kind === "cache_looked" && looks.push(event.result))];
  const agent = makeAgent(store, model, [toolsOver(database)], { cache, observers });
  return {
    agent,
    looks,
    ask: async (message = "Where are my orders?") =>
      (await agent.run({ caller: alice, authority, message })).response,
  };
}

const insert = (owner: Caller) =>
  ["INSERT INTO shelf.orders VALUES ($1, $2, $3, 'placed')", [newId(), owner.tenant, owner.subject]] as const;
const as = (database: Store, caller: Caller, [text, params]: readonly [string, readonly unknown[]]) =>
  database.asCaller(caller, (tx) => tx.query(text, params), { readOnly: false });

describe("a kept answer", () => {
  it("is given again without the model while nothing changed, in another process too", async () => {
    const model = scriptedModel(looksUp("One order."));
    const here = worldOver(store, model);
    const there = worldOver(sibling, model);
    expect([await here.ask(), await here.ask("where are my orders"), await there.ask()]).toEqual([
      "One order.",
      "One order.",
      "One order.",
    ]);
    expect([...here.looks, ...there.looks]).toEqual(["miss", "hit", "hit"]);
    model.assertComplete();
  });

  it.each<[string, () => Promise<unknown>]>([
    ["one's own write", () => as(store, alice, insert(alice))],
    ["another user's write", () => as(store, bob, insert(alice))],
    ["another process's write", () => as(sibling, bob, insert(alice))],
    ["SQL alone", () => store.ownerQuery(...insert(alice))],
  ])("of nothing found ends with %s", async (_who, write) => {
    const model = scriptedModel([...looksUp("None."), ...looksUp("One.")]);
    const { ask } = worldOver(store, model);
    expect([await ask(), await ask()]).toEqual(["None.", "None."]);
    await write();
    expect([await ask(), await ask()]).toEqual(["One.", "One."]);
    model.assertComplete();
  });

  it("ends with a change and a removal of what was found, and not with a write to others' rows", async () => {
    await store.ownerQuery(...insert(alice));
    const model = scriptedModel([...looksUp("Placed."), ...looksUp("Sent."), ...looksUp("None.")]);
    const { ask, looks } = worldOver(store, model);
    await ask();
    await as(store, bob, insert(bob));
    expect(await ask()).toBe("Placed.");
    await store.ownerQuery("UPDATE shelf.orders SET state = 'sent' WHERE owner = $1", [alice.subject]);
    expect(await ask()).toBe("Sent.");
    await store.ownerQuery("DELETE FROM shelf.orders WHERE owner = $1", [alice.subject]);
    expect(await ask()).toBe("None.");
    expect(looks).toEqual(["miss", "hit", "miss", "miss"]);
    model.assertComplete();
  });

  it("is never stale because of a write between its reading and its keeping, in whatever process [SR-22] [PR-D34]", async () => {
    const gate = Promise.withResolvers<void>();
    const model = scriptedModel([...looksUp("None.", gate.promise), ...looksUp("One.")]);
    const { ask, looks } = worldOver(store, model);
    const first = ask();
    await expect.poll(() => model.asked.length).toBe(2); // The tool has read; the answer is not given yet.
    await as(sibling, bob, insert(alice));
    gate.resolve();
    expect(await first).toBe("None.");
    expect([await ask(), await ask()]).toEqual(["One.", "One."]);
    expect(looks).toEqual(["miss", "miss", "hit"]);
    model.assertComplete();
  });

  it("is not given when nobody can tell whether it still holds", async () => {
    const model = scriptedModel([...looksUp("None."), ...looksUp("None again.")]);
    expect(await worldOver(store, model).ask()).toBe("None.");
    const blind = worldOver(store, model, { versions: { read: () => Promise.reject(new Error("away")) } });
    expect(await blind.ask()).toBe("None again.");
    model.assertComplete();
  });
});

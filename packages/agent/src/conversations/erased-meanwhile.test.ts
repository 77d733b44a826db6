/** A person who is erased while a turn of theirs is under way. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TestStore } from "@deputize/store/testing";
import { alice, authority, makeAgent, openAgentStore, passesTools, tableTools } from "../agent.fixture.ts";
import { VectorProvider } from "../memory/vector-provider.ts";
import { agentMemory } from "../memory/agent-memory.ts";
import { scriptedModel } from "../testing.ts";
import type { TextGuard } from "../turn/ports.ts";
import { usageLedger } from "../usage/usage-ledger.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openAgentStore();
});
afterAll(() => store?.close());

it("loses what they said, and keeps no answer or memory of it once the turn has ended [PR-D30]", async () => {
  const ledger = usageLedger({ store });
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const tools = tableTools({
    get_order: async () => {
      reached.resolve();
      await go.promise;
      return { content: { order: 1 } };
    },
  });
  const provider = new VectorProvider(store);
  const agent = makeAgent(
    store,
    scriptedModel([{ calls: [{ tool: "get_order" }] }, { text: "Alice likes lamps very much." }]),
    [tools],
    { observers: [ledger.observer], memory: agentMemory({ provider, autoStore: true }) },
  );
  const turn = agent.run({ caller: alice, authority, message: "I like lamps very much" });
  await reached.promise;
  expect((await kept()).length).toBeGreaterThan(1);
  await erase();
  go.resolve();
  expect((await turn).problem).toMatchObject({ code: "not_found" });
  await ledger.flush();
  // Not a line of numbers either: the turn began before the erasure.
  expect(await kept()).toEqual([]);
});

it("has no memory kept of a turn that was stored just before, while its words are still looked at [PR-D30]", async () => {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const scan: TextGuard = {
    ...passesTools,
    input: async (text) => {
      reached.resolve();
      await go.promise;
      return { text };
    },
    output: () => ({ push: (text) => text, end: () => "" }),
  };
  const memory = agentMemory({ provider: new VectorProvider(store), autoStore: true, scan });
  const model = scriptedModel([{ text: "You like lamps." }, { text: "You like rugs." }]);
  const agent = makeAgent(store, model, [], { memory });
  const turn = agent.run({ caller: alice, authority, message: "I like lamps very much" });
  await reached.promise;
  await erase();
  go.resolve();
  expect(await turn).toMatchObject({ status: "done", response: "You like lamps." });
  expect(await kept()).toEqual([]);
  // What begins afterwards is kept again.
  await agent.run({ caller: alice, authority, message: "I like rugs very much" });
  expect(await kept()).toContain("memories");
});

const erase = () =>
  store.transaction("authority", (tx) =>
    tx.query("SELECT agent.erase_person($1, $2)", [alice.tenant, alice.subject]),
  );

/** The tables in which a row is hers. */
async function kept(): Promise<string[]> {
  const { rows } = await store.ownerQuery<{ t: string }>(
    "SELECT table_name AS t FROM information_schema.columns WHERE table_schema = 'agent' AND column_name = 'owner' ORDER BY 1",
  );
  expect(rows.length).toBeGreaterThan(4);
  const found: string[] = [];
  for (const { t } of rows) {
    const { rows: hers } = await store.ownerQuery(`SELECT FROM agent."${t}" WHERE owner = $1`, [
      alice.subject,
    ]);
    if (hers.length > 0) found.push(t);
  }
  return found;
}

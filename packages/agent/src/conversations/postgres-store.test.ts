import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import type { Tx } from "@deputize/store";
import type { TestStore } from "@deputize/store/testing";
import { alice, bob, openAgentStore } from "../agent.fixture.ts";
import { agentTurnContract } from "./agent-turn.contract.ts";
import { START, contents, openRoom, talk } from "./contract.fixture.ts";
import { conversationKeepingContract } from "./conversation-keeping.contract.ts";
import { conversationThreadsContract } from "./conversation-threads.contract.ts";
import { conversationStoreContract } from "./conversation-store.contract.ts";
import { PostgresConversationStore } from "./postgres-store.ts";

const open = async () => {
  const store = await openAgentStore();
  return {
    store: new PostgresConversationStore(store),
    another: async () => new PostgresConversationStore(await store.sibling()),
    broken: async () => {
      const away = (): Promise<never> => Promise.reject(new Error("connection refused by the test"));
      return new PostgresConversationStore({ ...store, asCaller: away, transaction: away });
    },
    close: () => store.close(),
  };
};
conversationStoreContract("postgres", open);
conversationKeepingContract("postgres", open);
conversationThreadsContract("postgres", open);
agentTurnContract("postgres", open);

describe("who may remove conversations in Postgres [SR-03]", () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openAgentStore();
  });
  afterAll(() => store?.close());
  const count = async (): Promise<unknown> =>
    (await store.ownerQuery<{ n: number }>("SELECT count(*)::int AS n FROM agent.messages")).rows[0]?.n;

  it("the authority's function alone: tools' SQL cannot call it, and the authority reads and deletes nothing by itself", async () => {
    const room = openRoom(new PostgresConversationStore(store), manualClock(START));
    const { conversationId: id } = await talk(room, alice, "hi");
    await talk(room, bob, "hi");
    const call = `SELECT agent.erase('default', '${alice.subject}', NULL, NULL)`;
    for (const settings of [
      "",
      `SET LOCAL deputize.erased_tenant = 'default'; SET LOCAL deputize.erased_owner = '${bob.subject}';`,
    ]) {
      for (const statement of [
        call,
        "DELETE FROM agent.messages",
        "SELECT agent.erase(NULL, NULL, NULL, NULL)",
      ]) {
        const work = async (tx: Tx) => {
          for (const set of settings.split(";")) if (set.trim()) await tx.query(set);
          return tx.query(statement);
        };
        await expect(store.asCaller(alice, work, { readOnly: false }), statement).rejects.toThrow();
      }
    }
    for (const statement of [
      "SELECT * FROM agent.messages",
      "DELETE FROM agent.messages",
      "SELECT * FROM agent.runs",
    ])
      await expect(store.transaction("authority", (tx) => tx.query(statement))).rejects.toThrow();
    expect(await count()).toBe(4);

    // Of one conversation only what its owner removed before.
    const one = "SELECT agent.erase('default', $1, 'order-management', $2)";
    await store.transaction("authority", (tx) => tx.query(one, [alice.subject, id]));
    expect(await count()).toBe(4);
    await store.transaction("authority", (tx) => tx.query(call));
    expect(await count()).toBe(2);
    expect(
      await contents(room.room, bob, (await room.room.list(bob)).conversations[0]?.id ?? ""),
    ).toHaveLength(2);
  });
});

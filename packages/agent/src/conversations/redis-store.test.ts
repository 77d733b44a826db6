import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { manualClock, newId, randomHex } from "@deputize/core";
import { redisClient } from "@deputize/store";
import { alice, bob } from "../agent.fixture.ts";
import { AGENT, START, openRoom, talk, turnOf, waitingTurn } from "./contract.fixture.ts";
import { agentTurnContract } from "./agent-turn.contract.ts";
import { conversationKeepingContract } from "./conversation-keeping.contract.ts";
import { conversationThreadsContract } from "./conversation-threads.contract.ts";
import { claimTurn } from "./conversation-rules.ts";
import { conversationStoreContract } from "./conversation-store.contract.ts";
import { RedisConversationStore, redisBackend } from "./redis-store.ts";

const url = process.env["DEPUTIZE_TEST_REDIS_URL"] || undefined;

it("refuses options that cannot work", () => {
  for (const options of [
    { url: "http://localhost" },
    { url: "redis://localhost", ttlMs: 0 },
    { url: "redis://localhost", prefix: "a b" },
    { url: "redis://localhost", ttl: 5_000 } as { url: string },
  ])
    expect(() => new RedisConversationStore(options)).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
});

if (url !== undefined) {
  const redis = redisClient(url);
  const prefixes: string[] = [];
  const newPrefix = (): string => {
    const prefix = `test:${randomHex(6)}`;
    prefixes.push(prefix);
    return prefix;
  };
  const keysOf = (prefix: string): Promise<string[]> => redis.keys(`${prefix}:*`);
  afterAll(async () => {
    for (const prefix of prefixes) {
      const keys = await keysOf(prefix);
      if (keys.length > 0) await redis.del(...keys);
    }
    redis.disconnect();
  });

  const open = async () => {
    const prefix = newPrefix();
    const stores = [new RedisConversationStore({ url, prefix })];
    return {
      store: stores[0] as RedisConversationStore,
      another: async () => {
        const store = new RedisConversationStore({ url, prefix });
        stores.push(store);
        return store;
      },
      broken: async () => new RedisConversationStore({ url: "redis://127.0.0.1:1", prefix }),
      close: async () => {
        for (const store of stores) await store.close();
      },
    };
  };
  conversationStoreContract("redis", open);
  conversationKeepingContract("redis", open);
  conversationThreadsContract("redis", open);
  agentTurnContract("redis", open);

  describe("conversations in Redis", () => {
    it("leave no key behind when their owner is erased, those of removed ones included", async () => {
      const prefix = newPrefix();
      const store = new RedisConversationStore({ url, prefix });
      const room = openRoom(store, manualClock(START));
      const { conversationId } = await talk(room, alice, "gone already");
      await room.room.delete(alice, conversationId);
      await talk(room, alice, "still here");
      await waitingTurn(room, alice);
      await talk(room, bob, "not hers");
      const keys = await keysOf(prefix);
      expect(keys.some((key) => key.includes(alice.subject) || key.includes(conversationId))).toBe(false);
      await store.eraseOwner(alice);
      await store.eraseOwner(bob);
      expect(keys.length).toBeGreaterThan(0);
      expect(await keysOf(prefix)).toEqual([]);
      await store.close();
    });

    it("go by themselves after the time that was set, from every key [PR-F39]", async () => {
      const prefix = newPrefix();
      const store = new RedisConversationStore({ url, prefix, ttlMs: 60_000 });
      const room = openRoom(store, manualClock(START));
      const old = await talk(room, alice, "old");
      for (const key of await keysOf(prefix)) {
        const left = await redis.pttl(key);
        expect(left).toBeGreaterThan(0);
        expect(left).toBeLessThanOrEqual(60_000);
      }
      // Time is over for this conversation alone.
      for (const key of await keysOf(prefix))
        if (/:(document|messages):/.test(key)) await redis.pexpire(key, 1);
      await sleep(20);
      const young = await talk(room, alice, "young");
      const { conversations } = await room.room.list(alice);
      expect(conversations.map(({ id }) => id)).toEqual([young.conversationId]);
      await expect(room.room.get(alice, old.conversationId)).rejects.toMatchObject({ code: "not_found" });
      expect(await room.room.claimTurn(alice, turnOf("anew", old.conversationId))).toMatchObject({
        history: [],
      });
      await store.eraseOwner(alice);
      expect(await keysOf(prefix)).toEqual([]);
      await store.close();
    });

    it("take a write once that is sent again because its answer was lost", async () => {
      const backend = redisBackend(redis, newPrefix(), 0);
      const room = { tenant: alice.tenant, subject: alice.subject, agent: AGENT };
      const id = newId();
      const { document, append } = claimTurn(
        undefined,
        { agent: AGENT, conversationId: id },
        turnOf("hi", id),
        [],
        manualClock(START),
      );
      const write = {
        document,
        append,
        expected: undefined,
        version: "v1",
        aliases: { add: ["a"], drop: [] },
      };
      expect(await backend.write(room, id, write)).toBe(true);
      expect(await backend.write(room, id, write)).toBe(true);
      expect(await backend.write(room, id, { ...write, version: "v2" })).toBe(false);
      expect(await backend.messages(room, id, { limit: 10 })).toHaveLength(1);
    });
  });
}

/**
 * Conversations in Redis, shared by every process that names the same server.
 *
 * Guarantees: a write compares the version and does all that it does in one script, so it is whole or absent; one that is sent
 * again after a lost answer is done once. All keys of a person share one hash slot, so a cluster serves them too.
 * Does not: last longer than its server does. What was acknowledged survives a crash as far as the server's own persistence goes
 * (`appendonly yes`, `appendfsync always` for all of it) and a failover as far as its replication does; with `ttlMs` a
 * conversation is gone after that time without a word. Keep what must stay in Postgres.
 */
import { type RedisClient, redisClient } from "@deputize/store";
import { z } from "zod";
import { aliasesOf, dumpJson, loadDocument, loadMessage } from "./conversation-document.ts";
import type { ConversationStore, ErasedConversations, Owner } from "./conversation-store.ts";
import { type DocumentBackend, type Room, conversationKey, ownerKey, roomKey } from "./document-backend.ts";
import { documentStore } from "./document-room.ts";
import { ERASE, FORGET_EXPIRED, FORGET_ROOM, REPLACE, WRITE } from "./redis-scripts.ts";
import { storeOptions } from "./store-options.ts";

const OPTIONS = z.strictObject({
  /** `redis://…` or `rediss://…` for TLS. */
  url: z.url({ protocol: /^rediss?$/ }),
  /** How long a conversation stays after its last change, in milliseconds. Without it, until it is removed. */
  ttlMs: z.int().min(1_000).optional(),
  /** What its keys begin with; `deputize:conversations` unless set. */
  prefix: z
    .string()
    .regex(/^[a-z0-9:_-]{1,100}$/)
    .default("deputize:conversations"),
});

export class RedisConversationStore implements ConversationStore {
  readonly kind = "redis";
  readonly open: ConversationStore["open"];
  readonly export: ConversationStore["export"];
  readonly eraseOwner: ConversationStore["eraseOwner"];
  readonly #redis: RedisClient;

  /** Connects when it is first used. Throws `config_invalid` for options that cannot work. */
  constructor(options: z.input<typeof OPTIONS>) {
    const { url, ttlMs, prefix } = storeOptions(OPTIONS, options);
    this.#redis = redisClient(url);
    const store = documentStore(redisBackend(this.#redis, prefix, ttlMs ?? 0));
    this.open = store.open;
    this.export = store.export;
    this.eraseOwner = store.eraseOwner;
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }
}

/** Exported for the tests of races. */
export function redisBackend(redis: RedisClient, prefix: string, ttlMs: number): DocumentBackend {
  const slot = (owner: Owner): string => `${prefix}:{${ownerKey(owner)}}`;
  const agentsKey = (owner: Owner): string => `${slot(owner)}:agents`;
  /** By the time of the last message; removed ones, of which only the id stays, below zero. */
  const indexKey = (room: Room): string => `${slot(room)}:index:${roomKey(room)}`;
  const aliasKey = (room: Room): string => `${slot(room)}:aliases:${roomKey(room)}`;
  const documentKey = (room: Room, id: string): string =>
    `${slot(room)}:document:${conversationKey(room, id)}`;
  const messagesKey = (room: Room, id: string): string =>
    `${slot(room)}:messages:${conversationKey(room, id)}`;

  async function eraseRoom(room: Room): Promise<ErasedConversations> {
    const erased = { conversations: 0, messages: 0, runs: 0 };
    for (;;) {
      const ids = await redis.zrange(indexKey(room), 0, 999);
      for (const id of ids) {
        const [found, messages] = (await redis.eval(
          ERASE,
          3,
          documentKey(room, id),
          messagesKey(room, id),
          indexKey(room),
          id,
        )) as [string, number];
        const document = readable(found);
        const aliases = document ? aliasesOf(document) : [];
        if (aliases.length > 0) await redis.hdel(aliasKey(room), ...aliases);
        erased.conversations += found === "" ? 0 : 1;
        erased.messages += messages;
        erased.runs += document?.runs.length ?? 0;
      }
      if (ids.length > 0) continue;
      await redis.eval(FORGET_ROOM, 3, indexKey(room), aliasKey(room), agentsKey(room), room.agent);
      return erased;
    }
  }

  return {
    read: async (room, id) => {
      const [version, document] = await redis.hmget(documentKey(room, id), "version", "document");
      return version && document ? { version, document: loadDocument(document) } : undefined;
    },
    write: async (room, id, { document, version, expected, append, aliases }) => {
      const keys = [
        documentKey(room, id),
        messagesKey(room, id),
        indexKey(room),
        aliasKey(room),
        agentsKey(room),
      ];
      const done = await redis.eval(
        WRITE,
        keys.length,
        ...keys,
        expected ?? "",
        version,
        dumpJson(document),
        document.deleted ? -1 : document.lastMessage,
        id,
        room.agent,
        ttlMs,
        append.length,
        aliases.add.length,
        ...append.map(dumpJson),
        ...aliases.add,
        ...aliases.drop,
      );
      return done === 1;
    },
    resolve: async (room, alias) => (await redis.hget(aliasKey(room), alias)) ?? undefined,
    list: async (room, after, limit) => {
      const documents = [];
      for (let offset = 0; ; offset += limit) {
        const found = await redis.zrevrangebyscore(
          indexKey(room),
          after?.at ?? "+inf",
          0,
          "WITHSCORES",
          "LIMIT",
          offset,
          limit,
        );
        for (let index = 0; index < found.length; index += 2) {
          const [id = "", at] = [found[index], Number(found[index + 1])];
          if (after && at === after.at && id >= after.id) continue;
          const key = documentKey(room, id);
          const document = await redis.hget(key, "document");
          if (document) documents.push(loadDocument(document));
          else await redis.eval(FORGET_EXPIRED, 2, key, indexKey(room), id);
          if (documents.length === limit) return documents;
        }
        if (found.length < limit * 2) return documents;
      }
    },
    messages: async (room, id, { before, after, limit }) => {
      const key = messagesKey(room, id);
      // The message with the number n is the n-th.
      let [from, to] = [-limit, -1];
      if (after !== undefined) [from, to] = [after, after + limit - 1];
      else if (before !== undefined) {
        to = Math.min(before - 1, await redis.llen(key)) - 1;
        if (to < 0) return [];
        from = Math.max(0, to - limit + 1);
      }
      return (await redis.lrange(key, from, to)).map(loadMessage);
    },
    replaceMessage: async (room, id, message) => {
      await redis.eval(REPLACE, 1, messagesKey(room, id), message.seq - 1, dumpJson(message));
    },
    agents: async (owner) => (await redis.smembers(agentsKey(owner))).toSorted(),
    ids: (room) => redis.zrangebyscore(indexKey(room), 0, "+inf"),
    eraseOwner: async (owner) => {
      const erased = { conversations: 0, messages: 0, runs: 0 };
      for (const agent of await redis.smembers(agentsKey(owner))) {
        const room = await eraseRoom({ tenant: owner.tenant, subject: owner.subject, agent });
        erased.conversations += room.conversations;
        erased.messages += room.messages;
        erased.runs += room.runs;
      }
      return erased;
    },
  };
}

/** Undefined when nothing is there, and when it is damaged: that goes all the same. */
function readable(document: string): ReturnType<typeof loadDocument> | undefined {
  try {
    return document === "" ? undefined : loadDocument(document);
  } catch {
    return undefined;
  }
}

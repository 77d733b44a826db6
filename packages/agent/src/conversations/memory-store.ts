/**
 * Conversations in this process: for tests and development. They end with it.
 *
 * Guarantees: bounded. Past `maxConversations` the one idle for longest goes first, one that waits for a person only when no
 * other is left, and one that is being worked on never: then a new one is refused. Past `maxMessages` a conversation's oldest
 * go. Does not: bound what one person takes of it.
 */
import { DeputizeError } from "@deputize/core";
import { z } from "zod";
import { countRuns, dumpJson, loadDocument, loadMessage } from "./conversation-document.ts";
import type { ConversationStore, ErasedConversations, Owner } from "./conversation-store.ts";
import { type DocumentBackend, type Room, conversationKey, ownerKey, roomKey } from "./document-backend.ts";
import { documentStore } from "./document-room.ts";
import { storeOptions } from "./store-options.ts";

const OPTIONS = z.strictObject({
  /** How many conversations of all people together; 1,000 unless set. */
  maxConversations: z.int().min(1).max(1_000_000).default(1_000),
  /** How many messages of one conversation; 200 unless set. */
  maxMessages: z.int().min(2).max(100_000).default(200),
});

interface Entry {
  readonly owner: string;
  readonly room: string;
  readonly agent: string;
  readonly id: string;
  readonly version: string;
  /** Text as another store would have it, so that nobody holds a piece of it and changes it. */
  readonly document: string;
  readonly state: "idle" | "waiting" | "running";
  readonly at: number;
  readonly deleted: boolean;
  readonly aliases: ReadonlySet<string>;
  readonly messages: readonly { readonly seq: number; readonly text: string }[];
}

export class InMemoryConversationStore implements ConversationStore {
  readonly kind = "memory";
  readonly open: ConversationStore["open"];
  readonly export: ConversationStore["export"];
  readonly eraseOwner: ConversationStore["eraseOwner"];

  /** Throws `config_invalid`. */
  constructor(options: z.input<typeof OPTIONS> = {}) {
    const store = documentStore(memoryBackend(storeOptions(OPTIONS, options)));
    this.open = store.open;
    this.export = store.export;
    this.eraseOwner = store.eraseOwner;
  }

  async close(): Promise<void> {}
}

/** Exported for the tests of races. */
export function memoryBackend(bounds: z.output<typeof OPTIONS>): DocumentBackend {
  /** By the time of the last write, the oldest first. */
  const entries = new Map<string, Entry>();
  const aliases = new Map<string, string>();
  const aliasKey = (room: Room, alias: string): string => conversationKey(room, alias);

  const ofRoom = (room: Room): Entry[] => {
    const key = roomKey(room);
    return [...entries.values()].filter((entry) => entry.room === key && !entry.deleted);
  };

  function forget(key: string, entry: Entry): void {
    entries.delete(key);
    for (const alias of entry.aliases) aliases.delete(alias);
  }

  function makeRoom(): void {
    if (entries.size < bounds.maxConversations) return;
    for (const state of ["idle", "waiting"]) {
      for (const [key, entry] of entries) {
        if (entry.state === state) return forget(key, entry);
      }
    }
    throw new DeputizeError("unavailable", "too many conversations are busy; try again shortly", {
      retryAfterSeconds: 5,
    });
  }

  return {
    read: async (room, id) => {
      const entry = entries.get(conversationKey(room, id));
      return entry && { document: loadDocument(entry.document), version: entry.version };
    },
    write: async (room, id, { document, version, expected, append, aliases: change }) => {
      const key = conversationKey(room, id);
      const before = entries.get(key);
      if (before?.version !== expected) return false;
      if (!before) makeRoom();
      const names = new Set(before?.aliases);
      for (const alias of change.drop) {
        names.delete(aliasKey(room, alias));
        aliases.delete(aliasKey(room, alias));
      }
      for (const alias of change.add) {
        names.add(aliasKey(room, alias));
        aliases.set(aliasKey(room, alias), id);
      }
      const appended = append.map((message) => ({ seq: message.seq, text: dumpJson(message) }));
      const messages = document.deleted ? [] : [...(before?.messages ?? []), ...appended];
      const states = document.runs.map(({ status }) => status);
      entries.delete(key);
      entries.set(key, {
        owner: ownerKey(room),
        room: roomKey(room),
        agent: room.agent,
        id,
        version,
        document: dumpJson(document),
        state: states.includes("running") ? "running" : states.includes("waiting") ? "waiting" : "idle",
        at: document.lastMessage,
        deleted: document.deleted,
        aliases: names,
        messages: messages.slice(-bounds.maxMessages),
      });
      return true;
    },
    resolve: async (room, alias) => aliases.get(aliasKey(room, alias)),
    list: async (room, after, limit) =>
      ofRoom(room)
        .toSorted((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
        .filter(({ at, id }) => !after || at < after.at || (at === after.at && id < after.id))
        .slice(0, limit)
        .map(({ document }) => loadDocument(document)),
    messages: async (room, id, { before, after, limit }) => {
      const all = entries.get(conversationKey(room, id))?.messages ?? [];
      const found =
        after !== undefined
          ? all.filter(({ seq }) => seq > after).slice(0, limit)
          : all.filter(({ seq }) => before === undefined || seq < before).slice(-limit);
      return found.map(({ text }) => loadMessage(text));
    },
    replaceMessage: async (room, id, message) => {
      const key = conversationKey(room, id);
      const entry = entries.get(key);
      if (!entry) return;
      const messages = entry.messages.map((one) =>
        one.seq === message.seq ? { seq: one.seq, text: dumpJson(message) } : one,
      );
      entries.set(key, { ...entry, messages });
    },
    agents: async (owner) => {
      const key = ownerKey(owner);
      return [...new Set([...entries.values()].filter((one) => one.owner === key).map(({ agent }) => agent))];
    },
    ids: async (room) => ofRoom(room).map(({ id }) => id),
    eraseOwner: async (owner: Owner): Promise<ErasedConversations> => {
      const key = ownerKey(owner);
      const erased = { conversations: 0, messages: 0, runs: 0 };
      for (const [name, entry] of entries) {
        if (entry.owner !== key) continue;
        erased.conversations += 1;
        erased.messages += entry.messages.length;
        erased.runs += countRuns(entry.document);
        forget(name, entry);
      }
      return erased;
    },
  };
}

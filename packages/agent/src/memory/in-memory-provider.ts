/**
 * Memories in this process: for tests and development. They end with it.
 *
 * Guarantees: bounded. Each person has room for `maxPerPerson`; past `maxPeople`, those of whoever added nothing for longest go.
 */
import { type Caller, type Clock, hashParts, systemClock } from "@deputize/core";
import { z } from "zod";
import { type Embedder, cosine } from "../embeddings/embedder.ts";
import { hashedNgrams } from "../embeddings/hashed-embedder.ts";
import { cursorOf, memoriesAPage, readCursor } from "../conversations/pages.ts";
import { storeOptions } from "../conversations/store-options.ts";
import {
  type FoundMemory,
  type Memory,
  type MemoryOwner,
  type MemoryProvider,
  memoryNotFound,
  tooManyMemories,
} from "./memory-provider.ts";
import { SHARED_LABEL, correctedLabel, isPresent, memoryText, newMemory } from "./memory-rules.ts";
import { embedWords, wordShare, wordsOf } from "./memory-words.ts";

const OPTIONS = z.strictObject({
  /** Lets people share memories with their tenant, each by an explicit act. False unless set. */
  shared: z.boolean().default(false),
  /** 1,000 unless set. */
  maxPerPerson: z.int().min(1).max(100_000).default(1_000),
  /** 10,000 unless set. */
  maxPeople: z.int().min(1).max(1_000_000).default(10_000),
});

export interface InMemoryProviderOptions extends z.input<typeof OPTIONS> {
  /** `hashedNgrams()` unless set. */
  readonly embedder?: Embedder;
  readonly clock?: Clock;
}

interface Entry {
  readonly memory: Memory;
  readonly tenant: string;
  readonly words: ReadonlySet<string>;
  readonly vector: readonly number[];
}

const keyOf = ({ tenant, subject }: MemoryOwner): string => hashParts([tenant, subject]);

export class InMemoryProvider implements MemoryProvider {
  readonly kind = "memory";
  readonly #options: z.output<typeof OPTIONS>;
  readonly #embedder: Embedder;
  readonly #clock: Clock;
  /** By owner, whoever added last at the end; then by id, oldest first. */
  readonly #owners = new Map<string, Map<string, Entry>>();

  /** Throws `config_invalid`. */
  constructor({ embedder = hashedNgrams(), clock = systemClock, ...options }: InMemoryProviderOptions = {}) {
    this.#options = storeOptions(OPTIONS, options);
    this.#embedder = embedder;
    this.#clock = clock;
  }

  add: MemoryProvider["add"] = async (caller, input) => {
    const memory = newMemory(caller, input, this.#options, this.#clock.nowMs());
    const entry = await this.#entry(caller.tenant, memory);
    const key = keyOf(caller);
    const own = this.#owners.get(key) ?? new Map<string, Entry>();
    this.#makeRoom(own);
    own.set(memory.id, entry);
    this.#owners.delete(key);
    this.#owners.set(key, own);
    const [idle] = this.#owners.keys();
    if (idle !== undefined && this.#owners.size > this.#options.maxPeople) this.#owners.delete(idle);
    return { id: memory.id };
  };

  search: MemoryProvider["search"] = async (caller, text, { limit, minScore }) => {
    const vector = await embedWords(this.#embedder, text);
    const asked = new Set(wordsOf(text));
    const found: FoundMemory[] = [];
    for (const [entry, label] of this.#readable(caller)) {
      const score = (Math.max(0, cosine(vector, entry.vector)) + wordShare(asked, entry.words)) / 2;
      if (score >= minScore) found.push({ ...entry.memory, label, score });
    }
    return found.toSorted((a, b) => b.score - a.score || newestFirst(a, b)).slice(0, limit);
  };

  list: MemoryProvider["list"] = async (caller, { limit, cursor } = {}) => {
    const size = memoriesAPage(limit);
    const after = readCursor(cursor);
    const found = this.#own(caller)
      .map(({ memory }) => memory)
      .toSorted(newestFirst)
      .filter(({ id, created }) => {
        const at = Date.parse(created);
        return !after || at < after.at || (at === after.at && id < after.id);
      });
    const memories = found.slice(0, size);
    const last = memories.at(-1);
    return { memories, ...(last && found.length > size && { next: cursorOf(last.created, last.id) }) };
  };

  get: MemoryProvider["get"] = async (caller, id) => this.#mine(caller, id).memory;

  correct: MemoryProvider["correct"] = async (caller, id, text) => {
    const { memory } = this.#mine(caller, id);
    const entry = await this.#entry(caller.tenant, {
      ...memory,
      text: memoryText(text),
      label: correctedLabel(memory.label, caller),
      updated: new Date(this.#clock.nowMs()).toISOString(),
    });
    this.#mine(caller, id);
    this.#owners.get(keyOf(caller))?.set(id, entry);
    return entry.memory;
  };

  delete: MemoryProvider["delete"] = async (caller, id) => {
    this.#mine(caller, id);
    this.#owners.get(keyOf(caller))?.delete(id);
  };

  async *exportOwner(caller: Caller): AsyncGenerator<Memory> {
    for (const { memory } of this.#own(caller)) yield memory;
  }

  eraseOwner: MemoryProvider["eraseOwner"] = async (owner) => {
    const key = keyOf(owner);
    const count = this.#owners.get(key)?.size ?? 0;
    this.#owners.delete(key);
    return count;
  };

  async #entry(tenant: string, memory: Memory): Promise<Entry> {
    return {
      memory: structuredClone(memory),
      tenant,
      words: new Set(wordsOf(memory.text)),
      vector: await embedWords(this.#embedder, memory.text),
    };
  }

  #own(owner: MemoryOwner): Entry[] {
    const now = this.#clock.nowMs();
    return [...(this.#owners.get(keyOf(owner))?.values() ?? [])].filter(({ memory }) =>
      isPresent(memory, now),
    );
  }

  /** Throws `not_found`. */
  #mine(owner: MemoryOwner, id: string): Entry {
    const entry = this.#owners.get(keyOf(owner))?.get(id);
    if (!entry || !isPresent(entry.memory, this.#clock.nowMs())) throw memoryNotFound();
    return entry;
  }

  /** What the caller may find, each with the label that it has for them. */
  *#readable(caller: Caller): Generator<readonly [Entry, Memory["label"]]> {
    for (const entry of this.#own(caller)) yield [entry, entry.memory.label];
    if (!this.#options.shared) return;
    const own = keyOf(caller);
    for (const [key, entries] of this.#owners) {
      if (key === own) continue;
      for (const entry of entries.values()) {
        if (entry.tenant !== caller.tenant || !entry.memory.shared) continue;
        if (isPresent(entry.memory, this.#clock.nowMs())) yield [entry, SHARED_LABEL];
      }
    }
  }

  /** Throws `limit_exceeded`. */
  #makeRoom(own: Map<string, Entry>): void {
    const now = this.#clock.nowMs();
    for (const [id, { memory }] of own) if (!isPresent(memory, now)) own.delete(id);
    if (own.size < this.#options.maxPerPerson) return;
    const oldest = [...own.values()].find(({ memory }) => memory.origin.act === "turn");
    if (!oldest) throw tooManyMemories(this.#options.maxPerPerson);
    own.delete(oldest.memory.id);
  }
}

function newestFirst(a: Memory, b: Memory): number {
  return a.created === b.created ? (a.id < b.id ? 1 : -1) : a.created < b.created ? 1 : -1;
}

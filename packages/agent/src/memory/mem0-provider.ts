/**
 * Memories at Mem0, or at a service with the same API.
 *
 * Guarantees: the service knows a person by a hash of tenant and subject, and each request names one; what it sends of others is
 * dropped [PR-D40]. What it gives back is untrusted, whatever label was sent along: it is somebody else's machine [SR-07]. It is
 * told to keep texts as they are, so that what was scanned is what is kept. Nothing is shared.
 * Does not: count as erased what the service takes in after `eraseOwner` was answered.
 */
import { type Clock, DeputizeError, hashParts, systemClock } from "@deputize/core";
import { type Label, joinLabels, parseLabel } from "@deputize/guardrails/flow";
import { z } from "zod";
import { memoriesAPage } from "../conversations/pages.ts";
import { storeOptions } from "../conversations/store-options.ts";
import { type Mem0Row, mem0Client } from "./mem0-client.ts";
import {
  type Memory,
  type MemoryOwner,
  type MemoryProvider,
  memoryFault,
  memoryNotFound,
} from "./memory-provider.ts";
import { MEMORY_CHARS, correctedLabel, isPresent, memoryText, newMemory } from "./memory-rules.ts";

const OPTIONS = z.strictObject({
  url: z.string().default("https://api.mem0.ai"),
  apiKey: z.string(),
  /** Of one request, in milliseconds. 5,000 unless set. */
  timeoutMs: z.int().min(1).max(60_000).default(5_000),
});

/** What goes along with a memory under a name of ours. */
const Ours = z.object({
  label: z.unknown(),
  act: z.enum(["explicit", "turn"]),
  agent: z.string().optional(),
  conversation: z.string().optional(),
  run: z.string().optional(),
  expires: z.iso.datetime().optional(),
});

const REMOTE: Label = { integrity: "untrusted", readers: "public", source: "memory service" };
const PAGE = 100;
const PAGES_MAX = 10_000;
const DAY_MS = 86_400_000;

const userOf = ({ tenant, subject }: MemoryOwner): string => hashParts(["memories", tenant, subject]);

/** Throws `config_invalid`. */
export function mem0Provider(options: z.input<typeof OPTIONS> & { readonly clock?: Clock }): MemoryProvider {
  const { clock = systemClock, ...settings } = options;
  const client = mem0Client(storeOptions(OPTIONS, settings));

  /** Throws `not_found`. */
  async function mine(owner: MemoryOwner, id: string): Promise<Memory> {
    const row = await client.get(userOf(owner), id);
    const memory = row && memoryOf(row, clock.nowMs());
    if (!memory || !isPresent(memory, clock.nowMs())) throw memoryNotFound();
    return memory;
  }

  async function pageOf(owner: MemoryOwner, page: number, size: number) {
    const { rows, more } = await client.list(userOf(owner), page, size);
    const now = clock.nowMs();
    const memories = rows.map((row) => memoryOf(row, now)).filter((memory) => isPresent(memory, now));
    return { memories, first: rows[0]?.id, sent: rows.length, more };
  }

  /** All pages. Throws `unavailable` where they come round again, or do not end: a service must not hold an erasure for ever. */
  async function* pagesOf(owner: MemoryOwner) {
    let before: string | undefined;
    for (let page = 1; page <= PAGES_MAX; page += 1) {
      const found = await pageOf(owner, page, PAGE);
      if (found.first !== undefined && found.first === before) break;
      yield found;
      if (!found.more) return;
      before = found.first;
    }
    throw memoryFault(new Error("the memory service sends pages that do not end"));
  }

  return {
    kind: "mem0",
    async add(caller, input) {
      const memory = newMemory(caller, input, { shared: false }, clock.nowMs());
      const id = await client.add(userOf(caller), {
        messages: [{ role: "user", content: memory.text }],
        infer: false,
        metadata: metadataOf(memory),
        // In whole days; until then the time in the metadata decides.
        ...(memory.expires !== undefined && {
          expiration_date: new Date(Date.parse(memory.expires) + DAY_MS)
            .toISOString()
            .slice(0, "YYYY-MM-DD".length),
        }),
      });
      return id === undefined ? {} : { id };
    },
    async search(caller, text, { limit, minScore, signal }) {
      const query = text.slice(0, MEMORY_CHARS);
      const rows = await client.search(userOf(caller), { query, top_k: limit, threshold: minScore }, signal);
      const now = clock.nowMs();
      return rows
        .map((row) => ({ ...memoryOf(row, now), score: Math.max(0, Math.min(1, row.score ?? 0)) }))
        .filter((memory) => memory.score >= minScore && isPresent(memory, now))
        .toSorted((a, b) => b.score - a.score)
        .slice(0, limit);
    },
    async list(caller, { limit, cursor = "1" } = {}) {
      if (!/^[1-9]\d{0,5}$/.test(cursor))
        throw new DeputizeError("invalid_request", "`cursor` must be the `next` of an earlier page");
      const { memories, more } = await pageOf(caller, Number(cursor), memoriesAPage(limit));
      return { memories, ...(more && { next: String(Number(cursor) + 1) }) };
    },
    get: mine,
    async correct(caller, id, text) {
      const before = await mine(caller, id);
      const label = correctedLabel(before.label, caller);
      const updated = new Date(clock.nowMs()).toISOString();
      const after = { ...before, text: memoryText(text), label, updated };
      await client.update(id, { text: after.text, metadata: metadataOf(after) });
      return after;
    },
    async delete(caller, id) {
      await mine(caller, id);
      await client.delete(id);
    },
    async *exportOwner(caller) {
      for await (const { memories } of pagesOf(caller)) yield* memories;
    },
    async eraseOwner(owner) {
      let count = 0;
      for await (const { sent } of pagesOf(owner)) count += sent;
      await client.deleteAll(userOf(owner));
      const left = await pageOf(owner, 1, 1);
      if (left.sent > 0) throw memoryFault(new Error("the memory service kept what it was told to remove"));
      return count;
    },
  };
}

function metadataOf({ label, origin, expires }: Memory): Readonly<Record<string, unknown>> {
  return { deputize: { label, ...origin, ...(expires !== undefined && { expires }) } };
}

function memoryOf({ id, memory, metadata, created_at, updated_at }: Mem0Row, nowMs: number): Memory {
  const { data } = Ours.safeParse(metadata?.["deputize"]);
  const created = instantOf(created_at, nowMs);
  return {
    id,
    text: memory.slice(0, MEMORY_CHARS),
    label: joinLabels(parseLabel(data?.label), REMOTE),
    origin: {
      act: data?.act ?? "turn",
      ...(data?.agent !== undefined && { agent: data.agent }),
      ...(data?.conversation !== undefined && { conversation: data.conversation }),
      ...(data?.run !== undefined && { run: data.run }),
    },
    shared: false,
    created,
    updated: updated_at ? instantOf(updated_at, nowMs) : created,
    ...(data?.expires !== undefined && { expires: data.expires }),
  };
}

/** The service's time as ours; now, where it says none. */
function instantOf(text: string | null | undefined, nowMs: number): string {
  const at = Date.parse(text ?? "");
  return new Date(Number.isNaN(at) ? nowMs : at).toISOString();
}

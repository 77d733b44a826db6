/**
 * Memories in Postgres, or in the embedded database, found by their vectors.
 *
 * Guarantees: row-level security keeps people apart, whatever a query says; only the caller's rows are compared, so what others keep
 * changes nothing of what is found (migrations/0004_memories.sql says why there is no approximate index). Of up to `CANDIDATES`
 * memories all are compared exactly; of more, those whose signatures are nearest (signature.ts), which holds at least 95 of 100 of
 * the true best five.
 * Removing ends a memory in the caller's own transaction, and takes its row in a second one, by the only role that may [SR-03];
 * where that fails, the next memory added or an erasure takes it.
 */
import { type Caller, type Clock, DeputizeError, isUuid, systemClock } from "@deputize/core";
import { parseLabel } from "@deputize/guardrails/flow";
import { type Store, type Tx, readVersions } from "@deputize/store";
import { z } from "zod";
import type { Embedder } from "../embeddings/embedder.ts";
import { hashedNgrams } from "../embeddings/hashed-embedder.ts";
import { toJsonb } from "../conversations/jsonb.ts";
import { cursorOf, memoriesAPage, readCursor } from "../conversations/pages.ts";
import { storeOptions } from "../conversations/store-options.ts";
import {
  type Memory,
  type MemoryAct,
  type MemoryOwner,
  type MemoryProvider,
  memoryFault,
  memoryNotFound,
  tooManyMemories,
} from "./memory-provider.ts";
import { SHARED_LABEL, correctedLabel, memoryText, newMemory } from "./memory-rules.ts";
import { embedWords } from "./memory-words.ts";
import { signatureOf } from "./signature.ts";

const OPTIONS = z.strictObject({
  /** Lets people share memories with their tenant, each by an explicit act. False unless set. */
  shared: z.boolean().default(false),
  /** 1,000 unless set. Each search looks at all of a person's: see docs/agents.md for what that costs. */
  maxPerPerson: z.int().min(1).max(100_000).default(1_000),
});

export interface VectorProviderOptions extends z.input<typeof OPTIONS> {
  /** `hashedNgrams()` unless set. Memories of another embedder are listed, and not found until they are corrected. */
  readonly embedder?: Embedder;
  readonly clock?: Clock;
}

interface Row {
  readonly id: string;
  readonly content: string;
  readonly label: unknown;
  readonly act: MemoryAct;
  readonly agent: string | null;
  readonly conversation: string | null;
  readonly run: string | null;
  readonly shared: boolean;
  readonly created: Date;
  readonly updated: Date;
  readonly expires: Date | null;
}

const COLUMNS = "id, content, label, act, agent, conversation, run, shared, created, updated, expires";
const MINE = "owner = (SELECT deputize.subject())";
const present = (parameter: string): string => `(expires IS NULL OR expires > ${parameter}::timestamptz)`;
const EXPORT_PAGE = 100;
/** So many memories are compared exactly in a search, those whose signatures are nearest. */
const CANDIDATES = 400;

const memoryOf = (row: Row): Memory => ({
  id: row.id,
  text: row.content,
  label: parseLabel(row.label),
  origin: {
    act: row.act,
    ...(row.agent !== null && { agent: row.agent }),
    ...(row.conversation !== null && { conversation: row.conversation }),
    ...(row.run !== null && { run: row.run }),
  },
  shared: row.shared,
  created: new Date(row.created).toISOString(),
  updated: new Date(row.updated).toISOString(),
  ...(row.expires !== null && { expires: new Date(row.expires).toISOString() }),
});

interface Embedded {
  /** The vector of unit length, as a literal of `real[]`. */
  readonly vector: string;
  readonly signature: string;
}

function embedded(vector: readonly number[]): Embedded {
  const length = Math.hypot(...vector);
  if (!Number.isFinite(length)) throw new Error("the embedder's vector is none");
  // What a `real` cannot tell from zero, it would refuse.
  const unit = vector.map((value) => Math.fround(length > 0 ? value / length : 0));
  return { vector: `{${unit.join(",")}}`, signature: signatureOf(unit) };
}

export class VectorProvider implements MemoryProvider {
  readonly kind = "postgres";
  readonly #store: Store;
  readonly #options: z.output<typeof OPTIONS>;
  readonly #embedder: Embedder;
  readonly #clock: Clock;

  /** `store` has `agentMigrations` among its migrations. Throws `config_invalid`. */
  constructor(
    store: Store,
    { embedder = hashedNgrams(), clock = systemClock, ...options }: VectorProviderOptions = {},
  ) {
    this.#store = store;
    this.#options = storeOptions(OPTIONS, options);
    this.#embedder = embedder;
    this.#clock = clock;
  }

  add: MemoryProvider["add"] = async (caller, input) => {
    const memory = newMemory(caller, input, this.#options, this.#clock.nowMs());
    const { vector, signature } = await this.#embedded(memory.text);
    await this.#makeRoom(caller);
    const { origin } = memory;
    await this.#write(caller, async (tx) => {
      if (input.lastErasure !== undefined && (await lastErasure(tx)) !== input.lastErasure)
        throw new DeputizeError("conflict", "the person was erased meanwhile; nothing is kept of them");
      await tx.query(
        `INSERT INTO agent.memories (tenant, owner, embedder, embedding, ${COLUMNS}, signature)
         VALUES (deputize.tenant(), deputize.subject(), $1, $2::real[], $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14::bit(1024))`,
        [
          this.#embedder.name,
          vector,
          memory.id,
          memory.text,
          toJsonb(memory.label),
          origin.act,
          origin.agent ?? null,
          origin.conversation ?? null,
          origin.run ?? null,
          memory.shared,
          memory.created,
          memory.updated,
          memory.expires ?? null,
          signature,
        ],
      );
    });
    return { id: memory.id };
  };

  search: MemoryProvider["search"] = async (caller, text, { limit, minScore, signal }) => {
    const { vector, signature } = await this.#embedded(text);
    const whose = this.#options.shared ? `(${MINE} OR shared)` : MINE;
    const near = `SELECT ${COLUMNS}, owner, embedding FROM agent.memories WHERE ${whose} AND embedder = $2 AND ${present("$3")}`;
    const rows = await this.#read(
      caller,
      (tx) =>
        tx.query<Row & { score: number; mine: boolean }>(
          `WITH near AS MATERIALIZED (
             (${near} AND signature IS NOT NULL ORDER BY bit_count(signature # $6::bit(1024)) LIMIT ${CANDIDATES})
             UNION ALL (${near} AND signature IS NULL))
           SELECT * FROM (
             SELECT ${COLUMNS}, ${MINE} AS mine, agent.similarity(embedding, $1::real[]) AS score FROM near) found
           WHERE score >= $4 ORDER BY score DESC, created DESC, id LIMIT $5`,
          [vector, this.#embedder.name, this.#now(), Math.max(minScore, Number.EPSILON), limit, signature],
        ),
      signal,
    );
    return rows.map(({ score, mine, ...row }) => {
      const memory = memoryOf(row);
      return { ...memory, label: mine ? memory.label : SHARED_LABEL, score: Math.min(1, score) };
    });
  };

  // What others share has no versions of this caller's.
  versions: Required<MemoryProvider>["versions"] = async (caller) =>
    this.#options.shared ? undefined : this.#store.asCaller(caller, (tx) => readVersions(tx, ["memories"]));

  lastErasure: Required<MemoryProvider>["lastErasure"] = (caller) =>
    this.#store.asCaller(caller, lastErasure).catch(fault);

  list: MemoryProvider["list"] = async (caller, { limit, cursor } = {}) => {
    const size = memoriesAPage(limit);
    const after = readCursor(cursor);
    const rows = await this.#read(caller, (tx) =>
      tx.query<Row>(
        `SELECT ${COLUMNS} FROM agent.memories WHERE ${MINE} AND ${present("$1")}
           AND ($2::timestamptz IS NULL OR (created, id) < ($2::timestamptz, $3::uuid))
         ORDER BY created DESC, id DESC LIMIT $4`,
        [this.#now(), after ? new Date(after.at) : null, after?.id ?? null, size + 1],
      ),
    );
    const memories = rows.slice(0, size).map(memoryOf);
    const last = memories.at(-1);
    return { memories, ...(last && rows.length > size && { next: cursorOf(last.created, last.id) }) };
  };

  get: MemoryProvider["get"] = async (caller, id) => {
    if (!isUuid(id)) throw memoryNotFound();
    return oneOf(await this.#read(caller, (tx) => this.#one(tx, id)));
  };

  correct: MemoryProvider["correct"] = async (caller, id, text) => {
    const content = memoryText(text);
    if (!isUuid(id)) throw memoryNotFound();
    const { vector, signature } = await this.#embedded(content);
    return this.#write(caller, async (tx) => {
      const before = oneOf((await this.#one(tx, id, "FOR UPDATE")).rows);
      const { rows } = await tx.query<Row>(
        `UPDATE agent.memories SET content = $2, label = $3::jsonb, embedder = $4, embedding = $5::real[], updated = $6,
           signature = $7::bit(1024)
         WHERE ${MINE} AND id = $1 RETURNING ${COLUMNS}`,
        [
          id,
          content,
          toJsonb(correctedLabel(before.label, caller)),
          this.#embedder.name,
          vector,
          this.#now(),
          signature,
        ],
      );
      return oneOf(rows);
    });
  };

  delete: MemoryProvider["delete"] = async (caller, id) => {
    if (!isUuid(id)) throw memoryNotFound();
    await this.#write(caller, async (tx) => {
      const { rows } = await tx.query<Row>(
        `UPDATE agent.memories SET expires = '-infinity' WHERE ${MINE} AND id = $1 AND ${present("$2")} RETURNING id`,
        [id, this.#now()],
      );
      if (!rows[0]) throw memoryNotFound();
    });
    await this.#erase(caller, id);
  };

  async *exportOwner(caller: Caller): AsyncGenerator<Memory> {
    let cursor: string | undefined;
    do {
      const page = await this.list(caller, { limit: EXPORT_PAGE, ...(cursor !== undefined && { cursor }) });
      yield* page.memories;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  eraseOwner: MemoryProvider["eraseOwner"] = (owner) => this.#erase(owner);

  #now(): Date {
    return new Date(this.#clock.nowMs());
  }

  async #embedded(text: string): Promise<Embedded> {
    return embedWords(this.#embedder, text).then(embedded).catch(fault);
  }

  async #read<R>(
    caller: Caller,
    query: (tx: Tx) => Promise<{ readonly rows: R[] }>,
    signal?: AbortSignal,
  ): Promise<R[]> {
    const { rows } = await this.#store.asCaller(caller, query, signal && { signal }).catch(fault);
    return rows;
  }

  #write<T>(caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#store.asCaller(caller, work, { readOnly: false }).catch(fault);
  }

  #one(tx: Tx, id: string, lock = ""): Promise<{ readonly rows: Row[] }> {
    return tx.query<Row>(
      `SELECT ${COLUMNS} FROM agent.memories WHERE ${MINE} AND id = $1 AND ${present("$2")} ${lock}`,
      [id, this.#now()],
    );
  }

  async #erase({ tenant, subject }: MemoryOwner, id?: string): Promise<number> {
    return this.#asAuthority("SELECT agent.erase_memories($1, $2, $3) AS n", [tenant, subject, id ?? null]);
  }

  /** Removes what has ended. Throws `limit_exceeded`. Two at once may both find the last place: the bound is one of size, not of right. */
  async #makeRoom(caller: Caller): Promise<void> {
    const { maxPerPerson } = this.#options;
    const [now] = await this.#read(caller, (tx) =>
      tx.query<{ all: number; ended: number }>(
        `SELECT count(*) AS "all", count(*) FILTER (WHERE NOT ${present("$1")}) AS ended FROM agent.memories WHERE ${MINE}`,
        [this.#now()],
      ),
    );
    if (!now || (now.all < maxPerPerson && now.ended === 0)) return;
    const left = await this.#asAuthority("SELECT agent.trim_memories($1, $2, $3, $4) AS n", [
      caller.tenant,
      caller.subject,
      this.#now(),
      maxPerPerson - 1,
    ]);
    if (left >= maxPerPerson) throw tooManyMemories(maxPerPerson);
  }

  async #asAuthority(sql: string, params: readonly unknown[]): Promise<number> {
    const work = (tx: Tx) => tx.query<{ n: number }>(sql, params);
    const { rows } = await this.#store.transaction("authority", work).catch(fault);
    return rows[0]?.n ?? 0;
  }
}

async function lastErasure(tx: Tx): Promise<string> {
  const { rows } = await tx.query<{ at: string }>("SELECT agent.last_erasure() AS at");
  return rows[0]?.at ?? "none";
}

/** Throws `not_found`. */
function oneOf([row]: readonly Row[]): Memory {
  if (!row) throw memoryNotFound();
  return memoryOf(row);
}

function fault(error: unknown): never {
  throw memoryFault(error);
}

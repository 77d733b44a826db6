/**
 * Answers that are given again, without the model, when the same is asked again.
 *
 * Guarantees: a hit needs the same asker (or what `scope` says), roles, scopes, limits, agent, model, instructions, tools and
 * earlier messages [PR-D32], the same question by exact rules and not by similarity alone [PR-D33], and data that nobody has
 * changed since before it was first read [SR-22, PR-D34]; where that cannot be told, there is no hit. Turns that changed
 * something, asked a person, failed, or used a tool whose effect is not known are never kept. A shared answer was made from
 * nothing but public, trusted content and the question, and repeats no name, number or address of it.
 * Does not: decide who may ask. Ownership of the conversation and the guards come before, and the output guard after.
 */
import { type Clock, isDeputizeError, type PrincipalId, systemClock } from "@deputize/core";
import { parseLabel } from "@deputize/guardrails/flow";
import { z } from "zod";
import type { Card } from "../events.ts";
import type { AnswerBasis, AnswerCache, CacheLook, FreshAnswer, Turn } from "../turn/ports.ts";
import { storeOptions } from "../conversations/store-options.ts";
import { ownerOf, slotOf } from "./answer-slot.ts";
import { type CacheBackend, inProcessCache } from "./cache-backend.ts";
import { type Embedder, cosine } from "../embeddings/embedder.ts";
import { hashedNgrams } from "../embeddings/hashed-embedder.ts";
import type { PresentVersions } from "./present-versions.ts";
import { type Synonyms, asksOfTheMoment, readQuestion, synonymsOf } from "./question.ts";
import { UNSEEN } from "./tokens.ts";
import { keepable, sharable } from "./what-is-kept.ts";

export interface CachePurged {
  readonly kind: "cache_purged";
  readonly tenant: string;
  readonly subject: PrincipalId;
  readonly entries: number;
  /** RFC 3339. */
  readonly at: string;
}

const OPTIONS = z.strictObject({
  /** Whom an answer may be given to again. */
  scope: z.enum(["per-user", "per-session", "shared"]).default("per-user"),
  /** From which cosine on two wordings of one question are alike. */
  similarityThreshold: z.number().positive().max(1).default(0.92),
  /** How long an answer is kept at most, in milliseconds. */
  defaultTtlMs: z.number().positive().default(3_600_000),
  /** Answers of one person. Beyond it the one used least recently goes. */
  maxPerUser: z.int().min(1).default(1_000),
  /** Answers of all. */
  maxTotal: z.int().min(1).default(100_000),
  /** This process unless given; `redisCache` is shared by replicas. */
  backend: z.custom<CacheBackend>().optional(),
  /** What says how alike two wordings are; `hashedNgrams`, offline, unless given. */
  embedder: z.custom<Embedder>().optional(),
  /** Groups of words that mean the same here, such as `[["package", "parcel"]]`. */
  synonyms: z.array(z.array(z.string()).readonly()).readonly().default([]),
  /** Keep answers made with tools, where these say what they read. True unless set. */
  cacheToolTurns: z.boolean().default(true),
  /** Keep answers to later messages of a conversation, each under all that was said before. True unless set. */
  cacheMultiTurn: z.boolean().default(true),
  /** Tells the present versions of data. Without it answers made of data are not kept. */
  versions: z.custom<PresentVersions>().optional(),
  /** Told of each purge. */
  onPurge: z.custom<(event: CachePurged) => void>().optional(),
  clock: z.custom<Clock>().optional(),
});

/** All have defaults: per user, a threshold of 0.92, an hour, 1,000 answers of one person and 100,000 of all, in this process. */
export type SemanticCacheOptions = z.input<typeof OPTIONS>;

const MAX_ENTRY_CHARS = 262_144;
/** Longer messages are documents, and indented ones are code, whose spaces count; neither is asked twice. */
const MAX_QUESTION_CHARS = 1_000;
const INDENTED = /\n[ \t]+\S/;

const ENTRY = z.strictObject({
  vector: z.array(z.number()),
  text: z.string(),
  cards: z.array(z.looseObject({ type: z.string() })),
  label: z.unknown(),
  versions: z.record(z.string(), z.string()),
  expiresMs: z.number(),
  // Answers that were kept before agents kept those of others have none.
  audiences: z.array(z.string()).default([]),
});
type Entry = z.infer<typeof ENTRY>;

export class SemanticCache implements AnswerCache {
  readonly #options: z.output<typeof OPTIONS>;
  readonly #backend: CacheBackend;
  readonly #embedder: Embedder;
  readonly #synonyms: Synonyms;
  readonly #clock: Clock;

  /** Throws `config_invalid` for options that cannot work. */
  constructor(options: SemanticCacheOptions = {}) {
    this.#options = storeOptions(OPTIONS, options);
    const { clock = systemClock, backend, embedder, synonyms } = this.#options;
    this.#clock = clock;
    this.#backend = backend ?? inProcessCache({ clock });
    this.#embedder = embedder ?? hashedNgrams();
    this.#synonyms = synonymsOf(synonyms);
  }

  async look(turn: Turn, basis: AnswerBasis): Promise<CacheLook | undefined> {
    const { scope } = this.#options;
    if (!turn.caller.subject || (scope === "shared" && !startsShared(turn, basis))) return undefined;
    if (!this.#options.cacheMultiTurn && basis.context.length > 0) return undefined;
    if (turn.message.length > MAX_QUESTION_CHARS || INDENTED.test(turn.message)) return undefined;
    const question = readQuestion(turn.message, this.#synonyms);
    if (question.signature === "" || asksOfTheMoment(question)) return undefined;
    const slot = slotOf({ scope, turn, basis, embedder: this.#embedder.name, signature: question.signature });
    const owner = ownerOf(turn.caller);
    const beganMs = this.#clock.nowMs();
    const [vector, { value, generation }] = await Promise.all([
      this.#embedder.embed(question.text),
      this.#backend.look(slot, owner),
    ]);
    return {
      hit: await this.#hit(turn, value, vector),
      store: (answer) => this.#keep({ turn, slot, owner, generation, vector, beganMs }, answer),
    };
  }

  /** Removes every answer that this person's turns made, in whatever scope, and those that turns under way are about to make. */
  async purgeUser(user: {
    readonly tenant: string;
    readonly subject: PrincipalId;
  }): Promise<{ readonly entries: number }> {
    const entries = await this.#backend.purge(ownerOf(user));
    const at = new Date(this.#clock.nowMs()).toISOString();
    this.#options.onPurge?.({
      kind: "cache_purged",
      tenant: user.tenant,
      subject: user.subject,
      entries,
      at,
    });
    return { entries };
  }

  /** Gives back what the backend holds open. */
  close(): Promise<void> {
    return this.#backend.close();
  }

  async #hit(turn: Turn, value: string | undefined, vector: readonly number[]): Promise<CacheLook["hit"]> {
    const entry = readEntry(value);
    if (!entry || entry.expiresMs <= this.#clock.nowMs()) return undefined;
    if (cosine(vector, entry.vector) < this.#options.similarityThreshold) return undefined;
    if (!(await this.#isPresent(turn, entry.versions))) return undefined;
    const { text, cards, label, versions, expiresMs, audiences } = entry;
    const rests = { versions, validUntilMs: expiresMs, audiences };
    return { text, cards: cards as readonly Card[], label: parseLabel(label), rests };
  }

  /** Whether the data still is what it was. What cannot be asked has changed. */
  async #isPresent({ caller }: Turn, versions: Readonly<Record<string, string>>): Promise<boolean> {
    const tags = Object.keys(versions);
    if (tags.length === 0) return true;
    try {
      const present = await this.#options.versions?.read(caller, tags);
      return present !== undefined && tags.every((tag) => present[tag] === versions[tag]);
    } catch (error) {
      if (isDeputizeError(error, "grant_revoked") || isDeputizeError(error, "invalid_token")) throw error;
      return false;
    }
  }

  async #keep(asked: Asked, answer: FreshAnswer): Promise<void> {
    const { scope, defaultTtlMs, maxPerUser, maxTotal, versions: canAsk } = this.#options;
    if (!this.#options.cacheToolTurns && answer.reads.length > 0) return;
    const rests = keepable(answer);
    if (!rests || (Object.keys(rests.versions).length > 0 && !canAsk)) return;
    if (scope === "shared" && !sharable(asked.turn.message, answer)) return;
    const expiresMs = Math.min(asked.beganMs + defaultTtlMs, rests.validUntilMs ?? Infinity);
    const ttlMs = expiresMs - this.#clock.nowMs();
    const { text, cards, label } = answer;
    // Of a shared answer the question's own label says nothing: whoever gets it has asked the same.
    const kept =
      scope === "shared" ? { integrity: "trusted", readers: "public", source: "shared answer" } : label;
    const value = JSON.stringify({
      vector: asked.vector,
      text,
      cards,
      label: kept,
      versions: rests.versions,
      audiences: rests.audiences ?? [],
      expiresMs,
    });
    if (!(ttlMs > 0) || value.length > MAX_ENTRY_CHARS) return;
    const { slot, owner, generation } = asked;
    await this.#backend.keep({
      slot,
      owner,
      value,
      ttlMs,
      generation,
      limits: { maxPerOwner: maxPerUser, maxTotal },
    });
  }
}

interface Asked {
  readonly turn: Turn;
  readonly slot: string;
  readonly owner: string;
  readonly generation: string;
  readonly vector: readonly number[];
  readonly beganMs: number;
}

/**
 * A shared answer begins with a person's own question and nothing else in the context: no history, no memory, and nothing in the
 * message that only the model sees.
 */
const startsShared = ({ caller, message, messageLabel }: Turn, { context }: AnswerBasis): boolean =>
  context.length === 0 &&
  caller.actors.length === 0 &&
  messageLabel.integrity === "trusted" &&
  message.search(UNSEEN) < 0;

function readEntry(value: string | undefined): Entry | undefined {
  if (value === undefined) return undefined;
  try {
    return ENTRY.parse(JSON.parse(value));
  } catch {
    return undefined;
  }
}

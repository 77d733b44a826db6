/** For the tests of this folder: turns, what they rest on, and answers. */
import { type RedisClient, redisClient } from "@deputize/store";
import { UNKNOWN_LABEL, privateLabel } from "@deputize/guardrails/flow";
import { newId, randomHex } from "@deputize/core";
import { alice } from "../agent.fixture.ts";
import type { CacheBackend } from "./cache-backend.ts";
import { redisCache } from "./redis-cache.ts";
import type { AnswerBasis, AnswerCache, FreshAnswer, Reads, Turn } from "../turn/ports.ts";

export function turnOf(message: string, extra: Partial<Turn> = {}): Turn {
  const caller = extra.caller ?? alice;
  return {
    caller,
    agent: "shop",
    runId: newId(),
    conversationId: "00000000-0000-7000-8000-000000000001",
    message,
    messageLabel: privateLabel(caller.subject, "person"),
    signal: new AbortController().signal,
    ...extra,
  };
}

export function basisOf(turn: Turn, extra: Partial<AnswerBasis> = {}): AnswerBasis {
  return {
    model: "scripted",
    instructions: "Help.",
    tools: [],
    context: [],
    label: turn.messageLabel,
    ...extra,
  };
}

export function answerOf(text = "An answer.", extra: Partial<FreshAnswer> = {}): FreshAnswer {
  return { text, cards: [], label: privateLabel(alice.subject, "test"), steps: [], reads: [], ...extra };
}

export function readOf(extra: Partial<Reads> = {}): Reads {
  return { tool: "list", effect: "read", versions: {}, label: UNKNOWN_LABEL, ...extra };
}

/** Keeps an answer for a turn. */
export async function keep(
  cache: AnswerCache,
  turn: Turn,
  answer: FreshAnswer = answerOf(),
  basis: Partial<AnswerBasis> = {},
): Promise<void> {
  await (await cache.look(turn, basisOf(turn, basis)))?.store(answer);
}

/** The text that a turn would be answered with. */
export async function hit(
  cache: AnswerCache,
  turn: Turn,
  basis: Partial<AnswerBasis> = {},
): Promise<string | undefined> {
  return (await cache.look(turn, basisOf(turn, basis)))?.hit?.text;
}

export interface TestRedis {
  readonly url: string;
  /** For looking at what lies there, and changing it. */
  readonly client: RedisClient;
  /** A prefix of one test's own; what is under it goes at the end. */
  prefix(): string;
  /** One replica's backend. */
  backend(prefix?: string, secret?: string): CacheBackend;
  close(): Promise<void>;
}

/** Redis, when DEPUTIZE_TEST_REDIS_URL names one. */
export async function redisForTests(): Promise<TestRedis | undefined> {
  const url = process.env["DEPUTIZE_TEST_REDIS_URL"] || undefined;
  if (url === undefined) return undefined;
  const client = redisClient(url);
  const ours = randomHex(32);
  const prefixes: string[] = [];
  const opened: CacheBackend[] = [];
  const prefix = (): string => {
    const made = `test:${randomHex(6)}`;
    prefixes.push(made);
    return made;
  };
  return {
    url,
    client,
    prefix,
    backend(under = prefix(), secret = ours) {
      const backend = redisCache({ url, secret, prefix: under });
      opened.push(backend);
      return backend;
    },
    async close() {
      for (const under of prefixes) {
        const keys = await client.keys(`${under}:*`);
        if (keys.length > 0) await client.del(keys);
      }
      await Promise.all(opened.map((backend) => backend.close()));
      client.disconnect();
    },
  };
}

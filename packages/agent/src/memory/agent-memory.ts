/**
 * A provider of memories as the turn's memory: what fits the message is recalled before the turn, and, where that was set, what was
 * said is kept after it.
 *
 * Guarantees: recall is for the turn's caller alone, ends in time, and has the join of the labels of what it gives [SR-07]. By
 * itself it keeps only what the caller may read, with the label that it had, where it came from, and for `ttlMs` [PR-D42]. What the
 * guard would change or refuse is not kept at all, nor what looks like a secret. It shares nothing [PR-D40]. Of a person who was
 * erased since the turn began nothing is kept, where the provider can tell [PR-D30].
 */
import { type Caller, DeputizeError } from "@deputize/core";
import { type Label, joinLabels, looksSecret, parseLabel } from "@deputize/guardrails";
import { z } from "zod";
import { storeOptions } from "../conversations/store-options.ts";
import type { Recalled, TextGuard, Turn, TurnMemory } from "../turn/ports.ts";
import type { MemoryProvider } from "./memory-provider.ts";
import { MEMORY_CHARS, readableBy } from "./memory-rules.ts";
import { recalledText } from "./recalled-text.ts";

const OPTIONS = z.strictObject({
  /** Memories that are recalled for a turn, at most. 5 unless set. */
  limit: z.int().min(1).max(50).default(5),
  /** From 0 to 1: what fits less is not recalled. 0.2 unless set, which suits the built-in embedder. */
  minScore: z.number().min(0).max(1).default(0.2),
  /** Of recalling, in milliseconds. 5,000 unless set. */
  timeoutMs: z.int().min(1).max(60_000).default(5_000),
  /** Keeps the message and the answer of each turn. False unless set: then only what is added by an explicit act is kept. */
  autoStore: z.boolean().default(false),
  /** How long what `autoStore` keeps is kept; for good unless set. */
  ttlMs: z.int().min(1).optional(),
  /** Characters of remembered text in one turn. 2,000 unless set. */
  maxChars: z.int().min(1).max(100_000).default(2_000),
});

/** So many times as many are asked for, since people repeat themselves, and a text is told once. */
const SPARE = 3;

export interface AgentMemoryOptions extends z.input<typeof OPTIONS> {
  readonly provider: MemoryProvider;
  /** Whose scanners say what is not kept; the agent's own guard, as a rule. */
  readonly scan?: TextGuard;
}

export interface AgentMemory extends TurnMemory {
  readonly provider: MemoryProvider;
}

/** Throws `config_invalid`. */
export function agentMemory({ provider, scan, ...settings }: AgentMemoryOptions): AgentMemory {
  const { limit, minScore, timeoutMs, autoStore, ttlMs, maxChars } = storeOptions(OPTIONS, settings);

  /** The last erasure of each turn's person when it began. */
  const erasures = new WeakMap<Turn, Promise<string>>();

  async function recall(turn: Turn): Promise<Recalled | undefined> {
    const known = autoStore ? provider.lastErasure?.(turn.caller) : undefined;
    if (known) erasures.set(turn, known);
    // Whoever keeps hears of it.
    known?.catch(() => {});
    const signal = AbortSignal.any([turn.signal, AbortSignal.timeout(timeoutMs)]);
    const query = { limit: limit * SPARE, minScore, signal };
    const found = await inTime(provider.search(turn.caller, turn.message, query), signal);
    const told = found.filter(({ text }, at) => found.findIndex((one) => one.text === text) === at);
    if (told.length === 0) return undefined;
    const { text, used } = recalledText(told.slice(0, limit), maxChars);
    return { text, count: used.length, label: joinLabels(...used.map(({ label }) => parseLabel(label))) };
  }

  async function keep(turn: Turn, text: string, label: Label): Promise<void> {
    if (text.trim() === "") return;
    const lastErasure = await erasures.get(turn);
    await provider.add(turn.caller, {
      text: text.slice(0, MEMORY_CHARS),
      label,
      origin: { act: "turn", agent: turn.agent, conversation: turn.conversationId, run: turn.runId },
      ...(ttlMs !== undefined && { ttlMs }),
      ...(lastErasure !== undefined && { lastErasure }),
    });
  }

  return {
    provider,
    versions: async (caller) => provider.versions?.(caller),
    recall,
    async remember(turn, answer) {
      if (!autoStore) return;
      const { caller, message, messageLabel } = turn;
      if (readableBy(messageLabel, caller) && !looksSecret(message) && (await passes(message, caller, scan)))
        await keep(turn, message, messageLabel);
      if (
        readableBy(answer.label, caller) &&
        !looksSecret(answer.text) &&
        (await leaves(answer.text, caller, scan))
      )
        await keep(turn, answer.text, answer.label);
    },
  };
}

/** Whether the guard takes a message as it is. */
async function passes(text: string, caller: Caller, guard?: TextGuard): Promise<boolean> {
  if (!guard) return true;
  const scanned = await guard.input(text, caller);
  return scanned.refusal === undefined && scanned.text === text;
}

/** Whether the guard lets an answer out as it is. */
async function leaves(text: string, caller: Caller, guard?: TextGuard): Promise<boolean> {
  if (!guard) return true;
  try {
    const output = guard.output(caller);
    return output.push(text) + (await output.end()) === text;
  } catch {
    return false;
  }
}

/** What `work` answers, unless `signal` is first. Throws `timeout`. */
async function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>();
  const giveUp = (): void => late.reject(new DeputizeError("timeout", "memories took too long"));
  if (signal.aborted) giveUp();
  else signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
    late.promise.catch(() => {});
    work.catch(() => {});
  }
}

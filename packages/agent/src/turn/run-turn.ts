/**
 * The layers of one turn in their order: what is left of the budget, memories, an answer that is known already, the loop.
 *
 * Guarantees: whoever asks owns the conversation, and the message went through the guard, before any of this runs. A cached
 * answer leaves by the same guard as a new one. Cache and memory can fail without the turn; the budget cannot. Whatever
 * enters the model's context joins its label first [SR-07].
 */
import { isDeputizeError } from "@deputize/core";
import { joinLabels } from "@deputize/guardrails/flow";
import { guardedCards } from "../loop/guarded-cards.ts";
import type { AgentFact } from "../observe/agent-event.ts";
import { hear } from "../loop/provenance.ts";
import type { LoopEnd, LoopOptions } from "../loop/loop-options.ts";
import { offer, runLoop } from "../loop/run-loop.ts";
import { untilAborted } from "../loop/until-aborted.ts";
import { PREFACE } from "../memory/recalled-text.ts";
import { joinReads, keepable } from "../cache/what-is-kept.ts";
import type { AnswerCache, AnswerRests, CacheLook, Recalled, Turn, TurnMemory } from "./ports.ts";

export interface TurnLayers {
  readonly cache?: AnswerCache;
  readonly memory?: TurnMemory;
}

export interface TurnWork {
  readonly layers: TurnLayers;
  readonly loop: LoopOptions;
  readonly turn: Turn;
  readonly modelName: string;
  /** Tell what the answer rests on: nothing but the message and data was there to answer from. */
  readonly rests: boolean;
}

/** Runs a new turn to its end, or until a person must decide. */
export async function runTurn({ layers, loop, turn, modelName, rests }: TurnWork): Promise<LoopEnd> {
  const { state, record } = loop;
  const observe = loop.observe;
  const timed = timer(loop);
  let stored = false;

  // Before the recall, which a memory that is added meanwhile must end.
  const remembered = rests ? await restsOnMemory(layers.memory, turn) : undefined;
  const recalled = await timed(
    "memory",
    () => layers.memory && recallGuarded(layers.memory, turn, loop),
    (found, ms): AgentFact | undefined =>
      layers.memory && { kind: "memory_recalled", count: found?.count ?? 0, ms },
  );
  if (recalled) remind(loop, recalled);
  const beside = recalled ? undefined : remembered;

  const offered = await offer(loop);
  const look = await timed(
    "cache",
    () => layers.cache && lookPermitted(layers.cache),
    (found, ms): AgentFact | undefined =>
      layers.cache && {
        kind: "cache_looked",
        result: found ? (found.hit ? "hit" : "miss") : "passed_by",
        ms,
      },
  );
  if (look?.hit) {
    state.label = joinLabels(state.label, look.hit.label);
    record.emit({ event: "delta", data: { text: look.hit.text } });
    for (const card of await guardedCards(look.hit.cards, loop)) record.emit({ event: "card", data: card });
    return { status: "done", whole: true, ...restsOn([look.hit.rests, beside]) };
  }

  const end = await runLoop(loop, offered);
  if (end.status !== "done" || !end.whole) return end;
  const { text, cards, steps } = record;
  const read = keepable({ text, cards, steps, label: state.label, reads: state.reads });
  return { ...end, ...restsOn([read, beside]), keep: () => keep(layers, look) };

  /** An answer that other agents helped to make is known only to who may ask them now. */
  async function lookPermitted(cache: AnswerCache): Promise<CacheLook | undefined> {
    const found = await cache.look(turn, {
      model: modelName,
      instructions: loop.instructions,
      tools: [...offered.values()].map(({ tool }) => tool),
      context: state.messages.slice(0, -1),
      label: state.label,
    });
    const { audiences = [] } = found?.hit?.rests ?? {};
    if (found && !(await mayAsk(loop, audiences))) return { ...found, hit: undefined };
    return found;
  }

  /** After the answer was stored. */
  async function keep(kept: TurnLayers, asked: CacheLook | undefined): Promise<void> {
    stored = true;
    const answer = { text: record.text, cards: record.cards, label: state.label };
    await timed("cache", () => asked?.store({ ...answer, steps: record.steps, reads: state.reads }));
    await timed("memory", () => kept.memory?.remember(turn, answer));
  }

  function timer({ clock }: LoopOptions) {
    return async <T>(
      layer: "cache" | "memory",
      work: () => Promise<T> | undefined,
      fact?: (result: T | undefined, ms: number) => AgentFact | undefined,
    ): Promise<T | undefined> => {
      const began = clock.monotonicMs();
      let result: T | undefined;
      try {
        const working = work();
        result = working && (await untilAborted(turn.signal, working));
      } catch (error) {
        // Authority that ended is nothing that a turn can do without; one whose answer is stored has ended.
        if (!stored) {
          turn.signal.throwIfAborted();
          if (isDeputizeError(error, "grant_revoked") || isDeputizeError(error, "invalid_token")) throw error;
        }
        observe({ kind: "layer_failed", layer, code: isDeputizeError(error) ? error.code : "internal" });
      }
      const told = fact?.(result, clock.monotonicMs() - began);
      if (told) observe(told);
      return result;
    };
  }
}

/** Whether the authority gives tokens for all of these; each turn asks anew. */
async function mayAsk({ context }: LoopOptions, audiences: readonly string[]): Promise<boolean> {
  try {
    await Promise.all(audiences.map((audience) => context.authority.tokenFor(audience)));
    return true;
  } catch (error) {
    if (isDeputizeError(error, "grant_revoked") || isDeputizeError(error, "invalid_token")) throw error;
    return false;
  }
}

/** Nothing that the memory could have told, or versions that end with any change of it; undefined where nobody can tell. */
async function restsOnMemory(memory: TurnMemory | undefined, turn: Turn): Promise<AnswerRests | undefined> {
  if (!memory) return { versions: {} };
  try {
    const asked = memory.versions?.(turn.caller);
    const versions = asked && (await untilAborted(turn.signal, asked));
    return versions && { versions };
  } catch {
    turn.signal.throwIfAborted();
    return undefined;
  }
}

/** All of these together; nothing where one of them cannot be told, or two saw one tag in two versions. */
function restsOn(all: readonly (AnswerRests | undefined)[]): { readonly rests?: AnswerRests } {
  const known = all.filter((one) => one !== undefined);
  const joined = known.length === all.length ? joinReads(known) : undefined;
  // Who may ask those that were asked, whoever keeps it elsewhere cannot find out.
  return joined && (joined.audiences ?? []).length === 0 ? { rests: joined } : {};
}

/** Memories pass the guard as what a tool answers does; what it refuses is not recalled. */
async function recallGuarded(
  memory: TurnMemory,
  turn: Turn,
  { guard, caller, observe }: LoopOptions,
): Promise<Recalled | undefined> {
  const recalled = await memory.recall(turn);
  if (!recalled || !guard) return recalled;
  // Our own words speak of instructions, which a guard may take for some.
  const preface = recalled.text.startsWith(PREFACE) ? PREFACE : "";
  const said = recalled.text.slice(preface.length);
  const { content, withheld } = await guard.toolResult(said, caller, recalled.label, observe);
  return typeof content === "string" && !withheld ? { ...recalled, text: preface + content } : undefined;
}

/**
 * Puts memories, as data in a user's place and with their label, before all that was said in the conversation: "it" is what the
 * conversation was about last, and no memory.
 */
function remind({ state }: LoopOptions, recalled: Recalled): void {
  state.label = joinLabels(state.label, recalled.label);
  state.messages.unshift({ role: "user", content: recalled.text });
  hear(state.heard, recalled.text, { from: "memory" });
}

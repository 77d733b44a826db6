/**
 * What agents that were asked used, counted against this run: its limits, its budgets, its accounts.
 *
 * Guarantees: each amount is counted once in each account, whoever counted it there. A run that is bounded in money ends where the
 * cost of what was asked cannot be told: what has no price is not free.
 */
import { DeputizeError } from "@deputize/core";
import { type Used, sumOf } from "../usage/used.ts";
import type { LoopOptions } from "./loop-options.ts";
import { untilAborted } from "./until-aborted.ts";

/** Throws `limit_exceeded` for a cost that must be known and is not, and `unavailable` where a budget cannot be written. */
export async function countUsed(
  { record, state, observe, budget, context }: LoopOptions,
  used: readonly Used[],
  tool: string,
): Promise<void> {
  const { tokensIn, tokensOut, costMicros, knownMicros } = sumOf(used);
  state.tokens += tokensIn + tokensOut;
  state.costMicros += knownMicros;
  for (const one of used) {
    record.use(one);
    observe({ kind: "agent_used", used: one });
  }
  if (budget?.add) await untilAborted(context.signal, budget.add(used));
  if (context.costMustBeKnown && costMicros === undefined)
    throw new DeputizeError(
      "limit_exceeded",
      `nobody can tell what ${tool} cost, and this work is bounded in money; what was done so far is kept`,
      { detail: { budget: "run.costMicros" } },
    );
}

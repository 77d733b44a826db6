/**
 * What an agent used of models within one turn, in a form that goes from agent to agent.
 *
 * Guarantees: an amount says in which accounts it stands already, so that nobody on its way counts it there again. One that comes
 * from elsewhere is parsed: no negative, fractional, infinite or absurd number, and no name that could be words of anybody, gets
 * into a budget or a ledger.
 */
import { z } from "zod";
import { estimatedTokens } from "../models/estimated-tokens.ts";

/** What one agent used of one model. */
export interface Used {
  readonly agent: string;
  readonly model: string;
  readonly calls: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Millionths of a US dollar; absent where the model's price is not known. */
  readonly costMicros?: number;
  /** Ids of the budgets and ledgers that have it. */
  readonly accounts: readonly string[];
}

/** Of an account's id: hex digits. */
export const ACCOUNT_CHARS = 32;

/** More in one turn is a fault, or a lie: 10^9 tokens, or $100,000. */
const MOST = { calls: 100_000, tokens: 1_000_000_000, costMicros: 100_000_000_000 } as const;
const amount = (most: number) => z.number().int().min(0).max(most);

const USED = z.strictObject({
  agent: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  model: z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/),
  calls: amount(MOST.calls),
  tokensIn: amount(MOST.tokens),
  tokensOut: amount(MOST.tokens),
  costMicros: amount(MOST.costMicros).optional(),
  accounts: z.array(z.string().regex(/^[0-9a-f]{32}$/)).max(64),
});
const ALL_USED = z.array(USED).max(50);

/** Reads what another agent says it used; undefined when any of it cannot be so. */
export function readUsed(said: unknown): readonly Used[] | undefined {
  const parsed = ALL_USED.safeParse(said);
  return parsed.success ? (parsed.data as readonly Used[]) : undefined;
}

export interface UsedSum {
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Undefined once the cost of a part of it is not known. */
  readonly costMicros: number | undefined;
  /** Of the parts whose cost is known. */
  readonly knownMicros: number;
}

/** All of it together. */
export function sumOf(used: readonly Used[]): UsedSum {
  let sum: UsedSum = { tokensIn: 0, tokensOut: 0, costMicros: 0, knownMicros: 0 };
  for (const { tokensIn, tokensOut, costMicros } of used)
    sum = {
      tokensIn: sum.tokensIn + tokensIn,
      tokensOut: sum.tokensOut + tokensOut,
      costMicros:
        sum.costMicros === undefined || costMicros === undefined ? undefined : sum.costMicros + costMicros,
      knownMicros: sum.knownMicros + (costMicros ?? 0),
    };
  return sum;
}

/** Amounts of one agent, model and set of accounts as one. */
export function gathered(used: readonly Used[]): readonly Used[] {
  const lines = new Map<string, Used>();
  for (const one of used) {
    const accounts = [...new Set(one.accounts)].sort();
    const key = JSON.stringify([one.agent, one.model, accounts, one.costMicros === undefined]);
    const line = lines.get(key);
    const { costMicros } = sumOf(line ? [line, one] : [one]);
    lines.set(key, {
      agent: one.agent,
      model: one.model,
      calls: (line?.calls ?? 0) + one.calls,
      tokensIn: (line?.tokensIn ?? 0) + one.tokensIn,
      tokensOut: (line?.tokensOut ?? 0) + one.tokensOut,
      ...(costMicros !== undefined && { costMicros }),
      accounts,
    });
  }
  return [...lines.values()];
}

/** The same, standing in these accounts too. */
export function accountedIn(used: readonly Used[], accounts: readonly string[]): readonly Used[] {
  return used.map((one) => ({ ...one, accounts: [...new Set([...one.accounts, ...accounts])] }));
}

/** Of an agent that did not say what it used: by the length of what it was asked and answered, at a cost that nobody knows. */
export function estimatedUse(agent: string, asked: string, answered: string): Used {
  const [tokensIn, tokensOut] = [estimatedTokens(asked.length), estimatedTokens(answered.length)];
  return { agent, model: "unknown", calls: 1, tokensIn, tokensOut, accounts: [] };
}

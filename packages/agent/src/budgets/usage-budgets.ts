/**
 * What people and tenants may use of models in an hour or a day, in tokens and money.
 *
 * Guarantees: counted for all replicas that share an ephemeral store; each call of a model sets an amount aside before it begins
 * and is settled after it, so that runs at once go past a budget by no more than the call that each is in. A budget that cannot
 * be read is used up (`unavailable`). A call that was cut short is charged what the loop takes it for. What a process that died
 * had set aside stays counted until the window ends.
 * Does not: bound one run; `AgentLimits` does.
 */
import { DeputizeError, hashParts, newId } from "@deputize/core";
import type { Ephemeral, WindowCounter } from "@deputize/store";
import { priceKnown } from "../models/price.ts";
import type { Budgets, RunBudget, Turn } from "../turn/ports.ts";
import { ACCOUNT_CHARS, sumOf } from "../usage/used.ts";

export interface UsageLimit {
  /** Of the clock, in UTC. */
  readonly window: "hour" | "day";
  /** Tokens in and out. */
  readonly tokens?: number;
  /** Millionths of a US dollar; every model needs a price then. */
  readonly costMicros?: number;
}

export interface UsageBudgetOptions {
  readonly ephemeral: Pick<Ephemeral, "windowCounter" | "get" | "setIfAbsent">;
  /** What each person may use in their tenant, whatever agent they use it with. */
  readonly user?: readonly UsageLimit[];
  /** What all people of a tenant may use together. */
  readonly tenant?: readonly UsageLimit[];
  /** Tokens to set aside for a run's first call; later ones set aside what the one before used. 1,000 unless set. */
  readonly reserveTokens?: number;
}

const SECONDS = { hour: 3_600, day: 86_400 } as const;
const UNITS = ["tokens", "costMicros"] as const;
type Unit = (typeof UNITS)[number];

/** One limit in one unit. */
interface Budget {
  readonly whose: "user" | "tenant";
  readonly window: UsageLimit["window"];
  readonly unit: Unit;
  readonly limit: number;
  readonly counter: WindowCounter;
  /** Of the counter; one by this name in another store is another. */
  readonly account: () => Promise<string>;
}

/**
 * Budgets for `createAgent` and `buildAgent`. A call over one throws `limit_exceeded`, whose detail says which
 * (`{ budget: "user.tokens.day", limit, renews }`, `renews` in RFC 3339) and `retryAfterSeconds` when. Throws `config_invalid`
 * for a limit that limits nothing, and at the agent's start for a budget of money with a model whose price is not known.
 */
export function usageBudgets(options: UsageBudgetOptions): Budgets {
  const { reserveTokens = 1_000 } = options;
  const budgets = [...budgetsOf("user", options), ...budgetsOf("tenant", options)];
  if (budgets.length === 0)
    throw new DeputizeError(
      "config_invalid",
      "budgets need a limit: `user`, `tenant`, of `tokens` or `costMicros`",
    );
  if (!(Number.isSafeInteger(reserveTokens) && reserveTokens >= 0))
    throw new DeputizeError("config_invalid", "`reserveTokens` is a whole number");
  const needsCost = budgets.some(({ unit }) => unit === "costMicros");
  return {
    needsCost,
    accounts: () => Promise.all(budgets.map(({ account }) => account())),
    accepts(model) {
      if (needsCost && !priceKnown(model)) {
        throw new DeputizeError(
          "config_invalid",
          `a budget of money needs the price of ${model.name}; give the model its \`price\``,
        );
      }
    },
    open: async (turn) => runBudget(budgets, turn, { tokens: reserveTokens, costMicros: 0 }),
  };
}

function budgetsOf(whose: Budget["whose"], options: UsageBudgetOptions): Budget[] {
  return (options[whose] ?? []).flatMap((set) =>
    UNITS.flatMap((unit): Budget[] => {
      const { window, [unit]: limit } = set;
      if (limit === undefined) return [];
      if (!(Number.isSafeInteger(limit) && limit > 0))
        throw new DeputizeError(
          "config_invalid",
          `the budget ${whose}.${unit} must be a positive whole number`,
        );
      const name = `usage:${whose}:${unit}:${window}`;
      const counter = options.ephemeral.windowCounter({ name, windowSeconds: SECONDS[window] });
      const account = async (): Promise<string> =>
        hashParts([await storeIdOf(options.ephemeral), name]).slice(0, ACCOUNT_CHARS);
      return [{ whose, window, unit, limit, counter, account }];
    }),
  );
}

const STORE_ID_KEY = "usage:account";
const TEN_YEARS_MS = 315_360_000_000;

/** The same for all who share the store; made by whoever asks first. */
async function storeIdOf({ get, setIfAbsent }: UsageBudgetOptions["ephemeral"]): Promise<string> {
  try {
    for (;;) {
      const id = await get(STORE_ID_KEY);
      if (id !== undefined) return id;
      await setIfAbsent(STORE_ID_KEY, newId(), TEN_YEARS_MS);
    }
  } catch (error) {
    throw new DeputizeError("unavailable", "the budgets cannot be told from others; try again shortly", {
      cause: error,
      retryAfterSeconds: 1,
    });
  }
}

interface SetAside {
  readonly budget: Budget;
  readonly key: string;
  readonly window: number;
  readonly amount: number;
}

function runBudget(
  budgets: readonly Budget[],
  { caller }: Pick<Turn, "caller">,
  first: Readonly<Record<Unit, number>>,
): RunBudget {
  const keys = { user: hashParts([caller.tenant, caller.subject]), tenant: hashParts([caller.tenant]) };
  let next = first;
  let aside: SetAside[] = [];

  /** What was set aside becomes what was used; undefined leaves it as it was. */
  async function settle(used: Readonly<Record<Unit, number | undefined>>): Promise<void> {
    const settled = aside;
    aside = [];
    await Promise.all(
      settled.map(({ budget, key, window, amount }) => {
        const really = used[budget.unit];
        if (really === undefined || really === amount) return undefined;
        // The counter's keeper is away: what was set aside stays counted, and the next call is refused.
        return budget.counter.settle(key, window, really - amount).catch(() => {});
      }),
    );
  }

  return {
    async check() {
      await settle({ tokens: 0, costMicros: 0 });
      for (const budget of budgets) {
        const key = keys[budget.whose];
        const amount = next[budget.unit];
        try {
          const answer = await budget.counter.reserve(key, amount, budget.limit);
          if (!answer.granted) throw usedUp(budget, answer.renewsAtMs);
          aside.push({ budget, key, window: answer.window, amount });
        } catch (error) {
          await settle({ tokens: 0, costMicros: 0 });
          throw error;
        }
      }
    },
    async add(used) {
      for (const { whose, unit, counter, account } of budgets) {
        const here = await account();
        const { tokensIn, tokensOut, knownMicros } = sumOf(
          used.filter((one) => !one.accounts.includes(here)),
        );
        const amount = unit === "tokens" ? tokensIn + tokensOut : knownMicros;
        // It was used already: no limit keeps it from being counted, and the next call is refused.
        if (amount > 0) await counter.reserve(keys[whose], amount, Number.MAX_SAFE_INTEGER);
      }
    },
    async charge({ tokensIn, tokensOut, costMicros }) {
      const used = { tokens: tokensIn + tokensOut, costMicros };
      await settle(used);
      next = { tokens: used.tokens, costMicros: costMicros ?? next.costMicros };
    },
  };
}

function usedUp({ whose, window, unit, limit }: Budget, renewsAtMs: number): DeputizeError {
  const renews = new Date(renewsAtMs).toISOString();
  const what = unit === "tokens" ? `${limit} tokens` : `$${(limit / 1_000_000).toFixed(2)}`;
  const owner = whose === "user" ? "your" : "your organisation's";
  return new DeputizeError(
    "limit_exceeded",
    `${owner} budget of ${what} ${window === "day" ? "a day" : "an hour"} is used up and renews at ${renews}; what was done so far is kept`,
    { detail: { budget: `${whose}.${unit}.${window}`, limit, renews } },
  );
}

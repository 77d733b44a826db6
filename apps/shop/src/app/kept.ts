/**
 * What the shop's agents keep beyond a conversation, and what they may use: memories, answers, budgets.
 *
 * Guarantees: memories are each person's own, in rows that row-level security keeps apart (SH-F21). Answers are each person's own
 * too, end with anybody's write to what they rest on [SR-22], and are never made of what a case showed [SR-04]. The offline planner
 * uses nothing that costs, so no budget is kept for it.
 */
import {
  type AgentMemory,
  type Budgets,
  type CacheBackend,
  type Embedder,
  type ResolvedModel,
  SemanticCache,
  type UsageLimit,
  VectorProvider,
  agentMemory,
  storeVersions,
  usageBudgets,
} from "@deputize/agent";
import type { Clock } from "@deputize/core";
import type { Settings } from "@deputize/server/config";
import type { Ephemeral, Store } from "@deputize/store";

export interface Kept {
  readonly memory: AgentMemory;
  readonly cache: SemanticCache;
  readonly budgets: Budgets | undefined;
}

export interface KeptOptions {
  readonly store: Store;
  readonly ephemeral: Ephemeral;
  readonly clock: Clock;
  readonly model: ResolvedModel;
  /** Where answers lie; in this process unless told. */
  readonly answers: CacheBackend | undefined;
  readonly budgets: Settings["budgets"] | undefined;
  /** What says how alike two texts are; by their spelling unless told. */
  readonly embedder: Embedder | undefined;
}

/** Words that are one in a shop. */
const SYNONYMS = [
  ["package", "parcel", "shipment"],
  ["packages", "parcels", "shipments"],
];
const ANSWERS_TTL_MS = 1_800_000;

/** Throws `config_invalid` for a budget of money with a model whose price is not known, when an agent is made with it. */
export function openKept(options: KeptOptions): Kept {
  const { store, ephemeral, clock, model, answers, budgets, embedder } = options;
  return {
    memory: agentMemory({ provider: new VectorProvider(store, { clock, ...(embedder && { embedder }) }) }),
    cache: new SemanticCache({
      defaultTtlMs: ANSWERS_TTL_MS,
      versions: storeVersions(store),
      synonyms: SYNONYMS,
      clock,
      ...(answers && { backend: answers }),
      ...(embedder && { embedder }),
    }),
    budgets: budgets && !model.offline ? budgetsOf(ephemeral, budgets) : undefined,
  };
}

function budgetsOf(ephemeral: Ephemeral, budgets: Settings["budgets"]): Budgets | undefined {
  const limits = (tokens: number | undefined, costMicros: number | undefined): UsageLimit[] =>
    tokens === undefined && costMicros === undefined
      ? []
      : [
          {
            window: "day",
            ...(tokens !== undefined && { tokens }),
            ...(costMicros !== undefined && { costMicros }),
          },
        ];
  const user = limits(budgets.userTokens, budgets.userCostMicros);
  const tenant = limits(budgets.tenantTokens, budgets.tenantCostMicros);
  return user.length + tenant.length === 0 ? undefined : usageBudgets({ ephemeral, user, tenant });
}

/**
 * Accounts: what each person used of agents, models and tools, a day, in tokens, money and time.
 *
 * Guarantees: kept apart from conversations, so that removing one changes no account, and counted whatever became of the turn,
 * also where its authority has ended. Names of agents, models and offered tools and ids only, no word of anybody's.
 * Does not: lose a turn silently. What cannot be written is told to `onFault`; a process that dies loses the turns that were
 * ending.
 */
import { type Caller, type Clock, DeputizeError, systemClock } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { AgentEvent, AgentObserver } from "../observe/agent-event.ts";
import { type UsageLine, type UsageTally, usageTally } from "./usage-tally.ts";

/** One line of a day. */
export interface UsageRow extends UsageLine {
  /** Principal id of the person. */
  readonly subject: string;
  readonly agent: string;
  /** `YYYY-MM-DD`, in UTC. */
  readonly day: string;
}

export interface UsageQuery {
  /** So many days, today's among them; 30 unless set, 400 at most. */
  readonly days?: number;
}

export interface UsageLedger {
  /** For `observers` of `createAgent`, or `observe` of `buildAgent`. One ledger takes those of any number of agents. */
  readonly observer: AgentObserver;
  /** The caller's own lines, newest day first. */
  own(caller: Caller, query?: UsageQuery): Promise<readonly UsageRow[]>;
  /** Those of everybody in the caller's tenant. Throws `forbidden` for others than administrators without a deputy. */
  ofTenant(caller: Caller, query?: UsageQuery): Promise<readonly UsageRow[]>;
  /** Removes a person's lines, and answers how many; for an erasure job. */
  eraseOwner(owner: Pick<Caller, "tenant" | "subject">): Promise<number>;
  /** Waits for what is being written. */
  flush(): Promise<void>;
}

export interface UsageLedgerOptions {
  readonly store: Store;
  readonly clock?: Clock;
  readonly onFault?: (error: unknown) => void;
}

const COLUMNS = `owner AS subject, agent, to_char(day, 'YYYY-MM-DD') AS day, kind, name, calls::float8, failed::float8, ms::float8,
  tokens_in::float8 AS "tokensIn", tokens_out::float8 AS "tokensOut", cost_micros::float8 AS "costMicros", unpriced::float8`;
const ORDER = "ORDER BY day DESC, owner, agent, kind, name";
const DAY_MS = 86_400_000;
const DAYS_MAX = 400;

/** The ledger over the agent's database. */
export function usageLedger({ store, clock = systemClock, onFault }: UsageLedgerOptions): UsageLedger {
  const open = new Map<string, UsageTally>();
  const writing = new Set<Promise<void>>();

  async function write(
    { tenant, subject, agent, at }: AgentEvent,
    lines: readonly UsageLine[],
  ): Promise<void> {
    const rows = lines.map(({ tokensIn, tokensOut, costMicros, ...line }) => ({
      ...line,
      tokens_in: tokensIn,
      tokens_out: tokensOut,
      cost_micros: costMicros,
    }));
    await store.transaction("app", (tx) =>
      tx.query("SELECT agent.add_usage($1, $2, $3, $4, $5::jsonb)", [
        tenant,
        subject,
        agent,
        at.slice(0, "YYYY-MM-DD".length),
        JSON.stringify(rows),
      ]),
    );
  }

  function since({ days = 30 }: UsageQuery): string {
    if (!(Number.isInteger(days) && days >= 1 && days <= DAYS_MAX)) {
      throw new DeputizeError("validation_failed", `\`days\` is a whole number from 1 to ${DAYS_MAX}`, {
        detail: { field: "days" },
      });
    }
    return new Date(clock.nowMs() - (days - 1) * DAY_MS).toISOString().slice(0, "YYYY-MM-DD".length);
  }

  return {
    observer(event) {
      const tally = open.get(event.runId) ?? usageTally();
      open.set(event.runId, tally);
      tally.hear(event);
      if (event.kind !== "turn_ended") return;
      open.delete(event.runId);
      const done = write(event, tally.lines())
        .catch((error: unknown) => onFault?.(error))
        .finally(() => writing.delete(done));
      writing.add(done);
    },
    async own(caller, query = {}) {
      const from = since(query);
      const { rows } = await store.asCaller(caller, (tx) =>
        tx.query<UsageRow>(`SELECT ${COLUMNS} FROM agent.usage WHERE day >= $1 ${ORDER}`, [from]),
      );
      return rows;
    },
    async ofTenant(caller, query = {}) {
      const from = since(query);
      if (!caller.roles.includes("admin") || caller.actors.length > 0)
        throw new DeputizeError("forbidden", "only administrators see the usage of others");
      const { rows } = await store.asCaller(caller, (tx) =>
        tx.query<UsageRow>(`SELECT ${COLUMNS} FROM agent.usage_of_tenant($1) ${ORDER}`, [from]),
      );
      return rows;
    },
    async eraseOwner({ tenant, subject }) {
      const { rows } = await store.transaction("authority", (tx) =>
        tx.query<{ n: number }>("SELECT agent.erase_usage($1, $2) AS n", [tenant, subject]),
      );
      return rows[0]?.n ?? 0;
    },
    async flush() {
      await Promise.all(writing);
    },
  };
}

/**
 * Accounts: what each person used of agents, models and tools, a day, in tokens, money and time.
 *
 * Guarantees: kept apart from conversations, so that removing one changes no account, and counted whatever became of the turn,
 * also where its authority has ended; but a turn during which its person was erased leaves no line. What another agent used for a
 * turn is written under that agent's name, unless it stands in this ledger already. Names of agents, models and offered tools and ids only, no word of anybody's.
 * Does not: lose a turn silently. What cannot be written is told to `onFault`; a process that dies loses the turns that were
 * ending.
 */
import { type Caller, type Clock, DeputizeError, hashParts, systemClock } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { AgentEvent, AgentObserver } from "../observe/agent-event.ts";
import { ACCOUNT_CHARS, type Used } from "./used.ts";
import { type UsageLine, type UsageTally, lineOf, usageTally } from "./usage-tally.ts";

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
  readonly observer: AgentObserver & Required<Pick<AgentObserver, "account">>;
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

/** A turn's first record comes that long, at most, after its conversation was claimed. */
const CLAIM_MS = 1_000;

/** A turn that has not ended. */
interface OpenTurn {
  readonly tally: UsageTally;
  /** What agents that it asked used. */
  readonly others: Used[];
  readonly beganMs: number;
}

const rowOf = ({ tokensIn, tokensOut, costMicros, ...line }: UsageLine): object => ({
  ...line,
  tokens_in: tokensIn,
  tokens_out: tokensOut,
  cost_micros: costMicros,
});

/** The ledger over the agent's database. */
export function usageLedger({ store, clock = systemClock, onFault }: UsageLedgerOptions): UsageLedger {
  const open = new Map<string, OpenTurn>();
  const writing = new Set<Promise<void>>();
  let known: string | undefined;

  async function account(): Promise<string> {
    known ??= await store.transaction("app", async (tx) => {
      const { rows } = await tx.query<{ id: string }>("SELECT agent.usage_ledger_id() AS id");
      return hashParts(["ledger", rows[0]?.id ?? ""]).slice(0, ACCOUNT_CHARS);
    });
    return known;
  }

  async function write({ tenant, subject, agent, at }: AgentEvent, turn: OpenTurn): Promise<void> {
    const byAgent = new Map<string, readonly UsageLine[]>([[agent, turn.tally.lines()]]);
    if (turn.others.length > 0) {
      const here = await account();
      for (const used of turn.others.filter(({ accounts }) => !accounts.includes(here)))
        byAgent.set(used.agent, [...(byAgent.get(used.agent) ?? []), lineOf(used)]);
    }
    await store.transaction("app", async (tx) => {
      const { rows } = await tx.query<{ now: number }>(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now",
      );
      // By the server's clock, and rather too early: the answer took time, too, and the turn was claimed before it was told of.
      const beganMs = (rows[0]?.now ?? 0) - (clock.monotonicMs() - turn.beganMs) - CLAIM_MS;
      for (const [name, lines] of [...byAgent].sort(([a], [b]) => (a < b ? -1 : 1)))
        await tx.query("SELECT agent.add_usage($1, $2, $3, $4, $5::jsonb, to_timestamp($6::float8 / 1000))", [
          tenant,
          subject,
          name,
          at.slice(0, "YYYY-MM-DD".length),
          JSON.stringify(lines.map(rowOf)),
          beganMs,
        ]);
    });
  }

  function since({ days = 30 }: UsageQuery): string {
    if (!(Number.isInteger(days) && days >= 1 && days <= DAYS_MAX)) {
      throw new DeputizeError("validation_failed", `\`days\` is a whole number from 1 to ${DAYS_MAX}`, {
        detail: { field: "days" },
      });
    }
    return new Date(clock.nowMs() - (days - 1) * DAY_MS).toISOString().slice(0, "YYYY-MM-DD".length);
  }

  function hear(event: AgentEvent): void {
    const turn = open.get(event.runId) ?? { tally: usageTally(), others: [], beganMs: clock.monotonicMs() };
    open.set(event.runId, turn);
    turn.tally.hear(event);
    if (event.kind === "agent_used") turn.others.push(event.used);
    if (event.kind !== "turn_ended") return;
    open.delete(event.runId);
    const done = write(event, turn)
      .catch((error: unknown) => onFault?.(error))
      .finally(() => writing.delete(done));
    writing.add(done);
  }

  return {
    observer: Object.assign(hear, { account }),
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

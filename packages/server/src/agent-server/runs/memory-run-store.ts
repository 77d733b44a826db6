/**
 * Runs in this process, for a server without a database: they are gone when it ends, and no other replica sees them.
 *
 * Guarantees: bounded: past `maxRuns` the oldest that has ended goes first; when all are open, the next one is refused.
 */
import { type Caller, type Clock, DeputizeError, systemClock } from "@deputize/core";
import {
  type NewRun,
  RUN_STORE_DEFAULTS,
  type RunChange,
  type RunEvent,
  type RunFault,
  type RunInput,
  type RunStore,
  type RunStoreOptions,
  type RunWritten,
  type StoredEvent,
  type StoredRun,
  hasEnded,
  noSuchRun,
  threadBusy,
  tooManyRuns,
} from "./run.ts";

/** The runs themselves, for several stores over the same ones. */
export interface MemoryRuns {
  readonly rows: Map<string, Row>;
  readonly listeners: Set<(id: string) => void>;
}

export function memoryRuns(): MemoryRuns {
  return { rows: new Map(), listeners: new Set() };
}

interface Row {
  readonly tenant: string;
  readonly subject: string;
  run: StoredRun;
  replica: string;
  /** Epoch milliseconds; undefined where nobody works on it. */
  lease: number | undefined;
  input: RunInput | undefined;
  readonly events: StoredEvent[];
}

const MAX_RUNS = 1_000;

export function memoryRunStore(
  options: RunStoreOptions & {
    readonly clock?: Clock;
    readonly maxRuns?: number;
    readonly runs?: MemoryRuns;
  } = {},
): RunStore {
  const { clock = systemClock, maxRuns = MAX_RUNS } = options;
  const { leaseMs, parkedMs, keepMs, openPerOwner } = { ...RUN_STORE_DEFAULTS, ...options };
  const { rows, listeners } = options.runs ?? memoryRuns();
  const changed = (id: string): void => listeners.forEach((tell) => tell(id));

  const isOpen = ({ run }: Row): boolean => run.status === "queued" || run.status === "running";
  const isDead = ({ lease }: Row): boolean => lease !== undefined && lease < clock.nowMs();
  const shown = (row: Row): StoredRun => ({
    ...row.run,
    parked: row.run.status === "queued" && isDead(row),
  });

  const isOf = (row: Row, { tenant, subject }: Caller): boolean =>
    row.tenant === tenant && row.subject === subject;

  function own(caller: Caller, id: string): Row {
    const row = rows.get(id);
    if (!row || !isOf(row, caller)) throw noSuchRun();
    return row;
  }

  function append(row: Row, events: readonly RunEvent[]): void {
    for (const { event, data } of events) {
      const seq = row.run.lastSeq + 1;
      row.events.push({ seq, event, data: structuredClone(data) });
      row.run = { ...row.run, lastSeq: seq };
    }
  }

  function end(
    row: Row,
    status: "failed" | "cancelled",
    events: readonly RunEvent[],
    fault?: RunFault,
  ): void {
    append(row, events);
    row.run = { ...row.run, status, ended: clock.nowMs(), ...(fault && { fault }) };
    row.lease = undefined;
    row.input = undefined;
    changed(row.run.id);
  }

  function makeRoom(): void {
    if (rows.size < maxRuns) return;
    // In the order in which they began.
    let oldest: Row | undefined;
    for (const row of rows.values()) {
      if (!hasEnded(row.run)) continue;
      oldest = row;
      break;
    }
    if (!oldest) {
      throw new DeputizeError("unavailable", "this server has too many open runs; try again shortly", {
        retryAfterSeconds: 5,
      });
    }
    rows.delete(oldest.run.id);
  }

  function write(replica: string, change: RunChange): RunWritten {
    const { id, after, events, special, status, ...facts } = change;
    const row = rows.get(id);
    if (!row || row.replica !== replica) return { id, held: false, cancel: false };
    const cancel = row.run.cancelRequested;
    // Made before, and only its answer was lost.
    if (events.length > 0 && row.run.lastSeq === after + events.length) return { id, held: true, cancel };
    if (row.run.lastSeq !== after || !isOpen(row)) return { id, held: false, cancel: false };
    if (special === "drop") {
      rows.delete(id);
      return { id, held: true, cancel };
    }
    append(row, events);
    const now = clock.nowMs();
    if (special === "park") row.lease = now - 1;
    else row.lease = status === undefined || status === "running" ? now + leaseMs : undefined;
    if (status !== undefined) row.input = undefined;
    const { fault, approvalId, agentRun, messageId } = facts;
    row.run = {
      ...row.run,
      ...(status !== undefined && { status }),
      ...(fault && { fault }),
      ...(approvalId !== undefined && { approvalId }),
      ...(agentRun !== undefined && { agentRun }),
      ...(messageId !== undefined && { messageId }),
    };
    if (hasEnded(row.run)) row.run = { ...row.run, ended: now };
    if (events.length > 0 || status !== undefined) changed(id);
    return { id, held: true, cancel };
  }

  return {
    kind: "memory",
    create: async (caller, { input, replica, ...run }: NewRun) => {
      const open = [...rows.values()].filter((row) => isOf(row, caller) && isOpen(row));
      if (open.length >= openPerOwner) throw tooManyRuns(openPerOwner);
      if (open.some((row) => row.run.agent === run.agent && row.run.threadId === run.threadId))
        throw threadBusy();
      makeRoom();
      const now = clock.nowMs();
      const row: Row = {
        tenant: caller.tenant,
        subject: caller.subject,
        run: { ...run, lastSeq: 0, cancelRequested: false, parked: false, created: now },
        replica,
        lease: now + leaseMs,
        input: run.status === "queued" ? input : undefined,
        events: [],
      };
      rows.set(run.id, row);
      return shown(row);
    },
    get: async (caller, id) => shown(own(caller, id)),
    read: async (caller, id, after, limit) => {
      const row = own(caller, id);
      return { run: shown(row), events: row.events.slice(after, after + limit) };
    },
    list: async (caller, query) => {
      const found = [...rows.values()]
        .filter((row) => isOf(row, caller))
        .map(shown)
        .filter(
          (run) =>
            (query.agent === undefined || run.agent === query.agent) &&
            (query.threadId === undefined || run.threadId === query.threadId) &&
            (query.status === undefined || run.status === query.status) &&
            (query.after === undefined || run.id < query.after),
        )
        .toSorted((a, b) => (a.id < b.id ? 1 : -1));
      const runs = found.slice(0, query.limit);
      const last = runs.at(-1);
      return { runs, ...(found.length > runs.length && last && { next: last.id }) };
    },
    cancel: async (caller, id, events) => {
      const row = own(caller, id);
      if (row.run.status === "queued" || row.run.status === "waiting") end(row, "cancelled", events);
      else if (row.run.status === "running") {
        row.run = { ...row.run, cancelRequested: true };
        changed(id);
      }
      return shown(row);
    },
    forget: async (caller, agent, threadId) => {
      const gone = [...rows.values()].filter(
        (row) => isOf(row, caller) && row.run.agent === agent && row.run.threadId === threadId,
      );
      for (const { run } of gone) {
        rows.delete(run.id);
        changed(run.id);
      }
      return gone.length;
    },
    take: async (caller, id, from, replica) => {
      const row = rows.get(id);
      if (!row || !isOf(row, caller)) return undefined;
      if (from === "parked" ? !shown(row).parked : row.run.status !== "waiting") return undefined;
      const busy = [...rows.values()].some(
        (other) =>
          other !== row &&
          isOf(other, caller) &&
          isOpen(other) &&
          other.run.agent === row.run.agent &&
          other.run.threadId === row.run.threadId,
      );
      if (busy) throw threadBusy();
      row.replica = replica;
      row.lease = clock.nowMs() + leaseMs;
      if (from === "waiting") {
        const { approvalId: _, ...run } = row.run;
        row.run = { ...run, status: "running" };
        changed(id);
      }
      return { run: shown(row), ...(row.input && { input: row.input }) };
    },
    write: async (replica, changes) => changes.map((change) => write(replica, change)),
    failDead: async (events, fault) => {
      const past = clock.nowMs() - parkedMs;
      const dead = [...rows.values()].filter(
        (row) => isDead(row) && (row.run.status === "running" || (row.lease ?? 0) < past),
      );
      for (const row of dead) end(row, "failed", events, fault);
      return dead.length;
    },
    prune: async () => {
      const before = clock.nowMs() - keepMs;
      const old = [...rows.values()].filter(
        ({ run }) => run.status !== "queued" && run.status !== "running" && run.created < before,
      );
      for (const { run } of old) rows.delete(run.id);
      return old.length;
    },
    watch: async (onChanged) => {
      listeners.add(onChanged);
      return async () => void listeners.delete(onChanged);
    },
  };
}

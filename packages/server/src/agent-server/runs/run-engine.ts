/**
 * The engine of runs: begins turns of agents, keeps what they tell, and lets whoever owns them follow from any replica.
 *
 * Guarantees: a run ends once and has one last event, whatever races. It is one replica's at a time, by a lease; after the death of a
 * replica what had begun is failed with a stable code and never done twice, and what had not begins where its owner comes back to. It acts by
 * the sign-in that began it: when that ends, the run ends [SR-14]. A run is bounded in what it tells, a replica in what it runs.
 * Does not: hold a credential longer than the run that it began.
 */
import { randomUUID } from "node:crypto";
import type { BuiltAgent, RunOptions, TurnCaller } from "@deputize/agent";
import { generateSessionId } from "@deputize/agent";
import { type Caller, type Clock, DeputizeError, isDeputizeError, newId, systemClock } from "@deputize/core";
import type { Watch } from "../../sse.ts";
import { ApiError } from "../errors.ts";
import { INTERRUPTED, lastEvents } from "./run-faults.ts";
import { type Followed, runFollower } from "./run-follower.ts";
import { runJournal } from "./run-journal.ts";
import { type LiveRun, type TurnSource, liveRun } from "./live-run.ts";
import {
  RUN_STORE_DEFAULTS,
  type RunInput,
  type RunQuery,
  type RunStore,
  type StoredRun,
  noSuchRun,
} from "./run.ts";

/** What the engine asks of an agent. */
export type RunAgent = Pick<BuiltAgent, "name" | "stream" | "admit" | "core">;

export interface RunEngineOptions {
  readonly store: RunStore;
  readonly agents: readonly RunAgent[];
  readonly clock?: Clock;
  /** That of the store: `leaseMs`, 10 seconds unless set. */
  readonly leaseMs?: number;
  readonly limits?: Partial<RunLimits>;
  /** For the server's log. */
  readonly onFault?: (error: unknown) => void;
}

export interface RunLimits {
  /** Runs at work here at once; further ones are queued. 100 unless set. */
  readonly concurrent: number;
  /** Queued here; one more is refused. 1,000 unless set. */
  readonly queued: number;
  /** Events of one run. 10,000 unless set. */
  readonly events: number;
  /** Characters of JSON that one run's events may have together. 4,000,000 unless set. */
  readonly chars: number;
  /** How long an agent may take to end after it was told to, in milliseconds; then its run ends without it. 5,000 unless set. */
  readonly stopMs: number;
}

const RUN_LIMITS: RunLimits = {
  concurrent: 100,
  queued: 1_000,
  events: 10_000,
  chars: 4_000_000,
  stopMs: 5_000,
};

/** By whose leave a run works. */
export interface RunAuthority {
  /** Whose run it is. */
  readonly caller: Caller;
  /** The same for the agent, with its way to tokens. */
  readonly agentCaller: TurnCaller;
  /** Tells when the sign-in has ended. */
  readonly watch?: Watch;
}

export interface StartRun extends RunAuthority {
  readonly agent: string;
  readonly message: string;
  /** A new one unless told. */
  readonly threadId?: string;
  /** Refuse a thread that is not there, instead of beginning it. */
  readonly mustExist?: boolean;
  /** Nobody has to follow it: `start` answers before its first event. */
  readonly background?: boolean;
  readonly runOptions?: Omit<RunOptions, "mustExist">;
}

export interface Follow {
  /** The last event that is known already. 0: from the beginning. */
  readonly after?: number;
  readonly signal: AbortSignal;
  /** Begins the run here, should its replica have died before it began. */
  readonly adopt?: RunAuthority;
}

export interface RunEngine {
  readonly limits: RunLimits;
  /**
   * Answers once the turn has begun, or stands in the queue. What refuses the turn before any work is thrown, and there is no run then:
   * `not_found`, `conflict`, `validation_failed`; so are `rate_limited` and `unavailable` for too many runs.
   */
  start(request: StartRun): Promise<StoredRun>;
  get(caller: Caller, id: string): Promise<StoredRun>;
  list(caller: Caller, query: RunQuery): ReturnType<RunStore["list"]>;
  /** The events of a run of the caller's from a place on, without a gap, until it ends or waits. Throws `not_found`. */
  follow(caller: Caller, id: string, options: Follow): AsyncGenerator<Followed>;
  /** The run once it has ended or waits, or as it is after `timeoutMs`. */
  wait(caller: Caller, id: string, options: Follow & { readonly timeoutMs: number }): Promise<StoredRun>;
  /** Ends it, on whatever replica it is; one that has ended stays as it is. */
  cancel(caller: Caller, id: string): Promise<StoredRun>;
  /** Ends the open run of a thread; undefined when there is none. */
  cancelThread(caller: Caller, agent: string, threadId: string): Promise<StoredRun | undefined>;
  /** Removes what is kept of the runs of a thread, and ends them: for whoever removes the thread. */
  forgetThread(caller: Caller, agent: string, threadId: string): Promise<void>;
  /** Goes on with the caller's run that waits for this approval. Throws `not_found`, `conflict`. */
  resume(
    authority: RunAuthority,
    decided: { readonly approvalId: string; readonly decision: "approve" | "refuse" },
  ): Promise<StoredRun>;
  /** Begins nothing more; gives what runs so long to end, fails the rest, and parks what is queued. */
  drain(graceMs: number): Promise<void>;
  /** Drains without grace. */
  close(): Promise<void>;
}

const PRUNE_MS = 600_000;

/** Throws `config_invalid` for agents of one name. */
export function runEngine(options: RunEngineOptions): RunEngine {
  const { store, clock = systemClock, leaseMs = RUN_STORE_DEFAULTS.leaseMs, onFault } = options;
  const limits: RunLimits = { ...RUN_LIMITS, ...options.limits };
  const agents = new Map(options.agents.map((agent) => [agent.name, agent]));
  if (agents.size < options.agents.length)
    throw new DeputizeError("config_invalid", "two agents of a server have one name; give each its own");
  /** Known to this process alone: it is what writing to its runs takes. */
  const replica = randomUUID();
  const journal = runJournal({ store, replica, leaseMs, clock, ...(onFault && { onFault }) });
  const follower = runFollower({ store, live: (id) => live.get(id)?.entry });
  const live = new Map<string, LiveRun>();
  const queue: { readonly run: LiveRun; readonly begin: () => Promise<void> }[] = [];
  let atWork = 0;
  let draining = false;

  const quietly = (work: Promise<unknown>): void => void work.catch((error: unknown) => onFault?.(error));
  const unwatch = store.watch((id) => {
    journal.find(id)?.look();
    follower.changed(id);
  });
  unwatch.catch((error: unknown) => onFault?.(error));
  const sweep = setInterval(
    () => quietly(store.failDead(lastEvents("failed", INTERRUPTED), INTERRUPTED)),
    leaseMs / 2,
  );
  const prune = setInterval(() => quietly(store.prune()), PRUNE_MS);

  function agentOf(name: string): RunAgent {
    const agent = agents.get(name);
    if (!agent) throw new DeputizeError("not_found", "there is no such agent");
    return agent;
  }

  function goingDown(): DeputizeError {
    return new ApiError("SERVER_BUSY", "unavailable", "the server is going down; ask again", {
      retryAfterSeconds: 2,
    });
  }

  function hold(run: StoredRun, authority: RunAuthority): LiveRun {
    const held = liveRun({
      run,
      agent: agentOf(run.agent),
      authority,
      journal,
      limits,
      onStored: () => follower.changed(run.id),
      onEnded: () => {
        live.delete(run.id);
        follower.changed(run.id);
      },
      ...(onFault && { onFault }),
    });
    live.set(run.id, held);
    return held;
  }

  /** Works on it now, and on the next one in the queue when it has ended. Throws what refused it. */
  async function begin(held: LiveRun, source: TurnSource): Promise<void> {
    atWork += 1;
    const freed = (): void => {
      atWork -= 1;
      next();
    };
    held.ended.then(freed, freed);
    await held.begin(source);
  }

  function enqueue(held: LiveRun, source: TurnSource): void {
    queue.push({ run: held, begin: () => begin(held, source) });
    next();
  }

  function next(): void {
    while (!draining && atWork < limits.concurrent) {
      const one = queue.shift();
      if (!one) return;
      if (live.has(one.run.id)) quietly(one.begin());
    }
  }

  const turn = (
    { message, mustExist }: RunInput,
    { threadId }: Pick<StoredRun, "threadId">,
    runOptions: StartRun["runOptions"],
  ): TurnSource => ({ kind: "turn", message, threadId, runOptions: { ...runOptions, mustExist } });

  async function start(request: StartRun): Promise<StoredRun> {
    if (draining) throw goingDown();
    const { caller, agentCaller, watch, background = false, message, mustExist = false } = request;
    agentOf(request.agent);
    const authority: RunAuthority = { caller, agentCaller, ...(watch && { watch }) };
    const isFree = atWork < limits.concurrent && queue.length === 0;
    if (!isFree && queue.length >= limits.queued) {
      throw new ApiError("SERVER_BUSY", "unavailable", "this server has too many runs; try again shortly", {
        retryAfterSeconds: 5,
      });
    }
    const input = { message, mustExist };
    // Taken before the first wait, so that no more begin than may.
    if (isFree) atWork += 1;
    let run: StoredRun;
    try {
      run = await store.create(caller, {
        id: newId(clock),
        agent: request.agent,
        threadId: request.threadId ?? generateSessionId(),
        status: isFree ? "running" : "queued",
        background,
        input,
        replica,
      });
    } catch (error) {
      if (isFree) atWork -= 1;
      next();
      throw error;
    }
    if (isFree) atWork -= 1;
    const held = hold(run, authority);
    const source = turn(input, run, request.runOptions);
    if (isFree) await begin(held, source);
    else enqueue(held, source);
    return run;
  }

  /** Makes a parked run this replica's, and begins it when its turn comes. */
  async function adopt(authority: RunAuthority, id: string): Promise<void> {
    if (draining) return;
    const taken = await store.take(authority.caller, id, "parked", replica);
    if (!taken?.input) return;
    enqueue(hold(taken.run, authority), turn(taken.input, taken.run, undefined));
  }

  async function cancel(caller: Caller, id: string): Promise<StoredRun> {
    const before = await store.get(caller, id);
    const run = await store.cancel(caller, id, lastEvents("cancelled"));
    if (run.status === "running") live.get(id)?.stop("cancelled");
    else if (run.status === "cancelled") {
      live.get(id)?.forget();
      if (before.status === "waiting" && before.agentRun !== undefined)
        await stopWaiting(caller, before.agent, before.agentRun);
    }
    return run;
  }

  /** The agent's own run is ended too, so that a late yes does nothing. */
  async function stopWaiting(caller: Caller, agent: string, runId: string): Promise<void> {
    try {
      await agentOf(agent).core.stop({ caller, runId });
    } catch (error) {
      if (!isDeputizeError(error, "not_found")) throw error;
    }
  }

  async function waitingFor(caller: Caller, approvalId: string): Promise<StoredRun> {
    let after: string | undefined;
    do {
      const page = await store.list(caller, {
        status: "waiting",
        limit: 100,
        ...(after !== undefined && { after }),
      });
      const found = page.runs.find((run) => run.approvalId === approvalId);
      if (found) return found;
      after = page.next;
    } while (after !== undefined);
    throw noSuchRun();
  }

  async function shutDown(graceMs: number): Promise<void> {
    draining = true;
    clearInterval(sweep);
    clearInterval(prune);
    await Promise.all(queue.splice(0).map(({ run }) => run.park()));
    const running = [...live.values()];
    const all = Promise.allSettled(running.map(({ ended }) => ended));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([all, late]);
    clearTimeout(timer);
    for (const one of running) one.stop(INTERRUPTED);
    await all;
    await journal.close();
    follower.close();
    await (
      await unwatch.catch(() => undefined)
    )?.();
  }
  let down: Promise<void> | undefined;

  return {
    limits,
    start,
    cancel,
    get: (caller, id) => store.get(caller, id),
    list: (caller, query) => store.list(caller, query),
    follow: (caller, id, { adopt: authority, ...how }) =>
      follower.follow(caller, id, {
        ...how,
        ...(authority && { onParked: () => adopt(authority, id) }),
      }),
    wait: async (caller, id, { timeoutMs, adopt: authority, ...how }) =>
      follower.wait(caller, id, {
        ...how,
        timeoutMs,
        ...(authority && { onParked: () => adopt(authority, id) }),
      }),
    async cancelThread(caller, agent, threadId) {
      for (const status of ["running", "queued", "waiting"] as const) {
        const { runs } = await store.list(caller, { agent, threadId, status, limit: 1 });
        if (runs[0]) return cancel(caller, runs[0].id);
      }
      return undefined;
    },
    async forgetThread(caller, agent, threadId) {
      await store.forget(caller, agent, threadId);
    },
    async resume(authority, { approvalId, decision }) {
      if (draining) throw goingDown();
      const waits = await waitingFor(authority.caller, approvalId);
      const taken = await store.take(authority.caller, waits.id, "waiting", replica);
      if (!taken) throw noSuchRun();
      await begin(hold(taken.run, authority), { kind: "resumption", approvalId, decision });
      return taken.run;
    },
    drain: (graceMs) => (down ??= shutDown(graceMs)),
    close: () => (down ??= shutDown(0)),
  };
}

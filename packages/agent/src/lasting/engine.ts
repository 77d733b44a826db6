/**
 * The workflow engine (DBOS Transact) in this process: started once, for all agents that have lasting work here.
 *
 * Guarantees: it works by the login role `workflow` and creates nothing; each process has an id of its own and says that it lives,
 * and the work of one that has not for `deadAfterMs` is taken over by any other. A process that merely stalled and comes back finds
 * its work taken: the engine refuses what it writes, and the run's lease what its agent does.
 * Does not: run in two databases at once; the engine is one a process. Nor give back work of an agent that this process does not have:
 * it waits for the agent to come up here, or for another process once this one ends, so replicas have the same agents.
 */
import type { DBOS as Dbos } from "@dbos-inc/dbos-sdk";
import { DeputizeError, newId } from "@deputize/core";
import type { Store } from "@deputize/store";
import { LISTENS, WORKFLOW_SCHEMA } from "./schema.ts";
import { severablePool } from "./severable-pool.ts";
import {
  type LastingInput,
  type LastingKey,
  type LastingPace,
  type LastingState,
  type LastingWorker,
  NOTES,
  type Note,
  STATE,
  type Steps,
  liveLastingWork,
  workflowIdOf,
} from "./workflow.ts";

export interface EngineOptions {
  readonly store: Store;
  readonly pace: LastingPace;
  /** A process that has given no sign of life for so long is dead. */
  readonly deadAfterMs: number;
  readonly onFault: ((error: unknown) => void) | undefined;
}

export interface Engine {
  start(input: LastingInput): Promise<void>;
  /** Undefined when it has not begun. */
  state(key: LastingKey): Promise<LastingState | undefined>;
  /** Throws nothing when it has ended. */
  note(key: LastingKey, note: Note): Promise<void>;
  cancel(key: LastingKey): Promise<void>;
  /** By `workflowIdOf`. */
  forget(workflowIds: readonly string[]): Promise<void>;
  /** Ends this agent's part, and the engine with the last one. */
  close(): Promise<void>;
}

interface Running {
  readonly store: Store;
  readonly dbos: typeof Dbos;
  readonly run: (input: LastingInput) => Promise<void>;
  stop(): Promise<void>;
}

const VERSION = "deputize-1";
interface AtWork {
  readonly worker: LastingWorker;
  readonly pace: LastingPace;
}
const workers = new Map<string, AtWork>();
/** Who waits for an agent to come up. */
let arrivals = Promise.withResolvers<void>();
let running: Promise<Running> | undefined;
/** The engine that is launched now. What an earlier one was still executing stands still. */
let present: { stopped: boolean } = { stopped: true };
/** Work of persons who were erased: what is under way of it here leaves no row behind. */
const forgotten = new Set<string>();

type Workflow = (input: LastingInput) => Promise<void>;
/** DBOS keeps a registration for as long as the process lives, longer than a copy of this module may; it runs the body of the last to launch. */
const ofProcess = ((globalThis as Record<symbol, unknown>)[Symbol.for("deputize.lasting")] ??= {}) as {
  registered?: Workflow;
  body?: Workflow;
};

/** Throws `config_invalid` with the fix. */
export async function openEngine(
  agent: string,
  worker: LastingWorker,
  options: EngineOptions,
): Promise<Engine> {
  if (workers.has(agent)) {
    throw new DeputizeError("config_invalid", `the lasting work of ${agent} is open already in this process`);
  }
  workers.set(agent, { worker, pace: options.pace });
  arrivals.resolve();
  arrivals = Promise.withResolvers();
  let engine: Running;
  try {
    engine = await (running ??= launch(options));
    if (engine.store !== options.store) {
      throw new DeputizeError("config_invalid", "one process keeps its lasting work in one store");
    }
  } catch (error) {
    workers.delete(agent);
    if (workers.size === 0) running = undefined;
    throw error;
  }
  const { dbos, run } = engine;
  return {
    start: async (input) => void (await dbos.startWorkflow(run, { workflowID: workflowIdOf(input) })(input)),
    state: async (key) =>
      (await dbos.getEvent<LastingState>(workflowIdOf(key), STATE, { timeoutSeconds: 0 })) ?? undefined,
    note: (key, note) => dbos.send(workflowIdOf(key), note, NOTES),
    cancel: (key) => dbos.cancelWorkflow(workflowIdOf(key)),
    forget: async (ids) => {
      for (const id of ids) forgotten.add(id);
      await dbos.cancelWorkflows([...ids]);
      await dbos.deleteWorkflows([...ids]);
    },
    async close() {
      if (!workers.delete(agent) || workers.size > 0) return;
      running = undefined;
      await engine.stop();
    },
  };
}

/**
 * The agent's part of this process, once there is one: agents come up one after another, and the engine hands out the work of all
 * with the first. An error here would be the outcome of the work, for good.
 */
async function atWork(agent: string): Promise<AtWork> {
  for (;;) {
    const here = workers.get(agent);
    if (here) return here;
    await arrivals.promise;
  }
}

/**
 * The engine's steps until it is stopped, or the work forgotten. After that they never come back: work that is under way ends with its
 * process, and not with an error that would be kept as its outcome.
 */
function stepsUntil(dbos: typeof Dbos, over: () => boolean): Steps {
  async function unlessStopped<T>(step: () => Promise<T>): Promise<T> {
    if (over()) return new Promise<never>(() => {});
    try {
      const outcome = await step();
      return over() ? await new Promise<never>(() => {}) : outcome;
    } catch (error) {
      if (over()) return new Promise<never>(() => {});
      throw error;
    }
  }
  return {
    now: () => unlessStopped(() => dbos.now()),
    sleepms: (ms) => unlessStopped(() => dbos.sleepms(ms)),
    runStep: (work, config) => unlessStopped(() => dbos.runStep(work, config)),
    setEvent: (key, value) => unlessStopped(() => dbos.setEvent(key, value)),
    recv: <T>(topic: string, options: Parameters<Steps["recv"]>[1]) =>
      unlessStopped(() => dbos.recv<T>(topic, options)),
  };
}

async function launch({ store, deadAfterMs, onFault }: EngineOptions): Promise<Running> {
  const { DBOS } = await import("@dbos-inc/dbos-sdk");
  const { DBOSExecutor } = await import("@dbos-inc/dbos-sdk/internal/dbos-executor");
  ofProcess.body = async (input) => {
    const engine = present;
    const over = (): boolean => engine.stopped || forgotten.has(workflowIdOf(input));
    const { pace } = await atWork(input.agent);
    const worker: LastingWorker = {
      drive: async (...asked) => (await atWork(input.agent)).worker.drive(...asked),
      decision: async (...asked) => (await atWork(input.agent)).worker.decision(...asked),
    };
    await liveLastingWork(stepsUntil(DBOS, over), worker, pace, input);
  };
  const registered = (ofProcess.registered ??= DBOS.registerWorkflow(
    async (input: LastingInput): Promise<void> => ofProcess.body?.(input),
    // Every restart counts as a recovery, and work lasts for months.
    { name: "lasting", maxRecoveryAttempts: 1_000_000_000 },
  ));
  const executorID = newId();
  const mine = { stopped: false };
  present = mine;
  const lent = severablePool(store.pool("workflow"));
  const silent = (): void => {};
  const told = (message: unknown): void => onFault?.(message);
  DBOS.setConfig({
    name: "deputize",
    systemDatabasePool: lent.pool,
    systemDatabaseSchemaName: WORKFLOW_SCHEMA,
    useListenNotify: LISTENS,
    runMigrations: false,
    executorID,
    applicationVersion: VERSION,
    enableOTLP: false,
    tracingEnabled: false,
    logger: { info: silent, debug: silent, warn: silent, error: told },
  });
  try {
    await DBOS.launch();
  } catch (cause) {
    // Half launched, it would take the next start for its own.
    await DBOS.shutdown().catch(() => {});
    throw new DeputizeError(
      "config_invalid",
      "the database is not prepared for lasting work; call `prepareLastingWork` in `prepare` of `openStore`",
      { cause },
    );
  }
  const pool = store.pool("workflow");

  /** Says that this process lives, and takes over from those that do not. */
  async function beat(): Promise<void> {
    await pool.query(
      `INSERT INTO ${WORKFLOW_SCHEMA}.executors (id, seen) VALUES ($1, clock_timestamp())
       ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`,
      [executorID],
    );
    const { rows } = await pool.query<{ id: string }>(
      `SELECT DISTINCT w.executor_id AS id FROM ${WORKFLOW_SCHEMA}.workflow_status w
       LEFT JOIN ${WORKFLOW_SCHEMA}.executors e ON e.id = w.executor_id
       WHERE w.status = 'PENDING' AND w.application_version = $1 AND w.executor_id <> $2
         AND (e.seen IS NULL OR e.seen < clock_timestamp() - $3 * interval '1 millisecond')`,
      [VERSION, executorID, deadAfterMs],
    );
    const dead = rows.map(({ id }) => id);
    if (dead.length > 0) await DBOSExecutor.globalInstance?.recoverPendingWorkflows(dead);
    await pool.query(
      `DELETE FROM ${WORKFLOW_SCHEMA}.executors WHERE seen < clock_timestamp() - $1 * interval '1 millisecond'`,
      [10 * deadAfterMs],
    );
  }
  let beating: Promise<void> = beat();
  const timer = setInterval(
    () => {
      beating = beating.then(beat).catch((error: unknown) => onFault?.(error));
    },
    Math.max(100, Math.floor(deadAfterMs / 6)),
  );
  timer.unref();
  await beating;

  return {
    store,
    dbos: DBOS,
    run: registered,
    async stop() {
      mine.stopped = true;
      clearInterval(timer);
      await beating;
      await DBOS.shutdown();
      await lent.sever();
      // What it had in hand is anybody's from now on.
      await pool.query(`DELETE FROM ${WORKFLOW_SCHEMA}.executors WHERE id = $1`, [executorID]);
    },
  };
}

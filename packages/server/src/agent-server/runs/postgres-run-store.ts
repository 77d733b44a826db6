/**
 * Runs in the database, for any number of replicas.
 *
 * Guarantees: whoever reads, begins or cancels does so as the caller, under row-level security. A replica writes by its own secret id
 * and in one statement for all that it holds, so that its cost does not grow with the number of its streams.
 */
import { toJsonb } from "@deputize/agent";
import { type Caller, isUuid } from "@deputize/core";
import { type Store, sqlState } from "@deputize/store";
import {
  type NewRun,
  RUN_STORE_DEFAULTS,
  type RunFault,
  type RunInput,
  type RunStatus,
  type RunStore,
  type RunStoreOptions,
  type RunWritten,
  type StoredEvent,
  type StoredRun,
  noSuchRun,
  runStoreFault,
  threadBusy,
  tooManyRuns,
} from "./run.ts";

/** The channel that migration 0008 writes to. */
const CHANNEL = "deputize_runs";
const SWEPT_AT_ONCE = 100;

interface Row {
  readonly id: string;
  readonly agent: string;
  readonly thread_id: string;
  readonly status: RunStatus;
  readonly background: boolean;
  readonly fault: RunFault | null;
  readonly approval_id: string | null;
  readonly agent_run: string | null;
  readonly message_id: string | null;
  readonly last_seq: number;
  readonly cancel_requested: boolean;
  readonly parked: boolean;
  readonly created: Date;
  readonly ended: Date | null;
}

const COLUMNS = `r.id, r.agent, r.thread_id, r.status, r.background, r.fault, r.approval_id, r.agent_run, r.message_id, r.last_seq,
  r.cancel_requested, r.created, r.ended, r.status = 'queued' and r.lease < clock_timestamp() as parked`;

function runOf(row: Row): StoredRun {
  return {
    id: row.id,
    agent: row.agent,
    threadId: row.thread_id,
    status: row.status,
    background: row.background,
    lastSeq: row.last_seq,
    cancelRequested: row.cancel_requested,
    parked: row.parked,
    created: row.created.getTime(),
    ...(row.fault && { fault: row.fault }),
    ...(row.approval_id !== null && { approvalId: row.approval_id }),
    ...(row.agent_run !== null && { agentRun: row.agent_run }),
    ...(row.message_id !== null && { messageId: row.message_id }),
    ...(row.ended && { ended: row.ended.getTime() }),
  };
}

/** `store` was opened with `serverMigrations`. */
export function postgresRunStore(options: RunStoreOptions & { readonly store: Store }): RunStore {
  const { store } = options;
  const { leaseMs, parkedMs, keepMs, openPerOwner } = { ...RUN_STORE_DEFAULTS, ...options };

  async function get(caller: Caller, id: string): Promise<StoredRun> {
    return (await read(caller, id, 0, 0)).run;
  }

  async function read(caller: Caller, id: string, after: number, limit: number) {
    if (!isUuid(id)) throw noSuchRun();
    const { rows } = await store
      .asCaller(caller, (tx) =>
        tx.query<Row & { events: StoredEvent[] | null }>(
          `select ${COLUMNS}, (select jsonb_agg(jsonb_build_object('seq', e.seq, 'event', e.event, 'data', e.data) order by e.seq)
             from (select seq, event, data from agent.server_run_events
               where tenant = r.tenant and owner_id = r.owner_id and run_id = r.id and seq > $2 order by seq limit $3) e) as events
           from agent.server_runs r where r.id = $1`,
          [id, after, limit],
        ),
      )
      .catch(runStoreFault);
    if (!rows[0]) throw noSuchRun();
    return { run: runOf(rows[0]), events: rows[0].events ?? [] };
  }

  return {
    kind: "postgres",
    get,
    read,
    create: async (caller, run: NewRun) => {
      const work = store.asCaller(
        caller,
        async (tx) => {
          const { rows } = await tx.query<Row & { open: number }>(
            `with made as (
               insert into agent.server_runs (tenant, owner_id, id, agent, thread_id, status, background, input, replica, lease)
               values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, clock_timestamp() + make_interval(secs => $10 / 1000.0))
               returning id, agent, thread_id, status, background, fault, approval_id, agent_run, message_id, last_seq,
                 cancel_requested, created, ended, false as parked)
             select made.*, (select count(*)::int from agent.server_runs where status in ('queued', 'running')) as open from made`,
            [
              caller.tenant,
              caller.subject,
              run.id,
              run.agent,
              run.threadId,
              run.status,
              run.background,
              run.status === "queued" ? toJsonb(run.input) : null,
              run.replica,
              leaseMs,
            ],
          );
          const [made] = rows;
          if (!made || made.open >= openPerOwner) throw tooManyRuns(openPerOwner);
          return runOf(made);
        },
        { readOnly: false },
      );
      return work.catch((error: unknown) => {
        if (sqlState(error) === "23505") throw threadBusy();
        return runStoreFault(error);
      });
    },
    list: async (caller, query) => {
      const { rows } = await store
        .asCaller(caller, (tx) =>
          tx.query<Row>(
            `select ${COLUMNS} from agent.server_runs r where ($1::text is null or r.agent = $1) and ($2::uuid is null or r.thread_id = $2)
               and ($3::text is null or r.status = $3) and ($4::uuid is null or r.id < $4) order by r.id desc limit $5`,
            [
              query.agent ?? null,
              query.threadId ?? null,
              query.status ?? null,
              query.after ?? null,
              query.limit + 1,
            ],
          ),
        )
        .catch(runStoreFault);
      const runs = rows.slice(0, query.limit).map(runOf);
      const last = runs.at(-1);
      return { runs, ...(rows.length > runs.length && last && { next: last.id }) };
    },
    cancel: async (caller, id, events) => {
      if (!isUuid(id)) throw noSuchRun();
      await store
        .asCaller(caller, (tx) => tx.query("select agent.cancel_run($1, $2::jsonb)", [id, toJsonb(events)]), {
          readOnly: false,
        })
        .catch(runStoreFault);
      return get(caller, id);
    },
    forget: async (caller, agent, threadId) => {
      const { rows } = await store
        .asCaller(
          caller,
          (tx) => tx.query<{ n: number }>("select agent.forget_runs($1, $2) as n", [agent, threadId]),
          { readOnly: false },
        )
        .catch(runStoreFault);
      return rows[0]?.n ?? 0;
    },
    take: async (caller, id, from, replica) => {
      if (!isUuid(id)) return undefined;
      const { rows } = await store
        .asCaller(
          caller,
          (tx) =>
            tx.query<{ input: RunInput | null }>("select input from agent.take_run($1, $2, $3, $4)", [
              id,
              from,
              replica,
              leaseMs,
            ]),
          { readOnly: false },
        )
        .catch((error: unknown) => {
          if (sqlState(error) === "23505") throw threadBusy();
          return runStoreFault(error);
        });
      if (!rows[0]) return undefined;
      const { input } = rows[0];
      return { run: await get(caller, id), ...(input && { input }) };
    },
    write: async (replica, changes) => {
      if (changes.length === 0) return [];
      const rows = changes.map(({ approvalId, agentRun, messageId, ...change }) => ({
        ...change,
        approval_id: approvalId,
        agent_run: agentRun,
        message_id: messageId,
      }));
      const written = await store.transaction("app", (tx) =>
        tx.query<RunWritten>("select id, held, cancel from agent.write_runs($1, $2::jsonb, $3)", [
          replica,
          toJsonb(rows),
          leaseMs,
        ]),
      );
      return written.rows;
    },
    failDead: async (events, fault) => {
      const { rows } = await store
        .transaction("app", (tx) =>
          tx.query<{ n: number }>("select agent.fail_dead_runs($1, $2, $3::jsonb, $4::jsonb) as n", [
            SWEPT_AT_ONCE,
            parkedMs,
            toJsonb(events),
            toJsonb(fault),
          ]),
        )
        .catch(runStoreFault);
      return rows[0]?.n ?? 0;
    },
    prune: async () => {
      const { rows } = await store
        .transaction("app", (tx) =>
          tx.query<{ n: number }>("select agent.prune_runs($1, $2) as n", [SWEPT_AT_ONCE, keepMs]),
        )
        .catch(runStoreFault);
      return rows[0]?.n ?? 0;
    },
    watch: (onChanged) =>
      store.listen(CHANNEL, (payload) => {
        for (const id of payload.split(",")) onChanged(id);
      }),
  };
}

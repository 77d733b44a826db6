/**
 * A2A tasks in the database, each visible to its owner only.
 *
 * Guarantees: every read and write runs as the caller under row-level security, so a task of somebody else is
 * "not found" whatever id is asked for. A task that waits for a person is durable and can be continued on
 * another replica. A task that has ended never changes, whichever replica says otherwise. One whose process is gone is
 * told as failed half a minute later.
 * Does not: store each step. A task at work lives in this process, bounded in number, and is written when it
 * begins and when its state changes, because its steps are in the run that the agent keeps. Working
 * updates are not kept in the task's history either.
 */
import { type ListTasksResponse, Task, TaskState, TaskStatus, taskStateToJSON } from "@a2a-js/sdk";
import type { ServerCallContext } from "@a2a-js/sdk/server";
import { type Clock, systemClock } from "@deputize/core";
import type { MigrationSet, Store } from "@deputize/store";
import { callOf, taskOwner } from "./owner.ts";
import { message, textPart } from "./parts.ts";
import {
  AT_WORK_NAMES,
  type AgentTaskStore,
  FINAL_NAMES,
  TASK_LIMITS,
  assertRoom,
  assertSize,
  forStorage,
  isAtWork,
  readListQuery,
  writeCursor,
} from "./task-rules.ts";

/** Schema `agent`, table `a2a_tasks`: apply after the agent package's own. */
export const serverMigrations: MigrationSet = {
  name: "server",
  directory: new URL("../../migrations/", import.meta.url),
};

export interface TaskStoreOptions {
  readonly store: Store;
  /** The agent whose tasks these are. */
  readonly agent: string;
  readonly clock?: Clock;
}

/** A process at work on a task says so every two seconds. */
const ALIVE = "interval '30 seconds'";
const ORPHANED = `state = any($2) and coalesce(alive_until, updated + ${ALIVE}) < now()`;

/** Makes the task store of one agent. */
export function createTaskStore(options: TaskStoreOptions): AgentTaskStore {
  const { store, agent, clock = systemClock } = options;
  const working = new Map<string, Task>();
  const keyOf = (context: ServerCallContext, id: string): string =>
    `${taskOwner(callOf(context).caller)}:${id}`;
  const now = (): string => new Date(clock.nowMs()).toISOString();
  const change = (context: ServerCallContext, sql: string, values: readonly unknown[]) =>
    store.asCaller(callOf(context).caller, (tx) => tx.query<{ id: string }>(sql, [...values]), {
      readOnly: false,
    });

  async function write(task: Task, context: ServerCallContext): Promise<void> {
    const json = JSON.stringify(Task.toJSON(task));
    assertSize(json);
    const { caller } = callOf(context);
    const state = taskStateToJSON(task.status?.state ?? TaskState.TASK_STATE_SUBMITTED);
    // What another replica has ended stays as it ended.
    await change(
      context,
      `insert into agent.a2a_tasks (tenant, owner_id, agent, id, context_id, state, task, created, updated, alive_until)
       values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $8, now() + ${ALIVE})
       on conflict (tenant, owner_id, agent, id)
       do update set state = excluded.state, task = excluded.task, updated = excluded.updated,
         alive_until = excluded.alive_until
       where a2a_tasks.state <> all($9)`,
      [caller.tenant, caller.subject, agent, task.id, task.contextId, state, json, now(), FINAL_NAMES],
    );
  }

  async function dropOld(context: ServerCallContext): Promise<void> {
    const before = new Date(clock.nowMs() - TASK_LIMITS.keepDays * 86_400_000).toISOString();
    await change(context, "delete from agent.a2a_tasks where agent = $1 and updated < $2", [agent, before]);
  }

  /** Ends the caller's tasks whose process is gone. */
  async function endOrphans(context: ServerCallContext): Promise<void> {
    const said = message(
      [
        textPart("the server that worked on this is gone; ask again", {
          integrity: "trusted",
          readers: "public",
          source: `agent:${agent}`,
        }),
      ],
      { role: "agent" },
    );
    const status = TaskStatus.toJSON({
      state: TaskState.TASK_STATE_FAILED,
      message: said,
      timestamp: now(),
    });
    await change(
      context,
      `update agent.a2a_tasks set state = 'TASK_STATE_FAILED', updated = $4, task = jsonb_set(task, '{status}', $3::jsonb)
       where agent = $1 and ${ORPHANED} returning id`,
      [agent, AT_WORK_NAMES, JSON.stringify(status), now()],
    );
  }

  async function read(
    taskId: string,
    context: ServerCallContext,
  ): Promise<{ task: unknown; orphaned: boolean } | undefined> {
    const { rows } = await store.asCaller(callOf(context).caller, (tx) =>
      tx.query<{ task: unknown; orphaned: boolean }>(
        `select task, ${ORPHANED} as orphaned from agent.a2a_tasks where agent = $1 and id = $3`,
        [agent, AT_WORK_NAMES, taskId],
      ),
    );
    return rows[0];
  }

  return {
    async save(task, context) {
      const key = keyOf(context, task.id);
      const known = working.has(key);
      const kept = forStorage(task);
      if (isAtWork(kept)) {
        if (!known) assertRoom(working.size);
        working.set(key, structuredClone(kept));
        if (known) return;
        try {
          await write(kept, context);
          await dropOld(context);
        } catch (error) {
          working.delete(key);
          throw error;
        }
        return;
      }
      // Only the database knows it from here on: another replica may continue it.
      working.delete(key);
      await write(kept, context);
    },

    async load(taskId, context) {
      const live = working.get(keyOf(context, taskId));
      if (live) return structuredClone(live);
      let row = await read(taskId, context);
      if (row?.orphaned) {
        await endOrphans(context);
        row = await read(taskId, context);
      }
      return row && Task.fromJSON(row.task);
    },

    async list(params, context): Promise<ListTasksResponse> {
      const { pageSize, cursor, state, contextId, after } = readListQuery(params);
      const orphans = await store.asCaller(callOf(context).caller, (tx) =>
        tx.query(`select from agent.a2a_tasks where agent = $1 and ${ORPHANED} limit 1`, [
          agent,
          AT_WORK_NAMES,
        ]),
      );
      if (orphans.rows.length > 0) await endOrphans(context);
      const where = `from agent.a2a_tasks where agent = $1
        and ($2::text is null or context_id = $2) and ($3::text is null or state = $3)
        and ($4::timestamptz is null or updated > $4)`;
      const filter = [agent, contextId ?? null, state ?? null, after ?? null];
      return store.asCaller(callOf(context).caller, async (tx) => {
        const total = await tx.query<{ n: number }>(`select count(*)::int as n ${where}`, filter);
        const { rows } = await tx.query<{ task: unknown; id: string; updated: Date }>(
          `select task, id, updated ${where} and ($5::timestamptz is null or (updated, id) < ($5, $6))
           order by updated desc, id desc limit $7`,
          [...filter, cursor?.updated ?? null, cursor?.id ?? null, pageSize + 1],
        );
        const page = rows.slice(0, pageSize);
        const last = page.at(-1);
        const tasks = page.map((row) => Task.fromJSON(row.task));
        return {
          tasks: params.includeArtifacts ? tasks : tasks.map((task) => ({ ...task, artifacts: [] })),
          nextPageToken:
            last && rows.length > pageSize
              ? writeCursor({ updated: last.updated.toISOString(), id: last.id })
              : "",
          pageSize,
          totalSize: total.rows[0]?.n ?? 0,
        };
      });
    },

    async stillAtWork(taskId, context) {
      const { rows } = await change(
        context,
        `update agent.a2a_tasks set alive_until = now() + ${ALIVE}
         where agent = $1 and state = any($2) and id = $3 returning id`,
        [agent, AT_WORK_NAMES, taskId],
      );
      return rows.length > 0;
    },
  };
}

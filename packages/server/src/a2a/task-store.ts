/**
 * A2A tasks in the database, each visible to its owner only.
 *
 * Guarantees: every read and write runs as the caller under row-level security, so a task of somebody else is
 * "not found" whatever id is asked for. A task that waits for a person is durable and can be continued on
 * another replica.
 * Does not: store each step. A task at work lives in this process, bounded in number, and is written when it
 * begins and when its state changes, because its steps are in the run that the agent keeps. Working
 * updates are not kept in the task's history either.
 */
import {
  type ListTasksRequest,
  type ListTasksResponse,
  type Message,
  Task,
  TaskState,
  taskStateToJSON,
} from "@a2a-js/sdk";
import type { ServerCallContext, TaskStore } from "@a2a-js/sdk/server";
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import type { MigrationSet, Store } from "@deputize/store";
import { callOf, taskOwner } from "./owner.ts";

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

const LIMITS = {
  /** Tasks at work in this process, over all callers; more answer `unavailable`. */
  working: 1000,
  /** A task as JSON; a longer one ends as failed rather than growing. */
  taskBytes: 1_000_000,
  /** Messages kept in a task's history. */
  history: 50,
  /** Finished and abandoned tasks are dropped after this many days, when their owner starts another. */
  keepDays: 7,
} as const;

/** Message metadata that says: for the stream only. */
export const TRANSIENT = { "urn:deputize:transient": true } as const;

function isTransient(message: Message): boolean {
  return message.metadata?.["urn:deputize:transient"] === true;
}

function isAtWork(task: Task): boolean {
  const state = task.status?.state;
  return state === TaskState.TASK_STATE_WORKING || state === TaskState.TASK_STATE_SUBMITTED;
}

function forStorage(task: Task): Task {
  return { ...task, history: task.history.filter((m) => !isTransient(m)).slice(-LIMITS.history) };
}

/** Makes the task store of one agent. */
export function createTaskStore(options: TaskStoreOptions): TaskStore {
  const { store, agent, clock = systemClock } = options;
  const working = new Map<string, Task>();
  const keyOf = (context: ServerCallContext, id: string): string =>
    `${taskOwner(callOf(context).caller)}:${id}`;
  const now = (): string => new Date(clock.nowMs()).toISOString();

  async function write(task: Task, context: ServerCallContext): Promise<void> {
    const json = JSON.stringify(Task.toJSON(task));
    if (json.length > LIMITS.taskBytes)
      throw new DeputizeError("limit_exceeded", "the task is too large to keep");
    const { caller } = callOf(context);
    const state = taskStateToJSON(task.status?.state ?? TaskState.TASK_STATE_SUBMITTED);
    const at = now();
    await store.asCaller(
      caller,
      async (tx) => {
        await tx.query(
          `insert into agent.a2a_tasks (tenant, owner_id, agent, id, context_id, state, task, created, updated)
           values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $8)
           on conflict (tenant, owner_id, agent, id)
           do update set state = excluded.state, task = excluded.task, updated = excluded.updated`,
          [caller.tenant, caller.subject, agent, task.id, task.contextId, state, json, at],
        );
      },
      { readOnly: false },
    );
  }

  async function dropOld(context: ServerCallContext): Promise<void> {
    const before = new Date(clock.nowMs() - LIMITS.keepDays * 86_400_000).toISOString();
    const drop = "delete from agent.a2a_tasks where agent = $1 and updated < $2";
    await store.asCaller(callOf(context).caller, (tx) => tx.query(drop, [agent, before]), {
      readOnly: false,
    });
  }

  return {
    async save(task, context) {
      const key = keyOf(context, task.id);
      const known = working.has(key);
      const kept = forStorage(task);
      if (isAtWork(kept)) {
        if (!known && working.size >= LIMITS.working) {
          throw new DeputizeError("unavailable", "this agent has too many tasks at work; try again soon", {
            retryAfterSeconds: 5,
          });
        }
        working.set(key, structuredClone(kept));
        if (known) return;
        await write(kept, context);
        await dropOld(context);
        return;
      }
      // Only the database knows it from here on: another replica may continue it.
      working.delete(key);
      await write(kept, context);
    },

    async load(taskId, context) {
      const live = working.get(keyOf(context, taskId));
      if (live) return structuredClone(live);
      const { rows } = await store.asCaller(callOf(context).caller, (tx) =>
        tx.query<{ task: unknown }>("select task from agent.a2a_tasks where agent = $1 and id = $2", [
          agent,
          taskId,
        ]),
      );
      return rows[0] ? Task.fromJSON(rows[0].task) : undefined;
    },

    async list(params: ListTasksRequest, context): Promise<ListTasksResponse> {
      const pageSize = params.pageSize ?? 50;
      const cursor = readCursor(params.pageToken);
      const state =
        params.status === undefined || params.status === TaskState.TASK_STATE_UNSPECIFIED
          ? null
          : taskStateToJSON(params.status);
      const where = `from agent.a2a_tasks where agent = $1
        and ($2::text is null or context_id = $2) and ($3::text is null or state = $3)
        and ($4::timestamptz is null or updated > $4)`;
      const filter = [
        agent,
        params.contextId || null,
        state,
        params.statusTimestampAfter ? instantOf(params.statusTimestampAfter) : null,
      ];
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
          nextPageToken: last && rows.length > pageSize ? writeCursor(last.updated, last.id) : "",
          pageSize,
          totalSize: total.rows[0]?.n ?? 0,
        };
      });
    },
  };
}

function writeCursor(updated: Date, id: string): string {
  return Buffer.from(JSON.stringify([updated.toISOString(), id])).toString("base64url");
}

/** An instant as we write it, in a year that the database has; what JavaScript calls a date is far wider. */
function isInstant(text: string): boolean {
  const at = /^[1-9]\d{3}-/.test(text) ? new Date(text) : undefined;
  return at !== undefined && !Number.isNaN(at.getTime()) && at.toISOString() === text;
}

/** A time as clients write it, for the database. */
function instantOf(text: string): string {
  const at = new Date(text);
  const written = Number.isNaN(at.getTime()) ? "" : at.toISOString();
  if (!isInstant(written)) throw new DeputizeError("invalid_request", "the time is not one of RFC 3339");
  return written;
}

function readCursor(token: string | undefined): { updated: string; id: string } | undefined {
  if (!token) return undefined;
  try {
    const [updated, id] = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as unknown[];
    if (typeof updated === "string" && typeof id === "string" && isInstant(updated) && !id.includes("\0")) {
      return { updated, id };
    }
  } catch {
    // Falls through to the one refusal.
  }
  throw new DeputizeError("invalid_request", "the page token is not one of ours");
}

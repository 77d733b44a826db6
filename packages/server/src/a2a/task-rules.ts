/** What every store of A2A tasks holds to: what is kept of a task, which states are final, and how lists are paged. */
import { type ListTasksRequest, type Message, type Task, TaskState, taskStateToJSON } from "@a2a-js/sdk";
import { RequestMalformedError } from "@a2a-js/sdk/errors";
import type { ServerCallContext, TaskStore } from "@a2a-js/sdk/server";
import { DeputizeError } from "@deputize/core";

export const TASK_LIMITS = {
  /** Tasks at work in this process, over all callers; more answer `unavailable`. */
  working: 1000,
  /** A task as JSON; a longer one ends as failed rather than growing. */
  taskBytes: 1_000_000,
  /** Messages kept in a task's history. */
  history: 50,
  /** Finished and abandoned tasks are dropped after this many days, when their owner starts another. */
  keepDays: 7,
} as const;

/** A store of tasks that also tells whether one is still at work, for all processes. */
export interface AgentTaskStore extends TaskStore {
  /** True while the task is at work; false when it was ended elsewhere. */
  stillAtWork(taskId: string, context: ServerCallContext): Promise<boolean>;
}

/** Message metadata that says: for the stream only. */
export const TRANSIENT = { "urn:deputize:transient": true } as const;

function isTransient(message: Message): boolean {
  return message.metadata?.["urn:deputize:transient"] === true;
}

const AT_WORK: ReadonlySet<TaskState | undefined> = new Set([
  TaskState.TASK_STATE_WORKING,
  TaskState.TASK_STATE_SUBMITTED,
]);
const FINAL: ReadonlySet<TaskState | undefined> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
]);

export function isAtWork(task: Task): boolean {
  return AT_WORK.has(task.status?.state);
}

/** A task in such a state never leaves it. */
export function isFinal(task: Task): boolean {
  return FINAL.has(task.status?.state);
}

/** The names of final states, as they are stored. */
export const FINAL_NAMES: readonly string[] = [...FINAL].flatMap((state) =>
  state === undefined ? [] : [taskStateToJSON(state)],
);
export const AT_WORK_NAMES: readonly string[] = [...AT_WORK].flatMap((state) =>
  state === undefined ? [] : [taskStateToJSON(state)],
);

/** A task without what was for the stream only. */
export function forStorage(task: Task): Task {
  return {
    ...task,
    history: task.history.filter((m) => !isTransient(m)).slice(-TASK_LIMITS.history),
  };
}

/** Throws `unavailable` when this process has no room for another task at work. */
export function assertRoom(atWork: number): void {
  if (atWork < TASK_LIMITS.working) return;
  throw new DeputizeError("unavailable", "this agent has too many tasks at work; try again soon", {
    retryAfterSeconds: 5,
  });
}

/** Throws `limit_exceeded` for a task too large to keep. */
export function assertSize(json: string): void {
  if (json.length > TASK_LIMITS.taskBytes)
    throw new DeputizeError("limit_exceeded", "the task is too large to keep");
}

/** Where the page before ended. */
export interface TaskCursor {
  readonly updated: string;
  readonly id: string;
}

/** What is asked of a list, in the store's terms. Throws the protocol's error for malformed parameters. */
export function readListQuery(params: ListTasksRequest): {
  readonly pageSize: number;
  readonly cursor: TaskCursor | undefined;
  readonly state: string | undefined;
  readonly contextId: string | undefined;
  readonly after: string | undefined;
} {
  const status = params.status ?? TaskState.TASK_STATE_UNSPECIFIED;
  return {
    pageSize: params.pageSize ?? 50,
    cursor: readCursor(params.pageToken),
    state: status === TaskState.TASK_STATE_UNSPECIFIED ? undefined : taskStateToJSON(status),
    contextId: params.contextId || undefined,
    after: params.statusTimestampAfter ? instantOf(params.statusTimestampAfter) : undefined,
  };
}

export function writeCursor({ updated, id }: TaskCursor): string {
  return Buffer.from(JSON.stringify([updated, id])).toString("base64url");
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
  if (!isInstant(written)) throw new RequestMalformedError("the time is not one of RFC 3339");
  return written;
}

function readCursor(token: string | undefined): TaskCursor | undefined {
  if (!token) return undefined;
  try {
    const [updated, id] = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as unknown[];
    if (typeof updated === "string" && typeof id === "string" && isInstant(updated) && !id.includes("\0")) {
      return { updated, id };
    }
  } catch {
    // Falls through to the one refusal.
  }
  throw new RequestMalformedError("the page token is not one of ours");
}

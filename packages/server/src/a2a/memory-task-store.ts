/**
 * A2A tasks in this process, each visible to its owner only: for servers without a database. They are gone when it ends.
 *
 * Guarantees: tasks are kept under their owner, so that an id of somebody else is "not found"; of one owner the newest 200 are kept,
 * and of all owners 20,000. A task that has ended never changes.
 */
import { Task, TaskState, taskStateToJSON } from "@a2a-js/sdk";
import { type Clock, systemClock } from "@deputize/core";
import { callOf, taskOwner } from "./owner.ts";
import {
  type AgentTaskStore,
  TASK_LIMITS,
  assertRoom,
  assertSize,
  forStorage,
  isAtWork,
  isFinal,
  readListQuery,
  writeCursor,
} from "./task-rules.ts";

const PER_OWNER = 200;
const IN_ALL = 20_000;

interface Kept {
  readonly owner: string;
  readonly task: Task;
  readonly updatedMs: number;
}

/** Makes the task store of one agent. */
export function memoryTaskStore(options: { readonly clock?: Clock } = {}): AgentTaskStore {
  const { clock = systemClock } = options;
  // In order of their last change.
  const tasks = new Map<string, Kept>();
  const keyOf = (owner: string, id: string): string => `${owner}:${id}`;

  function makeRoom(owner: string): void {
    const before = clock.nowMs() - TASK_LIMITS.keepDays * 86_400_000;
    let own = 0;
    for (const kept of tasks.values()) if (kept.owner === owner) own += 1;
    for (const [key, kept] of tasks) {
      const surplus = (kept.owner === owner && own >= PER_OWNER) || tasks.size >= IN_ALL;
      if (isAtWork(kept.task) || !(surplus || kept.updatedMs < before)) continue;
      tasks.delete(key);
      if (kept.owner === owner) own -= 1;
    }
  }

  return {
    async save(task, context) {
      const owner = taskOwner(callOf(context).caller);
      const key = keyOf(owner, task.id);
      const known = tasks.get(key);
      if (known && isFinal(known.task)) return;
      const kept = structuredClone(forStorage(task));
      assertSize(JSON.stringify(Task.toJSON(kept)));
      if (!known) {
        makeRoom(owner);
        assertRoom([...tasks.values()].filter((one) => isAtWork(one.task)).length);
      }
      tasks.delete(key);
      tasks.set(key, { owner, task: kept, updatedMs: clock.nowMs() });
    },

    async load(taskId, context) {
      const kept = tasks.get(keyOf(taskOwner(callOf(context).caller), taskId));
      return kept && structuredClone(kept.task);
    },

    async list(params, context) {
      const owner = taskOwner(callOf(context).caller);
      const { pageSize, cursor, state, contextId, after } = readListQuery(params);
      const matching = [...tasks.values()].filter(
        ({ owner: of, task, updatedMs }) =>
          of === owner &&
          (contextId === undefined || task.contextId === contextId) &&
          (state === undefined ||
            taskStateToJSON(task.status?.state ?? TaskState.TASK_STATE_UNSPECIFIED) === state) &&
          (after === undefined || updatedMs > Date.parse(after)),
      );
      const newestFirst = matching.toSorted(
        (a, b) => b.updatedMs - a.updatedMs || (a.task.id < b.task.id ? 1 : -1),
      );
      const rest = newestFirst.filter(
        ({ task, updatedMs }) =>
          cursor === undefined ||
          updatedMs < Date.parse(cursor.updated) ||
          (updatedMs === Date.parse(cursor.updated) && task.id < cursor.id),
      );
      const page = rest.slice(0, pageSize);
      const last = page.at(-1);
      return {
        tasks: page.map(({ task }) => ({
          ...structuredClone(task),
          ...(!params.includeArtifacts && { artifacts: [] }),
        })),
        nextPageToken:
          last && rest.length > pageSize
            ? writeCursor({ updated: new Date(last.updatedMs).toISOString(), id: last.task.id })
            : "",
        pageSize,
        totalSize: matching.length,
      };
    },

    async stillAtWork(taskId, context) {
      const kept = tasks.get(keyOf(taskOwner(callOf(context).caller), taskId));
      return kept !== undefined && isAtWork(kept.task);
    },
  };
}

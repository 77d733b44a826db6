/**
 * One event bus for each task at work, kept apart by owner.
 *
 * Guarantees: a bus is gone when its run has ended, a run that waits for a person included, so that neither
 * abandoned waits nor past owners hold memory (the SDK's own manager keeps both).
 */
import {
  DefaultExecutionEventBus,
  type ExecutionEventBusManager,
  type ServerCallContext,
} from "@a2a-js/sdk/server";
import { callOf, taskOwner } from "./owner.ts";

export function createEventBuses(): ExecutionEventBusManager {
  const buses = new Map<string, DefaultExecutionEventBus>();
  const keyOf = (taskId: string, context: ServerCallContext | undefined): string | undefined =>
    context && `${taskOwner(callOf(context).caller)}:${taskId}`;
  return {
    createOrGetByTaskId(taskId, context) {
      const key = keyOf(taskId, context);
      const bus = (key && buses.get(key)) || new DefaultExecutionEventBus();
      if (key) buses.set(key, bus);
      return bus;
    },
    getByTaskId(taskId, context) {
      const key = keyOf(taskId, context);
      return key === undefined ? undefined : buses.get(key);
    },
    cleanupByTaskId(taskId, context) {
      const key = keyOf(taskId, context);
      if (key === undefined) return;
      buses.get(key)?.removeAllListeners();
      buses.delete(key);
    },
  };
}

/** For the tests of what the A2A 1.0 specification demands: a served agent, the protocol's own client, and words for both. */
import { type StreamResponse, type Task, TaskState } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import type { TurnRequest } from "@deputize/agent";
import { UNKNOWN_LABEL } from "@deputize/guardrails/flow";
import { afterAll, beforeAll } from "vitest";
import { type Served, done, said, sends, serve } from "./served.fixture.ts";

export let world: Served;
export let alice: Client;

/** Answers at once, unless it is told to wait: then until it is told to stop. */
export async function* play(request: TurnRequest) {
  if (request.message.startsWith("wait")) {
    yield { event: "delta" as const, data: { text: "working " } };
    await new Promise<void>((resolve) => {
      if (request.signal?.aborted) resolve();
      request.signal?.addEventListener("abort", () => resolve(), { once: true });
    });
    yield { event: "done" as const, data: { status: "stopped" as const } };
    return;
  }
  if (request.message === "ask") {
    yield { event: "done" as const, data: { status: "waiting" as const } };
    return;
  }
  request.runOptions?.onLabel?.(UNKNOWN_LABEL);
  yield { event: "delta" as const, data: { text: `You said: ${request.message}` } };
  yield done;
}

/** Serves the agent for the tests of a file. */
export function useWorld(): void {
  beforeAll(async () => {
    world = await serve(play);
    alice = await world.client("alice");
  });
  afterAll(() => world.stop());
}

export const states = (events: readonly StreamResponse[]): string[] =>
  events.flatMap(({ payload }) =>
    payload?.$case === "statusUpdate" || payload?.$case === "task"
      ? [TaskState[payload.value.status?.state ?? 0] ?? ""]
      : [payload?.$case ?? ""],
  );
export async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of source) events.push(event);
  return events;
}
export async function finished(client = alice, text = "hi"): Promise<Task> {
  const task = await client.sendMessage(said(text));
  if (!("status" in task)) throw new Error("a message came back, not a task");
  return task;
}
/** A task at work, and what ends it. */
export async function atWork(user = "alice"): Promise<{ id: string; stream: Response }> {
  const stream = await world.ask("/a2a/assistant", {
    method: "POST",
    as: user,
    headers: { "a2a-version": "1.0" },
    body: { jsonrpc: "2.0", id: 1, ...sends({ parts: [{ text: "wait" }] }, "SendStreamingMessage") },
  });
  const reader = stream.body?.getReader();
  const first = new TextDecoder().decode((await reader?.read())?.value);
  reader?.releaseLock();
  return { id: /"id":"([0-9a-f-]{36})"/.exec(first)?.[1] ?? "", stream };
}
export const code = async (user: string | undefined, call: object | string, headers = {}) =>
  (await world.rpc(user, call, headers)).body.error?.code;

export type Row = readonly [section: string, demand: string, holds: () => Promise<void>];

export const CONFIG = {
  acceptedOutputModes: [],
  taskPushNotificationConfig: undefined,
  returnImmediately: false,
};
export const LIST = {
  tenant: "",
  contextId: "",
  status: TaskState.TASK_STATE_UNSPECIFIED,
  pageSize: 100,
  pageToken: "",
  historyLength: 0,
  statusTimestampAfter: undefined,
  includeArtifacts: false,
};

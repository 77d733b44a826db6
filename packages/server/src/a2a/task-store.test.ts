/** Where A2A tasks are kept: one contract for both stores, and what only replicas over one database can do to each other. */
import { type Task, TaskState } from "@a2a-js/sdk";
import type { ServerCallContext } from "@a2a-js/sdk/server";
import { agentMigrations } from "@deputize/agent";
import { newId } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fakeAuthority, person, scriptedAgent, testCaller } from "../testing.ts";
import { type AgentEndpoint, agentEndpoint } from "./agent-endpoint.ts";
import { memoryTaskStore } from "./memory-task-store.ts";
import { callContext } from "./owner.ts";
import { createRunHold } from "./run-hold.ts";
import { done, sends } from "./served.fixture.ts";
import { type AgentTaskStore, TRANSIENT } from "./task-rules.ts";
import { createTaskStore, serverMigrations } from "./task-store.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore([agentMigrations, serverMigrations]);
});
afterAll(() => store.close());

const of = (name: string): ServerCallContext =>
  callContext(
    {
      caller: testCaller(name),
      authority: fakeAuthority(name, [], []),
      requestId: newId(),
      hold: createRunHold(0),
    },
    "1.0",
  );
const task = (more: Partial<Task> = {}, state = TaskState.TASK_STATE_WORKING): Task => ({
  id: newId(),
  contextId: "context",
  status: { state, message: undefined, timestamp: "2026-11-30T00:00:00.000Z" },
  artifacts: [],
  history: [],
  metadata: undefined,
  ...more,
});
const state = (one: Task, next: TaskState): Task => ({
  ...one,
  status: { state: next, message: undefined, timestamp: "2026-11-30T00:00:01.000Z" },
});
const LIST = {
  tenant: "",
  contextId: "",
  status: TaskState.TASK_STATE_UNSPECIFIED,
  pageSize: 50,
  pageToken: "",
  historyLength: undefined,
  statusTimestampAfter: undefined,
  includeArtifacts: false,
};

describe.each<[string, () => AgentTaskStore]>([
  ["in this process", () => memoryTaskStore()],
  ["in the database", () => createTaskStore({ store, agent: `agent-${newId().slice(-8)}` })],
])("a store of tasks %s", (_name, make) => {
  it("shows a task to its owner alone", async () => {
    const tasks = make();
    const mine = task();
    await tasks.save(mine, of("alice"));
    expect(await tasks.load(mine.id, of("alice"))).toMatchObject({ id: mine.id });
    expect(await tasks.load(mine.id, of("bob"))).toBeUndefined();
    expect(await tasks.stillAtWork(mine.id, of("bob"))).toBe(false);
    expect((await tasks.list(LIST, of("bob"))).tasks).toEqual([]);
    // Nor does somebody else's task of the same id touch it.
    await tasks.save(state({ ...mine, contextId: "theirs" }, TaskState.TASK_STATE_COMPLETED), of("bob"));
    expect(await tasks.load(mine.id, of("alice"))).toMatchObject({ contextId: "context" });
  });

  it("never changes a task that has ended", async () => {
    const tasks = make();
    const one = task();
    await tasks.save(one, of("alice"));
    expect(await tasks.stillAtWork(one.id, of("alice"))).toBe(true);
    await tasks.save(state(one, TaskState.TASK_STATE_CANCELED), of("alice"));
    await tasks.save(state(one, TaskState.TASK_STATE_COMPLETED), of("alice"));
    expect((await tasks.load(one.id, of("alice")))?.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect(await tasks.stillAtWork(one.id, of("alice"))).toBe(false);
  });

  it("keeps nothing that was for the stream only, and hands out copies", async () => {
    const tasks = make();
    const message = {
      messageId: "m",
      contextId: "",
      taskId: "",
      role: 2,
      parts: [],
      extensions: [],
      referenceTaskIds: [],
    };
    const one = task({
      history: [
        { ...message, metadata: TRANSIENT },
        { ...message, messageId: "kept", metadata: undefined },
      ],
    });
    await tasks.save(one, of("alice"));
    const loaded = await tasks.load(one.id, of("alice"));
    expect(loaded?.history.map(({ messageId }) => messageId)).toEqual(["kept"]);
    loaded?.history.splice(0);
    expect((await tasks.load(one.id, of("alice")))?.history).toHaveLength(1);
  });

  it("refuses a task that grows without end", async () => {
    const huge = task({ metadata: { x: "y".repeat(1_000_001) } }, TaskState.TASK_STATE_COMPLETED);
    await expect(make().save(huge, of("alice"))).rejects.toMatchObject({ code: "limit_exceeded" });
  });
});

describe("a store of tasks in this process", () => {
  it("keeps the newest 200 of one owner, and those at work", async () => {
    const tasks = memoryTaskStore();
    const working = task();
    await tasks.save(working, of("alice"));
    for (let i = 0; i < 205; i += 1)
      await tasks.save(task({ id: `t${i}` }, TaskState.TASK_STATE_COMPLETED), of("alice"));
    const { totalSize } = await tasks.list(LIST, of("alice"));
    expect(totalSize).toBe(200);
    expect(await tasks.load("t0", of("alice"))).toBeUndefined();
    expect(await tasks.load(working.id, of("alice"))).toBeDefined();
  });

  it("takes no more at work than there is room for", async () => {
    const tasks = memoryTaskStore();
    for (let i = 0; i < 1000; i += 1) await tasks.save(task(), of(`user-${i}`));
    await expect(tasks.save(task(), of("alice"))).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("replicas over one database", () => {
  const replica = (play: Parameters<typeof scriptedAgent>[1], agent: string): AgentEndpoint =>
    agentEndpoint({
      agent: scriptedAgent(agent, play),
      audience: "http://127.0.0.1/a",
      card: { version: "1", skills: [{ id: "x", name: "x", description: "x" }] },
      store,
      lingerMs: 60_000,
    });
  const ask = async (endpoint: AgentEndpoint, call: object, name = "alice") => {
    const answer = await endpoint.answer({
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...call }),
      headers: new Headers({ "a2a-version": "1.0" }),
      signal: new AbortController().signal,
      caller: testCaller(name),
      authority: fakeAuthority(name, [], []),
      requestId: newId(),
    });
    return (await answer.json()) as {
      result?: { id?: string; task?: { id: string }; status?: { state: string } };
    };
  };
  const atOnce = { configuration: { returnImmediately: true } };

  it("cancel a task that works on another one, which stops and keeps the end", async () => {
    const agent = `agent-${newId().slice(-8)}`;
    let stopped = false;
    const first = replica(async function* (request) {
      await new Promise<void>((resolve) => request.signal?.addEventListener("abort", () => resolve()));
      stopped = true;
      // It says that it was done all the same.
      yield done;
    }, agent);
    const second = replica(async function* () {
      yield done;
    }, agent);
    const id = (await ask(first, sends({}, "SendMessage", atOnce))).result?.task?.id ?? "";
    const cancelled = await ask(second, { method: "CancelTask", params: { id } });
    expect(cancelled.result?.status?.state).toBe("TASK_STATE_CANCELED");
    await expect.poll(() => stopped, { timeout: 10_000 }).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const one of [first, second])
      expect((await ask(one, { method: "GetTask", params: { id } })).result?.status?.state).toBe(
        "TASK_STATE_CANCELED",
      );
  });

  it("tell a task whose process is gone as failed, also in lists, and of one that lives as at work", async () => {
    const agent = `agent-${newId().slice(-8)}`;
    const tasks = createTaskStore({ store, agent });
    const [dead, alive] = [task(), task()];
    for (const one of [dead, alive]) await tasks.save(one, of("carol"));
    await store.ownerQuery(
      "update agent.a2a_tasks set alive_until = now() - interval '1 second' where id = $1",
      [dead.id],
    );
    const other = createTaskStore({ store, agent });
    expect((await other.load(alive.id, of("carol")))?.status?.state).toBe(TaskState.TASK_STATE_WORKING);
    const listed = await other.list({ ...LIST, status: TaskState.TASK_STATE_FAILED }, of("carol"));
    expect(listed.tasks.map(({ id }) => id)).toEqual([dead.id]);
    const told = await other.load(dead.id, of("carol"));
    expect(JSON.stringify(told?.status?.message)).toContain("is gone");
    const { rows } = await store.ownerQuery<{ n: number }>(
      "select count(*)::int as n from agent.a2a_tasks where owner_id = $1 and state = 'TASK_STATE_FAILED'",
      [person("carol")],
    );
    expect(rows[0]?.n).toBe(1);
  });
});

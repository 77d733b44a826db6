/**
 * What the A2A 1.0 specification demands of the operations of an agent, its errors and its data: each row is one demand, by its
 * section, against an agent server over real HTTP. requirements-wire.test.ts has those of cards, authentication and JSON-RPC.
 */
import { type Task, TaskState } from "@a2a-js/sdk";
import {
  PushNotificationNotSupportedError,
  TaskNotCancelableError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import { newId } from "@deputize/core";
import { describe, expect, it } from "vitest";
import {
  CONFIG,
  LIST,
  type Row,
  alice,
  all,
  atWork,
  code,
  finished,
  play,
  states,
  useWorld,
  world,
} from "./requirements.fixture.ts";
import { said, sends, serve } from "./served.fixture.ts";

useWorld();

const OPERATIONS: readonly Row[] = [
  [
    "§3.1.1",
    "SendMessage answers a task with its artifacts, or a message",
    async () => {
      const task = await finished();
      expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
      expect(JSON.stringify(task.artifacts)).toContain("You said: hi");
    },
  ],
  [
    "§3.1.1",
    "a message to a task that has ended is an UnsupportedOperationError",
    async () => {
      const { id } = await finished();
      await expect(alice.sendMessage(said("more", { taskId: id }))).rejects.toThrow(
        UnsupportedOperationError,
      );
    },
  ],
  [
    "§3.1.2",
    "a stream begins with the task and ends when the task does",
    async () => {
      const events = await all(alice.sendMessageStream(said("hi")));
      expect(events[0]?.payload?.$case).toBe("task");
      expect(states(events).at(-1)).toBe("TASK_STATE_COMPLETED");
    },
  ],
  [
    "§3.1.2",
    "an error before the stream is the error, and no stream",
    async () => {
      const call = sends({ taskId: newId() }, "SendStreamingMessage");
      const answer = await world.rpc("alice", call);
      expect(answer.headers.get("content-type")).toContain("application/json");
      expect(answer.body.error?.code).toBe(-32001);
    },
  ],
  [
    "§3.1.3",
    "GetTask answers the task as it stands",
    async () => {
      const { id } = await finished();
      expect(await alice.getTask({ tenant: "", id, historyLength: undefined })).toMatchObject({ id });
    },
  ],
  [
    "§3.1.4",
    "ListTasks answers the caller's tasks, the last changed first, page by page",
    async () => {
      const bob = await world.client("bob-lists");
      const made: string[] = [];
      for (let i = 0; i < 5; i += 1) made.unshift((await finished(bob)).id);
      const seen: string[] = [];
      let pageToken = "";
      do {
        const page = await bob.listTasks({ ...LIST, pageSize: 2, pageToken });
        expect(page.totalSize).toBe(5);
        seen.push(...page.tasks.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(seen.toSorted()).toEqual(made.toSorted());
      const times = (await bob.listTasks(LIST)).tasks.map(({ status }) => status?.timestamp ?? "");
      expect(times).toEqual(times.toSorted().toReversed());
    },
  ],
  [
    "§3.1.4",
    "ListTasks leaves artifacts out unless asked, and always has `nextPageToken`",
    async () => {
      await finished();
      const { result } = (await world.rpc("alice", { method: "ListTasks" })).body;
      expect(result).toHaveProperty("nextPageToken");
      expect(JSON.stringify(result)).not.toContain("artifacts");
      const withThem = await alice.listTasks({ ...LIST, includeArtifacts: true });
      expect(withThem.tasks[0]?.artifacts).toHaveLength(1);
    },
  ],
  [
    "§3.1.4",
    "ListTasks filters by context and state, and refuses a page size beyond 100",
    async () => {
      const task = await finished();
      const of = (await alice.listTasks({ ...LIST, contextId: task.contextId })).tasks;
      expect(of.map(({ id }) => id)).toEqual([task.id]);
      const failed = await alice.listTasks({ ...LIST, status: TaskState.TASK_STATE_FAILED });
      expect(failed.tasks).toEqual([]);
      expect(await code("alice", { method: "ListTasks", params: { pageSize: 101 } })).toBe(-32602);
      expect(await code("alice", { method: "ListTasks", params: { pageToken: "x" } })).toBe(-32602);
    },
  ],
  [
    "§3.1.5",
    "CancelTask ends a task at work, and again answers the same",
    async () => {
      const { id } = await atWork();
      const cancel = () => alice.cancelTask({ tenant: "", id, metadata: undefined });
      expect((await cancel()).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
      expect((await cancel()).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    },
  ],
  [
    "§3.1.5",
    "CancelTask of a task that has ended is a TaskNotCancelableError",
    async () => {
      const { id } = await finished();
      await expect(alice.cancelTask({ tenant: "", id, metadata: undefined })).rejects.toThrow(
        TaskNotCancelableError,
      );
    },
  ],
  [
    "§3.1.6",
    "SubscribeToTask begins with the task, and ends with it",
    async () => {
      const { id } = await atWork();
      const events = all(alice.resubscribeTask({ tenant: "", id }));
      await alice.cancelTask({ tenant: "", id, metadata: undefined });
      const seen = states(await events);
      expect([seen[0], seen.at(-1)]).toEqual(["TASK_STATE_WORKING", "TASK_STATE_CANCELED"]);
    },
  ],
  [
    "§3.1.6",
    "SubscribeToTask of a task that has ended is an UnsupportedOperationError",
    async () => {
      const { id } = await finished();
      await expect(all(alice.resubscribeTask({ tenant: "", id }))).rejects.toThrow(UnsupportedOperationError);
    },
  ],
  [
    "§3.1.7",
    "push notifications, which the card does not offer, are refused as such in every method",
    async () => {
      const { id } = await finished();
      for (const verb of ["Create", "Get", "List", "Delete"])
        expect(
          await code("alice", {
            method: `${verb}TaskPushNotificationConfig${verb === "List" ? "s" : ""}`,
            params: { taskId: id, id: "c", url: "http://169.254.169.254/" },
          }),
        ).toBe(-32003);
      const inMessage = { configuration: { taskPushNotificationConfig: { url: "https://a.example" } } };
      expect(await code("alice", sends({}, "SendMessage", inMessage))).toBe(-32003);
      await expect(
        (async () =>
          alice.listTaskPushNotificationConfig({ tenant: "", taskId: id, pageSize: 1, pageToken: "" }))(),
      ).rejects.toThrow(PushNotificationNotSupportedError);
    },
  ],
  [
    "§3.1.11",
    "GetExtendedAgentCard shows callers what the public card leaves out",
    async () => {
      const card = await (await world.client("alice")).getAgentCard();
      expect(card.skills.map(({ id }) => id)).toEqual(["help", "refund"]);
    },
  ],
  [
    "§3.2.2",
    "a message that asks not to wait is answered at once, and its task goes on",
    async () => {
      const task = await alice.sendMessage({
        ...said("wait"),
        configuration: { ...CONFIG, returnImmediately: true },
      });
      expect(task).toMatchObject({ status: { state: TaskState.TASK_STATE_WORKING } });
      const { id } = task as Task;
      expect((await alice.getTask({ tenant: "", id, historyLength: undefined })).status?.state).toBe(
        TaskState.TASK_STATE_WORKING,
      );
      await alice.cancelTask({ tenant: "", id, metadata: undefined });
    },
  ],
  [
    "§3.2.4",
    "`historyLength` is at most so many of the last messages; 0 is none",
    async () => {
      const { id } = await finished();
      const history = async (historyLength: number | undefined) =>
        (await alice.getTask({ tenant: "", id, historyLength })).history.length;
      expect([await history(undefined), await history(0), await history(5)]).toEqual([1, 0, 1]);
      expect(await code("alice", { method: "GetTask", params: { id, historyLength: -1 } })).toBe(-32602);
    },
  ],
  [
    "§3.4.1",
    "a context is made where none is given, and kept where one is",
    async () => {
      expect((await finished()).contextId).toMatch(/^[0-9a-f-]{36}$/);
      const kept = await alice.sendMessage(said("hi", { contextId: "my-context" }));
      expect(kept.contextId).toBe("my-context");
    },
  ],
  [
    "§3.4.2",
    "a task's context is known from its id, and another one beside it is refused",
    async () => {
      const waiting = await finished(alice, "ask");
      expect(waiting.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
      expect(await code("alice", sends({ taskId: waiting.id, contextId: "other" }))).toBe(-32602);
      const more = await alice.sendMessage(said("hi", { taskId: waiting.id }));
      expect(more).toMatchObject({ id: waiting.id, contextId: waiting.contextId });
    },
  ],
  [
    "§3.5.2",
    "every listener gets the same events in the same order, and one who leaves disturbs nobody",
    async () => {
      const { id, stream } = await atWork();
      const [one, two] = [1, 2].map(() => all(alice.resubscribeTask({ tenant: "", id })));
      await new Promise((resolve) => setTimeout(resolve, 300));
      await stream.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect((await alice.getTask({ tenant: "", id, historyLength: 0 })).status?.state).toBe(
        TaskState.TASK_STATE_WORKING,
      );
      await alice.cancelTask({ tenant: "", id, metadata: undefined });
      expect(states((await one) ?? [])).toEqual(states((await two) ?? []));
    },
  ],
  [
    "§3.6.2",
    "another version, and none, which means 0.3, are a VersionNotSupportedError",
    async () => {
      for (const version of ["0.3", "2.0", "1", "x"])
        expect(await code("alice", sends(), { "a2a-version": version })).toBe(-32009);
      const without = await world.ask("/a2a/assistant", {
        method: "POST",
        as: "alice",
        body: { jsonrpc: "2.0", id: 1, ...sends() },
      });
      expect(await without.json()).toMatchObject({ error: { code: -32009 } });
    },
  ],
  [
    "§3.6",
    "a patch number takes no part",
    async () => {
      expect(await code("alice", sends(), { "a2a-version": "1.0.7" })).toBeUndefined();
    },
  ],
];

const ERRORS: readonly Row[] = [
  [
    "§3.3.2",
    "a task that is not there and one of somebody else are told in the same words",
    async () => {
      const { id } = await finished();
      const [theirs, none] = [id, newId()];
      for (const method of ["GetTask", "CancelTask", "SubscribeToTask"]) {
        const answers = await Promise.all(
          [theirs, none].map(
            async (one) => (await world.rpc("mallory", { method, params: { id: one } })).body,
          ),
        );
        const [a, b] = answers.map((body) => JSON.stringify(body).replaceAll(/[0-9a-f-]{36}/g, "ID"));
        expect(a).toBe(b);
        expect(answers[0]?.error?.code).toBe(-32001);
      }
    },
  ],
  [
    "§3.3.2",
    "parameters are validated before anything is done",
    async () => {
      const before = world.agent.turns.length;
      const bad: object[] = [
        { method: "SendMessage" },
        sends({ parts: [] }),
        sends({ parts: [{}] }),
        sends({ parts: [null] }),
        sends({ parts: "x" }),
        sends({ messageId: "" }),
        sends({ role: "ROLE_AGENT" }),
        sends({ role: "user" }),
        sends({ contextId: "x".repeat(101) }),
        sends({ context_id: "x".repeat(101) }),
        sends({ task_id: "x".repeat(101) }),
        { method: "GetTask" },
        { method: "GetTask", params: { id: " " } },
      ];
      for (const call of bad) expect([call, await code("alice", call)]).toEqual([call, -32602]);
      expect(world.agent.turns).toHaveLength(before);
    },
  ],
  [
    "§3.3.2",
    "what the agent cannot read is a ContentTypeNotSupportedError",
    async () => {
      for (const part of [
        { url: "https://a.example/x.png" },
        { raw: "AAAA", mediaType: "image/png" },
        { text: "x", mediaType: "text/x-other" },
      ])
        expect(await code("alice", sends({ parts: [part] }))).toBe(-32005);
    },
  ],
  [
    "§3.3.4",
    "an extended card that the public one does not offer is an UnsupportedOperationError",
    async () => {
      const plain = await serve(play, { cards: {} });
      const answer = await plain.rpc("alice", { method: "GetExtendedAgentCard" });
      expect(answer.body.error?.code).toBe(-32004);
      await plain.stop();
    },
  ],
  [
    "§5.4",
    "errors carry the code of their kind, and the reason in `data`",
    async () => {
      const { error } = (await world.rpc("alice", { method: "GetTask", params: { id: newId() } })).body;
      expect(error?.code).toBe(-32001);
      expect(JSON.stringify(error?.data)).toContain("TASK_NOT_FOUND");
    },
  ],
  [
    "§5.5",
    "fields are written in camelCase",
    async () => {
      const { body } = await world.rpc("alice", sends());
      expect(JSON.stringify(body)).toContain('"contextId"');
      expect(JSON.stringify(body)).not.toMatch(/"(context_id|task_id|message_id)"/);
    },
  ],
  [
    "§5.6.1",
    "times are ISO 8601 in UTC with milliseconds",
    async () => {
      expect((await finished()).status?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    },
  ],
  [
    "§5.7",
    "fields that nobody knows are passed over",
    async () => {
      expect(await code("alice", sends({ invented: 1 }))).toBeUndefined();
    },
  ],
];

describe.each([
  ["operations", OPERATIONS],
  ["errors and data", ERRORS],
])("A2A 1.0: %s", (_name, rows) => {
  it.each(rows)("%s %s", async (_section, _demand, holds) => {
    await holds();
  });
});

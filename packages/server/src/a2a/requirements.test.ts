/**
 * What the A2A 1.0 specification demands of an agent that is asked by JSON-RPC, of its card, and of its authentication: each row is
 * one demand, by its section, against an agent server over real HTTP.
 */
import { TaskState, type Task, type StreamResponse, verifyAgentCardSignature } from "@a2a-js/sdk";
import { type Client } from "@a2a-js/sdk/client";
import {
  PushNotificationNotSupportedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import type { TurnRequest } from "@deputize/agent";
import { newId } from "@deputize/core";
import { UNKNOWN_LABEL } from "@deputize/guardrails/flow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { token } from "../agent-server/server.fixture.ts";
import { type Served, done, said, sends, serve } from "./served.fixture.ts";

let world: Served;
let alice: Client;

/** Answers at once, unless it is told to wait: then until it is told to stop. */
async function* play(request: TurnRequest) {
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

beforeAll(async () => {
  world = await serve(play);
  alice = await world.client("alice");
});
afterAll(() => world.stop());

const states = (events: readonly StreamResponse[]): string[] =>
  events.flatMap(({ payload }) =>
    payload?.$case === "statusUpdate" || payload?.$case === "task"
      ? [TaskState[payload.value.status?.state ?? 0] ?? ""]
      : [payload?.$case ?? ""],
  );
async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of source) events.push(event);
  return events;
}
async function finished(client = alice, text = "hi"): Promise<Task> {
  const task = await client.sendMessage(said(text));
  if (!("status" in task)) throw new Error("a message came back, not a task");
  return task;
}
/** A task at work, and what ends it. */
async function atWork(user = "alice"): Promise<{ id: string; stream: Response }> {
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
const code = async (user: string | undefined, call: object | string, headers = {}) =>
  (await world.rpc(user, call, headers)).body.error?.code;

type Row = readonly [section: string, demand: string, holds: () => Promise<void>];

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
      expect(times).toEqual(times.toSorted().reverse());
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

const CONFIG = { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately: false };
const LIST = {
  tenant: "",
  contextId: "",
  status: TaskState.TASK_STATE_UNSPECIFIED,
  pageSize: 100,
  pageToken: "",
  historyLength: 0,
  statusTimestampAfter: undefined,
  includeArtifacts: false,
};

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

const AUTHENTICATION: readonly Row[] = [
  [
    "§7.4",
    "every request is authenticated: without a credential, with a bad one and with an expired one it is 401",
    async () => {
      for (const call of [sends(), { method: "ListTasks" }, { method: "GetExtendedAgentCard" }]) {
        const without = await world.rpc(undefined, call);
        expect([without.status, without.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
        for (const bearer of [
          "x.y.z",
          await token({ expires: 1 }),
          await token({ secret: "o".repeat(40) }),
        ]) {
          const { status, headers } = await world.rpc(undefined, call, { authorization: `Bearer ${bearer}` });
          expect(status).toBe(401);
          expect(headers.get("www-authenticate")).toContain("Bearer");
        }
      }
    },
  ],
  [
    "§7.4",
    "what was sent without a credential is not looked at",
    async () => {
      expect((await world.rpc(undefined, "{")).status).toBe(401);
    },
  ],
  [
    "§7.6",
    "a credential without the scope is 403, and says which is missing",
    async () => {
      const narrow = await token({ userId: "alice", scope: "graph:read" });
      const answer = await world.rpc(undefined, sends(), { authorization: `Bearer ${narrow}` });
      expect(answer.status).toBe(403);
      expect(answer.headers.get("www-authenticate")).toContain("a2a:call");
    },
  ],
  [
    "§13.1",
    "ListTasks shows nobody else's tasks, whatever it is asked",
    async () => {
      const { contextId } = await finished();
      const mallory = await world.client("mallory");
      expect((await mallory.listTasks({ ...LIST, contextId })).tasks).toEqual([]);
    },
  ],
  [
    "§13.1",
    "one context id of two callers is two contexts",
    async () => {
      const bob = await world.client("bob");
      await alice.sendMessage(said("hi", { contextId: "shared" }));
      await bob.sendMessage(said("hi", { contextId: "shared" }));
      const [mine, theirs] = world.agent.turns.slice(-2).map((turn) => turn.conversationId);
      expect(mine).not.toBe(theirs);
    },
  ],
  [
    "§13.1",
    "another's task takes no message, and goes on unharmed",
    async () => {
      const { id, stream } = await atWork();
      const mallory = await world.client("mallory");
      await expect(mallory.sendMessage(said("hi", { taskId: id }))).rejects.toThrow(TaskNotFoundError);
      expect((await alice.getTask({ tenant: "", id, historyLength: 0 })).status?.state).toBe(
        TaskState.TASK_STATE_WORKING,
      );
      await stream.body?.cancel();
      await alice.cancelTask({ tenant: "", id, metadata: undefined });
    },
  ],
];

const CARDS: readonly Row[] = [
  [
    "§8.1",
    "a card is there for everybody, at the agent and at the well-known place",
    async () => {
      for (const path of ["/.well-known/agent-card.json", "/a2a/assistant/.well-known/agent-card.json"]) {
        const response = await world.ask(path);
        expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
        expect(await response.json()).toMatchObject({ name: "assistant", version: "2.1.0" });
      }
    },
  ],
  [
    "§4.4.1",
    "a card has every field that is required, and lists that are required hold something",
    async () => {
      const card = (await (await world.ask("/.well-known/agent-card.json")).json()) as Record<
        string,
        unknown
      >;
      for (const name of ["name", "description", "version"]) expect(card[name]).toMatch(/./);
      for (const name of ["supportedInterfaces", "defaultInputModes", "defaultOutputModes", "skills"])
        expect((card[name] as unknown[]).length).toBeGreaterThan(0);
      expect(card["skills"]).toEqual([
        { id: "help", name: "Help", description: "helps", tags: ["help", "support"] },
      ]);
    },
  ],
  [
    "§8.3.1",
    "the first interface is where the agent is, in its binding and version",
    async () => {
      const card = (await (await world.ask("/.well-known/agent-card.json")).json()) as Record<
        string,
        unknown
      >;
      expect(card["supportedInterfaces"]).toEqual([
        { url: world.agentUrl, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
      ]);
    },
  ],
  [
    "§7.3",
    "the schemes of the authenticators in force are in the card, and one of them is enough",
    async () => {
      const card = (await (await world.ask("/.well-known/agent-card.json")).json()) as Record<
        string,
        unknown
      >;
      expect(card["securitySchemes"]).toEqual({
        jwt: { httpAuthSecurityScheme: { scheme: "Bearer", bearerFormat: "JWT" } },
      });
      expect(card["securityRequirements"]).toEqual([{ schemes: { jwt: {} } }]);
    },
  ],
  [
    "§8.4.3",
    "the signature holds for the protocol's own library, with the key that is published",
    async () => {
      const { keys } = (await (await world.ask("/.well-known/jwks.json")).json()) as {
        keys: { kid: string }[];
      };
      const check = verifyAgentCardSignature(async (kid) => keys.find((key) => key.kid === kid) as never);
      await check(await (await world.client("alice")).getAgentCard());
      await check((await world.client("alice", "/.well-known/agent-card.json"))["agentCard"]);
    },
  ],
  [
    "§13.3",
    "the extended card wants authentication",
    async () => {
      expect((await world.rpc(undefined, { method: "GetExtendedAgentCard" })).status).toBe(401);
    },
  ],
];

const JSONRPC: readonly Row[] = [
  [
    "§9.1",
    "requests and answers are application/json, streams text/event-stream",
    async () => {
      expect((await world.rpc("alice", sends())).headers.get("content-type")).toContain("application/json");
      const other = await world.rpc("alice", sends(), { "content-type": "text/plain" });
      expect(other.status).toBe(400);
      const { stream, id } = await atWork();
      expect(stream.headers.get("content-type")).toContain("text/event-stream");
      await alice.cancelTask({ tenant: "", id, metadata: undefined });
    },
  ],
  [
    "§9.3",
    "the answer has the id of the request, text or number",
    async () => {
      for (const id of ["abc", 7, 0]) {
        const { body } = await world.rpc("alice", { ...sends(), id });
        expect([body.jsonrpc, body.id]).toEqual(["2.0", id]);
      }
    },
  ],
  [
    "§9.4.2",
    "each event of a stream is a JSON-RPC answer with the id of the request",
    async () => {
      const response = await world.ask("/a2a/assistant", {
        method: "POST",
        as: "alice",
        headers: { "a2a-version": "1.0" },
        body: { jsonrpc: "2.0", id: "s-1", ...sends({}, "SendStreamingMessage") },
      });
      const events = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(
        ([, data]) => JSON.parse(data ?? "") as Record<string, unknown>,
      );
      expect(events.length).toBeGreaterThan(1);
      for (const event of events) expect(event).toMatchObject({ jsonrpc: "2.0", id: "s-1", result: {} });
    },
  ],
  [
    "§9.5",
    "what is no JSON is -32700, with the id null",
    async () => {
      for (const text of ["{", "", "nope", '{"jsonrpc":"2.0",']) {
        const { status, body } = await world.rpc("alice", text);
        expect([status, body.error?.code, body.id]).toEqual([400, -32700, null]);
      }
    },
  ],
  [
    "§9.5",
    "what is no request is -32600",
    async () => {
      for (const text of [
        "[]",
        "null",
        "1",
        '{"id":1,"method":"GetTask"}',
        '{"jsonrpc":"1.0","id":1,"method":"GetTask"}',
        '{"jsonrpc":"2.0","id":{},"method":"GetTask"}',
        '{"jsonrpc":"2.0","id":1.5,"method":"GetTask"}',
        '{"jsonrpc":"2.0","id":1,"method":7}',
        '{"jsonrpc":"2.0","id":1,"method":"GetTask","params":[]}',
        '{"jsonrpc":"2.0","method":"SendMessage","params":{}}',
        '[{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{}}]',
      ]) {
        const { body } = await world.rpc("alice", text);
        expect([text, body.error?.code]).toEqual([text, -32600]);
      }
    },
  ],
  [
    "§9.5",
    "a method that is not there is -32601, the names of 0.3 included",
    async () => {
      for (const method of ["message/send", "tasks/get", "SendMessages", "constructor", "__proto__"])
        expect(await code("alice", { method })).toBe(-32601);
    },
  ],
  [
    "§9.5",
    "an answer has a result or an error, never both",
    async () => {
      for (const call of [sends(), { method: "GetTask", params: { id: "x" } }]) {
        const { body } = await world.rpc("alice", call);
        expect(Object.hasOwn(body, "result")).not.toBe(Object.hasOwn(body, "error"));
      }
    },
  ],
];

describe.each([
  ["operations", OPERATIONS],
  ["errors and data", ERRORS],
  ["authentication and authorization", AUTHENTICATION],
  ["cards", CARDS],
  ["JSON-RPC", JSONRPC],
])("A2A 1.0: %s", (_name, rows) => {
  it.each(rows)("%s %s", async (_section, _demand, holds) => {
    await holds();
  });
});

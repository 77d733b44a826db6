/** Who would get at somebody else's tasks, hold a server up, or win a race: against an agent server over real HTTP. */
import { connect } from "node:net";
import { TaskState } from "@a2a-js/sdk";
import { DefaultExecutionEventBus, RequestContext } from "@a2a-js/sdk/server";
import type { TurnEvent, TurnRequest } from "@deputize/agent";
import { newId } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { authenticatorChain, jwtAuthenticator } from "../authenticators/index.ts";
import { SECRET, token } from "../agent-server/server.fixture.ts";
import { fakeAuthority, scriptedAgent, testCaller } from "../testing.ts";
import { agentEndpoint } from "./agent-endpoint.ts";
import { createExecutor } from "./executor.ts";
import { callContext } from "./owner.ts";
import { createRunHold } from "./run-hold.ts";
import { type Served, done, said, sends, serve } from "./served.fixture.ts";
import { createTaskRuns } from "./task-runs.ts";

let world: Served | undefined;
const started = async (...how: Parameters<typeof serve>): Promise<Served> => (world = await serve(...how));
afterEach(() => world?.stop());

const aborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) resolve();
    signal?.addEventListener("abort", () => resolve(), { once: true });
  });
/** Works until it is told to stop. */
async function* waits(request: TurnRequest): AsyncGenerator<TurnEvent> {
  yield { event: "delta", data: { text: "working" } };
  await aborted(request.signal);
  yield { event: "done", data: { status: "stopped" } };
}

async function open(served: Served, call: object, user = "alice", bearer?: string) {
  const leave = new AbortController();
  const response = await fetch(served.agentUrl, {
    method: "POST",
    signal: leave.signal,
    headers: {
      authorization: `Bearer ${bearer ?? (await token({ userId: user }))}`,
      "content-type": "application/json",
      "a2a-version": "1.0",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...call }),
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const first = (await reader?.read())?.value ?? "";
  const id = /"id":"([0-9a-f-]{36})"/.exec(first)?.[1] ?? "";
  const rest = async (): Promise<string> => {
    let text = first;
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) text += next.value;
    return text;
  };
  return { id, leave: () => leave.abort(), rest };
}
const stateOf = async (served: Served, id: string, user = "alice"): Promise<string | undefined> => {
  const { result } = (await served.rpc(user, { method: "GetTask", params: { id } })).body;
  return (result as { status?: { state: string } } | undefined)?.status?.state;
};
const streaming = (text = "hi") => sends({ parts: [{ text }] }, "SendStreamingMessage");

describe("a client that leaves", () => {
  it("leaves no task at work behind, however many do [SR-14]", async () => {
    const served = await started(waits, { lingerMs: 0 });
    const streams = await Promise.all(Array.from({ length: 20 }, () => open(served, streaming())));
    for (const { leave } of streams) leave();
    for (const { id } of streams)
      await expect.poll(() => stateOf(served, id), { timeout: 5000 }).toBe("TASK_STATE_CANCELED");
  });

  it("may come back while the operator lets its task go on, and not after", async () => {
    const served = await started(waits, { lingerMs: 1500 });
    const first = await open(served, streaming());
    first.leave();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const again = await open(served, { method: "SubscribeToTask", params: { id: first.id } });
    await new Promise((resolve) => setTimeout(resolve, 1800));
    expect(await stateOf(served, first.id)).toBe("TASK_STATE_WORKING");
    again.leave();
    await expect.poll(() => stateOf(served, first.id), { timeout: 6000 }).toBe("TASK_STATE_CANCELED");
  });

  it("is not stood in for by somebody else who asks to listen", async () => {
    const served = await started(waits, { lingerMs: 0 });
    const mine = await open(served, streaming());
    const theirs = await open(served, { method: "SubscribeToTask", params: { id: mine.id } }, "mallory");
    expect(await theirs.rest()).toContain("-32001");
    mine.leave();
    await expect.poll(() => stateOf(served, mine.id), { timeout: 5000 }).toBe("TASK_STATE_CANCELED");
  });

  it("may not ask for work that nobody waits for, where the operator allows none", async () => {
    const served = await started(waits, { lingerMs: 0 });
    const call = sends({}, "SendMessage", { configuration: { returnImmediately: true } });
    expect((await served.rpc("alice", call)).body.error?.code).toBe(-32004);
    expect(served.agent.turns).toHaveLength(0);
  });
});

describe("a credential", () => {
  it("that expires ends the stream, and the task with it [SR-26]", async () => {
    const served = await started(waits, { lingerMs: 600_000 });
    const bearer = await token({ userId: "alice", expires: "2s" });
    const stream = await open(served, streaming(), "alice", bearer);
    expect(await stream.rest()).toContain("expired");
    await expect.poll(() => stateOf(served, stream.id), { timeout: 5000 }).toBe("TASK_STATE_CANCELED");
  });

  it("for another audience is 401, and nothing of the call is looked at", async () => {
    const audience = "https://agents.example";
    const chain = authenticatorChain([jwtAuthenticator({ secret: SECRET, audience })]);
    const served = await started(waits, { chain, server: { auth: { chain } } });
    for (const aud of ["https://other.example", undefined]) {
      const authorization = `Bearer ${await token({ claims: { aud } })}`;
      expect((await served.rpc(undefined, sends(), { authorization })).status).toBe(401);
    }
    const authorization = `Bearer ${await token({ claims: { aud: audience } })}`;
    const answer = await served.rpc(undefined, { method: "ListTasks" }, { authorization });
    expect(answer.body.error).toBeUndefined();
    expect(served.agent.turns).toHaveLength(0);
  });

  it("there is one of, or the agents are not served at all: no owner is shared", async () => {
    await expect(serve(waits, { chain: null, server: { auth: null } })).rejects.toMatchObject({
      code: "config_invalid",
    });
  });
});

describe("races", () => {
  it("between cancelling and finishing end in one state, which everybody is told", async () => {
    const served = await started(async function* (request) {
      await Promise.race([
        aborted(request.signal),
        new Promise((r) => setTimeout(r, Number(request.message))),
      ]);
      yield request.signal?.aborted ? { event: "done", data: { status: "stopped" } } : done;
    });
    const seen = new Set<string>();
    for (let i = 0; i < 24; i += 1) {
      const stream = await open(served, streaming(String(i % 8)));
      await new Promise((resolve) => setTimeout(resolve, i % 5));
      const cancelled = await served.rpc("alice", { method: "CancelTask", params: { id: stream.id } });
      const state = await stateOf(served, stream.id);
      const told = /.*"state":"(TASK_STATE_\w+)"/s.exec(await stream.rest())?.[1];
      expect(told).toBe(state);
      if (cancelled.body.error) {
        expect([cancelled.body.error.code, state]).toEqual([-32002, "TASK_STATE_COMPLETED"]);
      } else expect(state).toBe("TASK_STATE_CANCELED");
      seen.add(state ?? "");
    }
    expect([...seen].every((state) => /CANCELED|COMPLETED/.test(state))).toBe(true);
  });

  it("between two answers to one question start one turn", async () => {
    let turns = 0;
    const served = await started(async function* () {
      turns += 1;
      if (turns === 1) yield { event: "done", data: { status: "waiting" } };
      else {
        await new Promise((resolve) => setTimeout(resolve, 200));
        yield done;
      }
    });
    const { result } = (await served.rpc("alice", sends())).body;
    const taskId = result?.task?.id;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => served.rpc("alice", sends({ taskId }))),
    );
    const codes = answers.map(({ body }) => body.error?.code ?? "ok").toSorted();
    expect(codes.filter((one) => one === "ok")).toHaveLength(1);
    expect(codes.filter((one) => one === -32004)).toHaveLength(4);
    expect(turns).toBe(2);
    expect(await stateOf(served, taskId ?? "")).toBe("TASK_STATE_COMPLETED");
  });

  it("are not waited for without end: an agent that does not stop is let go of", async () => {
    const agent = scriptedAgent("deaf", async function* () {
      await new Promise(() => {});
      yield done;
    });
    const runs = createTaskRuns();
    const executor = createExecutor({ agent, runs, graceMs: 50 });
    const call = {
      caller: testCaller("alice"),
      authority: fakeAuthority("alice", [], []),
      requestId: newId(),
      hold: createRunHold(0),
    };
    const bus = new DefaultExecutionEventBus();
    const states: unknown[] = [];
    bus.on("event", (event) => {
      if (event.kind === "statusUpdate") states.push(event.data.status?.state);
    });
    const context = callContext(call, "1.0");
    const request = new RequestContext({ ...said("hi") } as never, "task-1", "context-1", context);
    const running = executor.execute(request, bus);
    await executor.cancelTask("task-1", bus);
    await running;
    expect(states).toEqual([TaskState.TASK_STATE_CANCELED]);
  });
});

describe("bodies and connections", () => {
  const fast = async function* (): AsyncGenerator<TurnEvent> {
    yield done;
  };

  it("past the bound are refused however they are framed, and nesting that only costs is", async () => {
    const served = await started(fast);
    const large = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      ...sends({ parts: [{ text: "x".repeat(300_000) }] }),
    });
    expect((await served.rpc("alice", large)).status).toBe(413);
    const chunked = await fetch(served.agentUrl, {
      method: "POST",
      headers: {
        authorization: `Bearer ${await token({ userId: "alice" })}`,
        "content-type": "application/json",
      },
      body: new ReadableStream({
        pull: (controller) => controller.enqueue(new TextEncoder().encode(" ".repeat(65_536))),
      }),
      duplex: "half",
    } as RequestInit);
    expect(chunked.status).toBe(413);
    const deep = `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}}`;
    const answer = await served.rpc("alice", deep);
    expect([answer.status, answer.body.error?.code]).toEqual([400, -32600]);
    expect(served.agent.turns).toHaveLength(0);
  });

  it("of every malformed kind get an answer of the protocol and never a 5xx", async () => {
    const served = await started(fast);
    const values = [null, 1, -1, 1e308, "", "x", "\u0000", "\ud800", [], [null], {}, { a: 1 }, true];
    const methods = [
      "SendMessage",
      "SendStreamingMessage",
      "GetTask",
      "ListTasks",
      "CancelTask",
      "SubscribeToTask",
    ];
    const fields = [
      "message",
      "id",
      "tenant",
      "pageSize",
      "pageToken",
      "status",
      "configuration",
      "metadata",
    ];
    for (const method of methods)
      for (const field of fields) {
        const value = values[(method.length * 7 + field.length * 3) % values.length];
        const { status, body } = await served.rpc("alice", { method, params: { [field]: value } });
        expect([method, field, status < 500]).toEqual([method, field, true]);
        expect(JSON.stringify(body)).not.toMatch(/TypeError|undefined \(reading|at .*\.ts/);
      }
    for (const value of values) {
      for (const over of [
        { parts: value },
        { parts: [{ text: value }] },
        { parts: [{ data: value }] },
        { metadata: value },
      ]) {
        const { status } = await served.rpc("alice", sends(over));
        expect([JSON.stringify(over), status < 500]).toEqual([JSON.stringify(over), true]);
      }
    }
  });

  it("that come slowly, or never, hold up nobody else", async () => {
    const served = await started(fast);
    const { port, hostname } = new URL(served.url);
    const bearer = await token({ userId: "alice" });
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => {});
      socket.write(
        `POST /a2a/assistant HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${bearer}\r\n` +
          'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"jsonrpc":',
      );
      return socket;
    });
    expect((await served.rpc("alice", sends())).body.result?.task?.status.state).toBe("TASK_STATE_COMPLETED");
    for (const socket of sockets) socket.destroy();
    expect((await served.rpc("alice", sends())).status).toBe(200);
  });
});

describe("what went wrong inside", () => {
  it("is told to nobody, in no answer and in no task [AF-D16]", async () => {
    const served = await started(async function* () {
      yield { event: "delta", data: { text: "x" } };
      throw new Error("password=hunter2");
    });
    const answers = [
      await served.rpc("alice", sends()),
      await served.rpc("alice", sends({}, "SendMessage", { configuration: { returnImmediately: true } })),
      await served.rpc("alice", { method: "ListTasks", params: { includeArtifacts: true } }),
    ];
    const text = await (await open(served, streaming())).rest();
    expect(`${JSON.stringify(answers)}${text}`).not.toContain("hunter2");
  });

  it("is told to nobody when it is the database either", async () => {
    const faults: unknown[] = [];
    const broken = { asCaller: () => Promise.reject(new Error('relation "agent.a2a_tasks" does not exist')) };
    const endpoint = agentEndpoint({
      agent: scriptedAgent("assistant", async function* () {
        yield done;
      }),
      audience: "http://127.0.0.1/a2a/assistant",
      card: { version: "1", skills: [{ id: "x", name: "x", description: "x" }] },
      store: broken as never,
      lingerMs: 1000,
      onFault: (error) => faults.push(error),
    });
    for (const call of [
      sends(),
      sends({}, "SendMessage", { configuration: { returnImmediately: true } }),
      streaming(),
      { method: "GetTask", params: { id: "x" } },
      { method: "ListTasks", params: {} },
      { method: "CancelTask", params: { id: "x" } },
      { method: "SubscribeToTask", params: { id: "x" } },
    ]) {
      const answer = await endpoint.answer({
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...call }),
        headers: new Headers({ "a2a-version": "1.0" }),
        signal: new AbortController().signal,
        caller: testCaller("alice"),
        authority: fakeAuthority("alice", [], []),
        requestId: newId(),
      });
      const text = await answer.text();
      expect(text).toContain("could not answer");
      expect(text).not.toContain("relation");
    }
    expect(faults.length).toBeGreaterThan(0);
  });
});

/** The client library against a real agent server, in its own form and as it serves clients of the original. */
import { AgentServerClient, Message, bearerAuth } from "@deputize/client/server";
import { afterEach, describe, expect, it } from "vitest";
import { type Running, startServer, token } from "./server.fixture.ts";

let server: Running;
afterEach(() => server?.stop());

async function clientOf(userId: string): Promise<AgentServerClient> {
  return new AgentServerClient({ baseUrl: server.url, auth: bearerAuth(await token({ userId })) });
}

describe.each([undefined, "agentflow" as const])("a client of a server (compat: %s)", (compat) => {
  it("makes the calls of the original's tests, and gets what they expect [AF-F18]", async () => {
    server = await startServer(compat ? { compat } : {});
    const client = await clientOf("ann");
    expect((await client.ping()).data).toBe("pong");
    expect((await client.graph()).data.nodes.map(({ name }) => name)).toContain("agent");
    expect(await client.graphStateSchema()).toMatchObject({ data: { type: "object" } });
    expect((await client.graphTools()).data.tools).toEqual([]);

    const asked = await client.invoke([Message.text_message("Hello", "user")], {
      recursion_limit: 10,
      response_granularity: "full",
    });
    expect(asked.messages.at(-1)?.text()).toBe("Hello from the agent.");
    expect(asked).toMatchObject({
      iterations: 1,
      recursion_limit_reached: false,
      meta: { is_new_thread: true },
    });
    const { thread_id } = asked.meta;

    let streamed = "";
    for await (const chunk of client.stream([Message.text_message("Again")], { config: { thread_id } })) {
      expect(chunk.thread_id).toBe(thread_id);
      streamed += chunk.message?.text() ?? "";
    }
    expect(streamed).toBe("Hello from the agent.");

    expect((await client.threads()).data.threads.map((thread) => thread.thread_id)).toEqual([thread_id]);
    expect((await client.threads({ limit: 1, offset: 1 })).data.threads).toEqual([]);
    expect((await client.threadDetails(thread_id)).data.thread_data.thread.thread_id).toBe(thread_id);
    const { messages } = (await client.threadMessages(thread_id)).data;
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
    const added = await client.addThreadMessages(
      thread_id,
      [Message.text_message("A note")],
      {},
      { source: "x" },
    );
    const id = added.data.messages[0]?.message_id ?? "";
    expect((await client.singleMessage(thread_id, id)).data.message.text()).toBe("A note");
    expect((await client.deleteMessage(thread_id, id)).data.success).toBe(true);

    expect((await client.updateThreadState(thread_id, {}, { step: 1 })).data.state).toEqual({ step: 1 });
    expect((await client.threadState(thread_id)).data.state).toEqual({ step: 1 });
    expect((await client.clearThreadState(thread_id)).data.success).toBe(true);
    expect((await client.stopGraph(thread_id)).data.stopped).toBe(false);
    expect((await client.fixGraph(thread_id)).data.removed_count).toBe(0);
    expect((await client.deleteThread(thread_id, {})).data.success).toBe(true);
    await expect(client.threadDetails(thread_id)).rejects.toMatchObject({
      name: "NotFoundError",
      errorCode: "RESOURCE_NOT_FOUND",
    });
  }, 60_000);

  it("tells why a credential does not hold, whatever the status", async () => {
    server = await startServer(compat ? { compat } : {});
    const expired = await token({ userId: "ann", expires: Math.floor(Date.now() / 1000) - 60 });
    const old = new AgentServerClient({ baseUrl: server.url, authToken: expired });
    await expect(old.threads()).rejects.toMatchObject({
      name: "AuthenticationError",
      errorCode: "EXPIRED_TOKEN",
    });
    const good = await token({ userId: "ann" });
    let got = 0;
    const renewing = new AgentServerClient({
      baseUrl: server.url,
      auth: bearerAuth(({ refused }) => ((got += 1), refused ? good : expired)),
    });
    await Promise.all([renewing.threads(), renewing.threads(), renewing.threads()]);
    expect(got).toBe(2);
  });
});

it("keeps files apart by person [AF-F08]", async () => {
  server = await startServer();
  const [ann, bob] = [await clientOf("ann"), await clientOf("bob")];
  const { file_id } = (await ann.uploadFile({ data: new Blob(["plain words"]), filename: "a.txt" })).data;
  expect(await (await ann.getFile(file_id)).text()).toBe("plain words");
  expect((await ann.getFileInfo(file_id)).data).toMatchObject({ file_id, size_bytes: 11 });
  await expect(bob.getFile(file_id)).rejects.toMatchObject({ statusCode: 404 });
  expect((await ann.getMultimodalConfig()).data.media_max_size_mb).toBeGreaterThan(0);
});

it("begins, follows, waits for, lists and cancels runs, each for its own person [AF-F12]", async () => {
  server = await startServer();
  const [ann, bob] = [await clientOf("ann"), await clientOf("bob")];
  const { run_id, thread_id } = (await ann.createRun({ message: "Hello" })).data;
  const events = [];
  for await (const { event, seq } of ann.streamRun(run_id)) events.push(`${seq} ${event}`);
  expect(events[0]).toBe("1 start");
  expect(events.at(-1)).toBe(`${events.length} done`);
  const later = [];
  for await (const { seq } of ann.streamRun(run_id, { after: 2 })) later.push(seq);
  expect(later[0]).toBe(3);
  for await (const event of ann.streamRun(run_id, { after: events.length })) expect(event).toBeUndefined();
  expect((await ann.waitForRun(run_id)).data.status).toBe("succeeded");
  expect((await ann.runs({ thread_id })).data.runs.map((run) => run.run_id)).toEqual([run_id]);
  expect((await ann.threadHistory(thread_id)).data.history.map(({ message }) => message.role)).toEqual([
    "user",
    "assistant",
  ]);
  expect((await bob.runs()).data.runs).toEqual([]);
  await expect(bob.run(run_id)).rejects.toMatchObject({ statusCode: 404 });
  await expect(bob.streamRun(run_id).next()).rejects.toMatchObject({ statusCode: 404 });
});

it("asks over a socket, with the token in its subprotocol", async () => {
  server = await startServer();
  const client = await clientOf("ann");
  let said = "";
  for await (const { message } of client.wsStream([Message.user("Hello")]))
    if (message?.delta) said += message.text();
  expect(said).toBe("Hello from the agent.");
  const stranger = new AgentServerClient({ baseUrl: server.url, authToken: "not.a.token" });
  await expect(stranger.wsStream([Message.user("Hello")]).next()).rejects.toBeInstanceOf(Error);
});

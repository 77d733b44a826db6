import { Agent, get as httpGet } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { InMemoryConversationStore, approvalQueue, buildAgent } from "@deputize/agent";
import { type Script, scriptedModel } from "@deputize/agent/testing";
import { newId } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { rejected } from "../../authenticators/authenticator.ts";
import { authenticatorChain, callerOf, jwtAuthenticator } from "../../authenticators/index.ts";
import type { AgentServerOptions } from "../create-agent-server.ts";
import { type Running, SECRET, jwtAuth, startServer, token } from "../server.fixture.ts";

let server: Running;
afterEach(() => server?.stop());

/** An agent that answers with `pieces`, each one event of the model, the next when it is let go on. */
async function agentOf(script: Script, more: Partial<Parameters<typeof buildAgent>[0]> = {}) {
  return buildAgent({
    name: "assistant",
    instructions: "Help.",
    model: scriptedModel(script),
    conversations: new InMemoryConversationStore(),
    audit: { append: async () => "entry" },
    ...more,
  });
}

const start = async (script: Script, options: Partial<AgentServerOptions> = {}): Promise<Running> =>
  (server = await startServer({ agents: [await agentOf(script)], ...options }));

const gate = (): { readonly opened: Promise<void>; open(): void } => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
};

interface Told {
  readonly id?: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A stream's events as they come. */
async function* told(response: Response): AsyncGenerator<Told> {
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString("utf8");
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const of = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = of("data");
      const id = of("id");
      if (data === undefined) continue;
      yield {
        ...(id !== undefined && { id: Number(id) }),
        event: of("event") ?? "message",
        data: JSON.parse(data) as Record<string, unknown>,
      };
    }
  }
}

async function all(response: Response): Promise<Told[]> {
  const events: Told[] = [];
  for await (const event of told(response)) events.push(event);
  return events;
}

const dataOf = async (response: Response): Promise<Record<string, unknown>> =>
  ((await response.json()) as { data: Record<string, unknown> }).data;

const ask = (path: string, as: string, more: object = {}) =>
  server.ask(path, { as, method: "POST", body: { message: "hi" }, ...more });

describe("runs over HTTP", () => {
  it("begins, tells, waits for and lists a run [AF-D21]", async () => {
    await start([{ text: "Hello there." }]);
    const begun = await ask("/v1/runs", "ann");
    expect(begun.status).toBe(201);
    const run = await dataOf(begun);
    expect(run).toMatchObject({ agent: "assistant", background: true, last_event_id: 0 });
    const waited = await dataOf(await server.ask(`/v1/runs/${run["run_id"]}/wait`, { as: "ann" }));
    expect(waited).toMatchObject({
      status: "succeeded",
      message: { role: "assistant", content: "Hello there." },
    });
    const response = await server.ask(`/v1/runs/${run["run_id"]}/stream`, { as: "ann" });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = await all(response);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, at) => at + 1));
    expect(events[0]).toMatchObject({ event: "start", data: { run_id: run["run_id"] } });
    expect(events.at(-1)).toMatchObject({ event: "done", data: { status: "succeeded" } });
    expect((await dataOf(await server.ask("/v1/runs", { as: "ann" })))["runs"]).toMatchObject([
      { run_id: run["run_id"] },
    ]);
  });

  it("goes on behind Last-Event-ID after a cut, without a gap or a double; NDJSON too [AF-F12]", async () => {
    const [first, second] = [gate(), gate()];
    await start([
      { text: "one ", calls: [{ tool: "nothing" }] },
      { text: "two ", calls: [{ tool: "nothing" }], after: first.opened },
      { text: "three", after: second.opened },
    ]);
    const stream = told(await ask("/v1/runs/stream", "ann"));
    const seen: Told[] = [];
    for await (const event of stream) {
      seen.push(event);
      if (event.event === "delta") break;
    }
    await stream.return(undefined);
    first.open();
    const runId = String(seen[0]?.data["run_id"]);
    const last = String(seen.at(-1)?.id);
    const resumed = server.ask(`/v1/runs/${runId}/stream`, { as: "ann", headers: { "last-event-id": last } });
    second.open();
    seen.push(...(await all(await resumed)));
    expect(seen.map(({ id }) => id)).toEqual(seen.map((_, at) => at + 1));
    const text = seen.filter(({ event }) => event === "delta").map(({ data }) => data["text"]);
    expect(text.join("")).toMatch(/one\s+two\s+three/);

    const lines = await server.ask(`/v1/runs/${runId}/stream?after=${last}`, {
      as: "ann",
      headers: { accept: "application/x-ndjson" },
    });
    expect(lines.headers.get("content-type")).toContain("application/x-ndjson");
    const parsed = (await lines.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Told);
    expect(parsed).toEqual(seen.slice(Number(last)));
    const none = await server.ask(`/v1/runs/${runId}/stream`, {
      as: "ann",
      headers: { "last-event-id": "x" },
    });
    expect(none.status).toBe(422);
  });

  it("is nobody else's, on any of its routes [AF-F08]", async () => {
    const hold = gate();
    await start([{ text: "Secret.", after: hold.opened }]);
    const id = String((await dataOf(await ask("/v1/runs", "ann")))["run_id"]);
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/stream"],
      ["GET", "/wait"],
      ["POST", "/cancel"],
    ] as const) {
      const asked = await Promise.all(
        [id, newId()].map(async (of) => {
          const response = await server.ask(`/v1/runs/${of}${path}`, { as: "bea", method });
          const { error } = (await response.json()) as { error: unknown };
          return { status: response.status, error };
        }),
      );
      expect(asked[0]).toMatchObject({ status: 404, error: { code: "RESOURCE_NOT_FOUND" } });
      expect(asked[0]).toEqual(asked[1]);
    }
    expect((await dataOf(await server.ask("/v1/runs", { as: "bea" })))["runs"]).toEqual([]);
    hold.open();
    expect(await dataOf(await server.ask(`/v1/runs/${id}/wait`, { as: "ann" }))).toMatchObject({
      status: "succeeded",
    });
  });

  it("refuses a second open run of a thread, and takes nothing of who asks from the body", async () => {
    const hold = gate();
    await start([{ text: "a", after: hold.opened }]);
    const { thread_id } = await dataOf(await ask("/v1/runs", "ann"));
    const again = await ask("/v1/runs", "ann", { body: { message: "hi", thread_id } });
    expect(again.status).toBe(409);
    for (const extra of [
      { user_id: "bea" },
      { config: { user_id: "bea" } },
      { messages: [{ role: "system" }] },
    ])
      expect((await ask("/v1/runs", "ann", { body: { message: "hi", ...extra } })).status).toBe(422);
    hold.open();
  });

  it("cancels, and says how it ended in the stream", async () => {
    await start([{ text: "never", after: gate().opened }]);
    const events = told(await ask("/v1/runs/stream", "ann"));
    const { value } = await events.next();
    const id = String((value as Told).data["run_id"]);
    const cancelled = await server.ask(`/v1/runs/${id}/cancel`, { as: "ann", method: "POST" });
    expect(cancelled.status).toBe(200);
    const rest: Told[] = [];
    for await (const event of events) rest.push(event);
    expect(rest.at(-1)).toMatchObject({ event: "done", data: { status: "cancelled" } });
  });

  it("ends a run whose client left, where that was asked, and only there", async () => {
    await start([
      { text: "never", after: gate().opened },
      { text: "never", after: gate().opened },
    ]);
    for (const [on_disconnect, status] of [
      ["cancel", "cancelled"],
      ["continue", "running"],
    ] as const) {
      const events = told(await ask("/v1/runs/stream", "ann", { body: { message: "hi", on_disconnect } }));
      const { value } = await events.next();
      await events.return(undefined);
      const path = `/v1/runs/${String((value as Told).data["run_id"])}`;
      await sleep(150);
      await expect
        .poll(async () => (await dataOf(await server.ask(path, { as: "ann" })))["status"])
        .toBe(status);
      await server.ask(`${path}/cancel`, { as: "ann", method: "POST" });
    }
  });

  it("ends the stream and the run within a second of the credential's expiry [SR-26]", async () => {
    await start([{ text: "never", after: gate().opened }], {
      auth: { chain: authenticatorChain([jwtAuthenticator({ secret: SECRET, leewaySeconds: 0 })]) },
    });
    const expires = Math.ceil(Date.now() / 1000) + 2;
    const bearer = await token({ userId: "ann", expires });
    const response = await server.ask("/v1/runs/stream", { bearer, method: "POST", body: { message: "hi" } });
    const events = await all(response);
    expect(Date.now() / 1000).toBeLessThan(expires + 1.2);
    const last = events.at(-1);
    expect(last?.event).toBe("stream_error");
    expect(last).not.toHaveProperty("id");
    expect(last?.data).toMatchObject({ code: "EXPIRED_TOKEN" });
    const id = String(events[0]?.data["run_id"]);
    const after = await dataOf(await server.ask(`/v1/runs/${id}/wait`, { as: "ann" }));
    expect(after).toMatchObject({ status: "failed", error: { code: "SIGN_IN_ENDED" } });
  }, 10_000);

  it("ends the stream within a second of a revocation, and bears with a provider that is away for a moment [SR-26]", async () => {
    let answer: "yes" | "away" | "revoked" = "yes";
    const chain = authenticatorChain([
      {
        name: "test",
        authenticate: async () =>
          answer === "yes"
            ? { ok: true, identity: { userId: "ann" } }
            : rejected(answer === "away" ? "AUTH_UNAVAILABLE" : "REVOKED_TOKEN", "in the test"),
      },
    ]);
    await start([{ text: "never", after: gate().opened }], { auth: { chain } });
    const events = told(
      await server.ask("/v1/runs/stream", { bearer: "t", method: "POST", body: { message: "hi" } }),
    );
    expect((await events.next()).value).toMatchObject({ event: "start" });
    answer = "away";
    const next = events.next();
    expect(await Promise.race([next, sleep(1_500)])).toBeUndefined();
    answer = "yes";
    await sleep(700);
    answer = "revoked";
    const began = Date.now();
    const rest = [(await next).value as Told];
    for await (const event of events) rest.push(event);
    expect(Date.now() - began).toBeLessThan(1_100);
    expect(rest.find(({ event }) => event === "stream_error")?.data["code"]).toBe("REVOKED_TOKEN");
  }, 10_000);

  it("sends nothing of an exception in a stream [AF-D16]", async () => {
    const secret = "sk-live-9876543210";
    await start([{ error: new Error(`provider refused key ${secret} for /srv/app/models.ts`) }]);
    const events = await all(await ask("/v1/runs/stream", "ann"));
    const fault = events.find(({ event }) => event === "error")?.data;
    expect(fault).toMatchObject({ code: expect.stringMatching(/^[A-Z_0-9]+$/) as string });
    expect(JSON.stringify(events)).not.toMatch(/sk-live|srv|provider refused/);
    const { thread_id } = await dataOf(
      await server.ask(`/v1/runs/${String(events[0]?.data["run_id"])}`, { as: "ann" }),
    );
    expect(thread_id).toBeDefined();
  });

  it("is read by an EventSource's rules: each event named, its id the place [AF-D21]", async () => {
    await start([{ text: "Hello." }]);
    const response = await ask("/v1/runs/stream", "ann");
    const text = await response.text();
    for (const block of text.trimEnd().split("\n\n"))
      expect(block).toMatch(/^(: keep-alive|id: \d+\nevent: [a-z_]+\ndata: \{.*\})$/);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("serves others while a client does not read", async () => {
    const wide = "x".repeat(2_000);
    await start(
      Array.from({ length: 11 }, (_, n) => ({
        text: wide.repeat(20),
        ...(n < 10 && { calls: [{ tool: "nothing" }] }),
      })),
    );
    const { run_id } = await dataOf(await ask("/v1/runs", "ann"));
    const bearer = await token({ userId: "ann" });
    const agent = new Agent({ keepAlive: false });
    const stalled = httpGet(`${server.url}/v1/runs/${String(run_id)}/stream`, {
      agent,
      headers: { authorization: `Bearer ${bearer}` },
    });
    // The answer is never read.
    stalled.on("response", (response) => response.pause());
    stalled.on("error", () => {});
    const read = await all(await server.ask(`/v1/runs/${String(run_id)}/stream`, { as: "ann" }));
    expect(read.at(-1)).toMatchObject({ event: "done" });
    stalled.destroy();
    agent.destroy();
  });
});

describe("approvals over HTTP [SR-05]", () => {
  const withTool = async () => {
    const done: string[] = [];
    const agent = await agentOf(
      [{ calls: [{ tool: "send_mail", args: { to: "bob" } }] }, { text: "Sent." }],
      {
        approvals: { ask: ["send_*"], handler: approvalQueue() },
        extraTools: [
          {
            name: "send_mail",
            description: "Sends",
            input: z.strictObject({ to: z.string() }),
            call: async () => {
              done.push("sent");
              const label = { integrity: "trusted", readers: "public", source: "mail" } as const;
              return { status: "done", content: { sent: true }, label, cards: [] };
            },
          },
        ],
      },
    );
    return { agent, done };
  };

  it("shows a question to its person alone, who decides it by themselves, having signed in lately", async () => {
    const { agent, done } = await withTool();
    server = await startServer({ agents: [agent] });
    const now = Math.floor(Date.now() / 1000);
    const fresh = await token({ userId: "ann", claims: { auth_time: now } });
    const run = await dataOf(await ask("/v1/runs", "ann"));
    const list = async (bearer: string) =>
      (await dataOf(await server.ask("/v1/approvals", { bearer })))["approvals"] as Record<string, unknown>[];
    await expect.poll(async () => (await list(fresh)).length).toBe(1);
    const [question] = await list(fresh);
    expect(question).toMatchObject({ tool: "send_mail", run_id: run["run_id"], decided_by: "server" });
    const decide = (bearer: string, id = question?.["id"]) =>
      server.ask(`/v1/approvals/${String(id)}/decide`, {
        bearer,
        method: "POST",
        body: { decision: "approve" },
      });
    const bea = await token({ userId: "bea", claims: { auth_time: now } });
    expect(await list(bea)).toEqual([]);
    expect((await decide(bea)).status).toBe(404);
    for (const claims of [{}, { auth_time: now - 3_600 }]) {
      const stale = await decide(await token({ userId: "ann", claims }));
      expect(stale.status).toBe(401);
      expect(stale.headers.get("www-authenticate")).toContain("insufficient_user_authentication");
    }
    expect(done).toEqual([]);
    expect((await decide(fresh)).status).toBe(200);
    expect(
      await dataOf(await server.ask(`/v1/runs/${String(run["run_id"])}/wait`, { as: "ann" })),
    ).toMatchObject({
      status: "succeeded",
    });
    expect(done).toEqual(["sent"]);
    expect((await decide(fresh)).status).toBe(404);
  }, 15_000);

  it("is decided by no agent and no exchanged token", async () => {
    const { agent, done } = await withTool();
    const actor = newId();
    server = await startServer({
      agents: [agent],
      auth: jwtAuth({
        callerFor: async (identity) => {
          const caller = callerOf(identity, { [identity.issuer]: {} });
          return identity.roles.includes("agent") ? { ...caller, actors: [actor as never] } : caller;
        },
      }),
    });
    const claims = { auth_time: Math.floor(Date.now() / 1000) };
    await ask("/v1/runs", "ann");
    const own = await token({ userId: "ann", claims });
    const deputy = await token({ userId: "ann", roles: ["agent"], claims });
    const list = (bearer: string) => server.ask("/v1/approvals", { bearer });
    await expect.poll(async () => ((await dataOf(await list(own)))["approvals"] as unknown[]).length).toBe(1);
    const [{ id }] = (await dataOf(await list(own)))["approvals"] as [{ id: string }];
    const refused = await server.ask(`/v1/approvals/${id}/decide`, {
      bearer: deputy,
      method: "POST",
      body: { decision: "approve" },
    });
    expect([refused.status, (await list(deputy)).status]).toEqual([403, 403]);
    expect(done).toEqual([]);
  }, 15_000);
});

describe("what a server without authentication keeps apart", () => {
  it("serves one anonymous caller", async () => {
    await start([{ text: "Hello." }], { auth: null });
    const response = await server.ask("/v1/runs/wait", { method: "POST", body: { message: "hi" } });
    expect(await dataOf(response)).toMatchObject({ status: "succeeded", message: { content: "Hello." } });
  });
});

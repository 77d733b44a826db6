import { isDeputizeError } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { AgentRoute } from "./route.ts";
import { route } from "./route.ts";
import { type Running, startServer, token } from "./server.fixture.ts";

const running: Running[] = [];
async function start(options: Parameters<typeof startServer>[0] = {}): Promise<Running> {
  const server = await startServer(options);
  running.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

const echo = route({
  method: "POST",
  path: "/v1/echo/{id}",
  group: "Test",
  summary: "Says who asks.",
  scope: "graph:invoke",
  params: z.object({ id: z.string() }),
  body: z.strictObject({ text: z.string() }),
  handler: async ({ caller, identity, params, body }) => ({
    subject: caller.subject,
    user: identity?.userId,
    id: params.id,
    text: body.text,
  }),
});
const withEcho = { routes: () => [echo] };

async function refusedStart(options: Parameters<typeof startServer>[0]): Promise<string> {
  try {
    await start(options);
  } catch (error) {
    if (isDeputizeError(error, "config_invalid")) return error.message;
    throw error;
  }
  throw new Error("it started");
}

describe("an agent server", () => {
  it("answers ping, health and ready without a credential", async () => {
    const server = await start();
    expect(await (await server.ask("/ping")).json()).toBe("pong");
    expect(await (await server.ask("/health")).json()).toMatchObject({ status: "ok" });
    expect((await server.ask("/ready")).status).toBe(200);
    server.drain();
    const ready = await server.ask("/ready");
    expect([ready.status, await ready.json()]).toEqual([503, { status: "not_ready", checks: {} }]);
    expect((await server.ask("/health")).status).toBe(200);
  });

  it("is not ready while something that it needs does not answer", async () => {
    const server = await start({
      ready: { database: async () => Promise.reject(new Error("down")), cache: async () => true },
    });
    expect(await (await server.ask("/ready")).json()).toEqual({
      status: "not_ready",
      checks: { database: false, cache: true },
    });
  });

  it("[AF-F06] does not start with a route that has no rule", async () => {
    for (const scope of [undefined, "", "everybody", "graph:", "*"]) {
      const without = { ...echo, scope } as AgentRoute;
      expect(await refusedStart({ routes: () => [without] })).toContain("POST /v1/echo/{id} has no rule");
    }
    expect(
      await refusedStart({
        routes: () => [echo, { ...echo, path: "/v1/echo/{other}", params: z.object({ other: z.string() }) }],
      }),
    ).toContain("twice");
    expect(await refusedStart({ routes: () => [{ ...echo, path: "/v1/echo/{id}/{mid}" }] })).toContain(
      "parameters",
    );
  });

  it("serves without authentication on loopback alone, unless that was said twice", async () => {
    const beyond = { auth: null, publicUrl: "https://agents.example" };
    expect(await refusedStart(beyond)).toContain("allow_anonymous");
    await start({ ...beyond, allowAnonymous: true });
    const server = await start({ auth: null, ...withEcho });
    const answer = await server.ask("/v1/echo/7", { method: "POST", body: { text: "x" } });
    expect(answer.status).toBe(200);
  });

  it("lets a route know who asks by the token alone, and answers in the envelope", async () => {
    const server = await start(withEcho);
    const answer = await server.ask("/v1/echo/7", {
      method: "POST",
      as: "ada",
      body: { text: "x" },
      headers: { "x-user-id": "bob", "x-request-id": "mine" },
    });
    const { data, metadata } = (await answer.json()) as {
      data: unknown;
      metadata: { request_id: string; timestamp: string };
    };
    expect(data).toMatchObject({ user: "ada", id: "7", text: "x" });
    expect(metadata.request_id).toBe(answer.headers.get("x-request-id"));
    expect(metadata.timestamp).toMatch(/Z$/);
  });

  it("answers unknown paths and methods in the one form", async () => {
    const server = await start(withEcho);
    const unknown = await server.ask("/v1/nothing");
    expect([unknown.status, unknown.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    expect(await unknown.json()).toMatchObject({
      code: "RESOURCE_NOT_FOUND",
      error: { code: "RESOURCE_NOT_FOUND" },
    });
    const method = await server.ask("/ping", { method: "DELETE" });
    expect([method.status, method.headers.get("allow")]).toEqual([405, "GET"]);
  });

  it("[AF-F16] leaves an entry for each allow and each deny, with the request's id", async () => {
    const server = await start(withEcho);
    const ok = await server.ask("/v1/echo/7", { method: "POST", as: "ada", body: { text: "x" } });
    const no = await server.ask("/v1/echo/7", { method: "POST", bearer: "wrong", body: { text: "x" } });
    const narrow = await server.ask("/v1/echo/7", {
      method: "POST",
      bearer: await token({ scope: "files:read" }),
      body: { text: "x" },
    });
    expect([ok.status, no.status, narrow.status]).toEqual([200, 401, 403]);
    expect(server.log.map(({ outcome, reason, requestId }) => [outcome, reason, requestId])).toEqual([
      ["allowed", undefined, ok.headers.get("x-request-id")],
      ["refused", "invalid_token", no.headers.get("x-request-id")],
      ["refused", "insufficient_scope", narrow.headers.get("x-request-id")],
    ]);
  });
});

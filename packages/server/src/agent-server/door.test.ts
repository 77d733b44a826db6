import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { isDeputizeError } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
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

const APP = "https://app.example";

describe("the door of an agent server", () => {
  it("[AF-D18] takes nothing that changes something from a page of another origin", async () => {
    const server = await start({ auth: null, cors: { origins: [APP] } });
    const form = (origin: string, path = "/threads") =>
      server.ask(path, { method: "POST", headers: { origin } });
    for (const origin of ["https://evil.example", "null", `${APP}.evil.example`, `${server.url}0`])
      expect([origin, (await form(origin)).status]).toEqual([origin, 403]);
    for (const path of ["/v1/files/upload", "/v1/graph/ws/tickets"])
      expect((await form("https://evil.example", path)).status).toBe(403);
    for (const origin of [server.url, APP]) expect((await form(origin)).status).toBe(200);
    expect((await server.ask("/threads", { headers: { origin: "https://evil.example" } })).status).toBe(200);
    expect((await server.ask("/threads", { method: "POST" })).status).toBe(200);
  });

  it("[AF-D18] lets listed origins read, and refuses to start with every origin and credentials", async () => {
    for (const cors of [
      { origins: ["*"], credentials: true },
      { origins: ["*", APP], credentials: true },
      { origins: ["app.example"] },
      { origins: [`${APP}/`] },
      { origins: ["null"] },
    ]) {
      const said = await start({ cors }).catch((error: unknown) => error);
      expect(isDeputizeError(said, "config_invalid")).toBe(true);
    }
    const server = await start({ cors: { origins: [APP], credentials: true } });
    const asking = async (origin: string, path = "/threads") =>
      (await server.ask(path, { headers: { origin } })).headers;
    const listed = await asking(APP);
    expect(listed.get("access-control-allow-origin")).toBe(APP);
    expect(listed.get("access-control-allow-credentials")).toBe("true");
    expect(listed.get("vary")).toContain("Origin");
    for (const origin of ["https://evil.example", `${APP}.evil.example`, "null"])
      expect((await asking(origin)).get("access-control-allow-origin")).toBeNull();
    const open = await start({ cors: { origins: ["*"] } });
    const all = (await open.ask("/ping", { headers: { origin: "https://anywhere.example" } })).headers;
    expect(all.get("access-control-allow-origin")).toBe("*");
    expect(all.get("access-control-allow-credentials")).toBeNull();
    const none = await (await start()).ask("/ping", { headers: { origin: APP } });
    expect(none.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("[AF-D18] sends a strict policy and security headers with every answer, and no page runs a script that is not its own", async () => {
    const server = await start();
    for (const path of ["/ping", "/threads", "/nothing", "/docs", "/openapi.json", "/v1/graph"]) {
      const { headers } = await server.ask(path);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe-|\*|https?:/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    }
    const secure = await start({
      publicUrl: "https://agents.example",
      allowedHosts: ["agents.example", "127.0.0.1"],
    });
    const answer = await new Promise<string | undefined>((resolve, reject) => {
      httpRequest(`${secure.url}/ping`, { headers: { host: "agents.example" } }, (response) => {
        response.resume();
        resolve(response.headers["strict-transport-security"]);
      })
        .on("error", reject)
        .end();
    });
    expect(answer).toContain("max-age");
  });

  it("[SR-26] answers to its own names only, and to one credential", async () => {
    const server = await start();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      httpRequest(`${server.url}/ping`, { headers: { host: "evil.example" } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(403);
    const two = await server.ask("/threads", { as: "ada", headers: { "x-api-key": "dp_live_x" } });
    expect(two.status).toBe(401);
  });

  it("[AF-D13] refuses a body past its bound, however it is framed, and a length that is none", async () => {
    const server = await start({ limits: { bodyBytes: 1_000 } });
    const big = { title: "x".repeat(5_000) };
    expect((await server.ask("/threads", { method: "POST", as: "ada", body: big })).status).toBe(413);
    const chunked = await fetch(`${server.url}/threads`, {
      method: "POST",
      headers: { authorization: `Bearer ${await token()}`, "content-type": "application/json" },
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from('{"title":"'));
        },
        pull: (controller) => controller.enqueue(Buffer.from("y".repeat(600))),
      }),
      duplex: "half",
    } as RequestInit);
    expect(chunked.status).toBe(413);
    const { hostname, port } = new URL(server.url);
    const said = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () =>
        socket.end(`POST /threads HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: many\r\n\r\n`),
      );
      let all = "";
      socket.on("data", (chunk: Buffer) => (all += chunk.toString()));
      socket.on("end", () => resolve(all));
      socket.on("error", reject);
    });
    expect(said).toMatch(/^HTTP\/1\.1 400/);
  });

  it("refuses nesting that only costs, before anything is made of it", async () => {
    const server = await start();
    const deep = `{"metadata":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`;
    const answer = await server.ask("/threads", {
      method: "POST",
      as: "ada",
      body: deep,
      headers: { "content-type": "application/json" },
    });
    expect(answer.status).toBe(400);
    const quoted = { title: "[[[[".repeat(40), metadata: { a: '\\"[{' } };
    expect((await server.ask("/threads", { method: "POST", as: "ada", body: quoted })).status).toBe(200);
  });

  it("bounds how many are at work, and how long one may take; ping is fast meanwhile", async () => {
    const slow = route({
      method: "GET",
      path: "/v1/slow",
      group: "Test",
      summary: "Waits for its end.",
      scope: "graph:read",
      query: z.strictObject({}),
      handler: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("gone")))),
    });
    const server = await start({ routes: () => [slow], limits: { timeMs: 300, concurrent: 2 } });
    const waiting = [server.ask("/v1/slow", { as: "a" }), server.ask("/v1/slow", { as: "b" })];
    await new Promise((resolve) => setTimeout(resolve, 100));
    const busy = await server.ask("/v1/slow", { as: "c" });
    expect([
      busy.status,
      ((await busy.json()) as { code: string }).code,
      busy.headers.get("retry-after"),
    ]).toEqual([503, "SERVER_BUSY", "1"]);
    for (const answer of await Promise.all(waiting)) {
      expect(answer.status).toBe(504);
      expect(await answer.json()).toMatchObject({ code: "NODE_TIMEOUT_000" });
    }
    expect((await server.ask("/ping")).status).toBe(200);
  });
});

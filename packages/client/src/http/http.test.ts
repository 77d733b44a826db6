import { Hono } from "hono";
import { z } from "zod";
import { afterEach, describe, expect, it } from "vitest";
import { DeputizeError, currentCaller, currentContext, manualClock } from "@deputize/core";
import { AUDIENCE, ISSUER, fakeAuthority } from "../testing/fake-authority.ts";
import type { TokenVerifier } from "../verifier-core.ts";
import { createVerifier } from "../verifier.ts";
import { bearerAuth, requireScope } from "./bearer-auth.ts";
import { problemHandler } from "./problem-handler.ts";
import { readForm, readJson } from "./read-body.ts";
import { requestContext } from "./request-context.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const authority = fakeAuthority(clock);
let verifier: TokenVerifier | undefined;
afterEach(() => verifier?.close());

let handlerRan = 0;
const logged: unknown[] = [];

async function server(): Promise<Hono> {
  verifier = await createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: authority.fetch, clock });
  const app = new Hono();
  handlerRan = 0;
  problemHandler(app, { log: (error) => logged.push(error) });
  app.use(requestContext({ allowedHosts: ["api.example"] }));
  const auth = bearerAuth({
    verifier,
    audience: AUDIENCE,
    resourceMetadata: `${AUDIENCE}/.well-known/oauth-protected-resource`,
  });
  app.get("/me", auth, (c) => {
    handlerRan += 1;
    return c.json({ subject: currentCaller()?.subject, request: currentContext()?.requestId });
  });
  app.get("/admin", auth, requireScope("read:audit:*"), (c) => {
    handlerRan += 1;
    return c.text("yes");
  });
  app.get("/boom", () => {
    throw new Error("password=hunter2");
  });
  app.get("/busy", () => {
    throw new DeputizeError("rate_limited", "wait a little", { retryAfterSeconds: 1.2 });
  });
  app.post("/json", async (c) =>
    c.json(await readJson(c, z.strictObject({ a: z.number() }), { maxBytes: 100 })),
  );
  app.post("/form", async (c) => c.json(await readForm(c, z.strictObject({ a: z.string() }))));
  return app;
}

const get = async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  (await server()).request(`https://api.example${path}`, { headers });
const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

describe("bearerAuth", () => {
  it("runs the handler as the verified caller, under our request id", async () => {
    const response = await get("/me", { ...bearer(authority.sign()), "X-Request-Id": "theirs" });
    expect(response.status).toBe(200);
    const body = (await response.json()) as { request: string };
    expect(body.request).toBe(response.headers.get("x-request-id"));
    expect(body.request).not.toBe("theirs");
  });

  it.each([
    ["no token", {}, /^Bearer resource_metadata="https:\/\/api\.example\//],
    ["a broken token", bearer("x.y.z"), /^Bearer error="invalid_token"/],
    ["two tokens", { Authorization: "Bearer a.b.c, Bearer d.e.f" }, undefined],
    ["another scheme", { Authorization: "Basic YTpi" }, /^Bearer error="invalid_token"/],
  ])("refuses %s before the handler", async (_what, headers, challenge) => {
    const response = await get("/me", headers as Record<string, string>);
    expect(handlerRan).toBe(0);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    if (challenge) {
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(challenge);
    } else expect(response.status).toBe(400);
  });

  it("does not read a token from the address", async () => {
    expect((await get(`/me?access_token=${authority.sign()}`)).status).toBe(401);
  });

  it("answers 403 and names the scope when the caller lacks it", async () => {
    const response = await get("/admin", bearer(authority.sign()));
    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer error="insufficient_scope", scope="read:audit:*"',
    );
    expect(handlerRan).toBe(0);
  });

  it("lets a covering scope pass", async () => {
    expect(
      (await get("/admin", bearer(authority.sign(authority.claims({ scope: "read:audit:*" }))))).status,
    ).toBe(200);
  });
});

describe("requestContext", () => {
  it.each(["evil.example", "api.example.evil.example", "api.example:81"])(
    "refuses Host %s [SR-26]",
    async (host) => {
      const response = await get("/me", { ...bearer(authority.sign()), Host: host });
      expect(response.status).toBe(403);
      expect(handlerRan).toBe(0);
    },
  );

  it.each([
    ["a cookie and a token", { Cookie: "a=1; deputize_session=s" }],
    ["an API key and a token", { "X-API-Key": "k" }],
  ])("refuses %s on one request [SR-26]", async (_what, headers) => {
    const response = await get("/me", { ...bearer(authority.sign()), ...headers });
    expect(response.status).toBe(400);
    expect(handlerRan).toBe(0);
  });

  it("refuses two session cookies [SR-26]", async () => {
    expect((await get("/me", { Cookie: "deputize_session=a; deputize_session=b" })).status).toBe(400);
  });

  it("is not wired without a host", () => {
    expect(() => requestContext({ allowedHosts: [] })).toThrow(/allowed host/);
  });
});

describe("problems", () => {
  it("say nothing of what went wrong inside, and log it", async () => {
    const response = await get("/boom");
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).not.toContain("hunter2");
    expect(JSON.parse(text)).toMatchObject({
      code: "internal",
      request_id: response.headers.get("x-request-id"),
    });
    expect(String(logged.at(-1))).toContain("hunter2");
  });

  it("answer an unknown path with 404 and a known one with 405", async () => {
    const unknown = await get("/nowhere");
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ code: "not_found" });
    const app = await server();
    const wrong = await app.request("https://api.example/me", { method: "DELETE" });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET");
    expect(await wrong.json()).toMatchObject({ code: "method_not_allowed" });
  });

  it("say when to try again", async () => {
    const response = await get("/busy");
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("2");
  });
});

describe("reading a body", () => {
  const post = async (path: string, type: string, body: string): Promise<Response> =>
    (await server()).request(`https://api.example${path}`, {
      method: "POST",
      headers: { "Content-Type": type },
      body,
    });

  it("takes what the schema says", async () => {
    expect(await (await post("/json", "application/json; charset=utf-8", '{"a":1}')).json()).toEqual({
      a: 1,
    });
    expect(await (await post("/form", "application/x-www-form-urlencoded", "a=1")).json()).toEqual({
      a: "1",
    });
  });

  it.each([
    ["an unknown field", "/json", "application/json", '{"a":1,"role":"admin"}', 422],
    ["a wrong type, without echoing it", "/json", "application/json", '{"a":"secret"}', 422],
    ["broken JSON", "/json", "application/json", "{", 400],
    ["another content type", "/json", "text/plain", '{"a":1}', 400],
    ["too much", "/json", "application/json", JSON.stringify({ a: "x".repeat(200) }), 413],
    ["NUL, which no database keeps", "/json", "application/json", '{"a":"\\u0000"}', 400],
    ["NUL in a name", "/json", "application/json", '{"b":[{"\\u0000":1}]}', 400],
    ["half a character", "/json", "application/json", '{"a":["\\ud800"]}', 400],
    ["NUL in a form", "/form", "application/x-www-form-urlencoded", "a=%00", 400],
    ["nesting without end", "/json", "application/json", `{"a":${"[".repeat(40)}${"]".repeat(40)}}`, 422],
    ["a repeated parameter", "/form", "application/x-www-form-urlencoded", "a=1&a=2", 422],
    ["a prototype's name", "/form", "application/x-www-form-urlencoded", "__proto__=1&a=2", 422],
  ])("refuses %s", async (_what, path, type, body, status) => {
    const response = await post(path, type, body);
    expect(response.status).toBe(status);
    expect(await response.text()).not.toContain("secret");
  });
});

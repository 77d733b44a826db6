import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DeputizeError, manualClock, requireCaller } from "@deputize/core";
import { AUDIENCE, ISSUER, fakeAuthority } from "../testing/fake-authority.ts";
import type { TokenVerifier } from "../verifier-core.ts";
import { createVerifier } from "../verifier.ts";
import {
  type AccessDecision,
  type PermissionGuard,
  assertEveryRouteDeclares,
  permissionGuard,
} from "./permission-guard.ts";
import { problemHandler } from "./problem-handler.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const authority = fakeAuthority(clock);
let verifier: TokenVerifier;
let guard: PermissionGuard;
let app: Hono;
const decisions: AccessDecision[] = [];
const refused: string[] = [];
let busy = false;
let logBroken = false;
let handlerRan = 0;

beforeAll(async () => {
  verifier = await createVerifier({ issuer: ISSUER, authorityUrl: ISSUER, fetch: authority.fetch, clock });
  guard = permissionGuard({
    verifier,
    audience: AUDIENCE,
    onDecision: (decision) => {
      if (logBroken) throw new DeputizeError("audit_unavailable", "the log is away");
      decisions.push(decision);
    },
    onRefused: (code) => refused.push(code),
    admit: async () => {
      if (busy) throw new DeputizeError("rate_limited", "wait", { retryAfterSeconds: 1 });
    },
  });
  app = new Hono();
  problemHandler(app);
  app.get("/data/weather", guard.needs("read_weather"), (c) => {
    handlerRan += 1;
    return c.json({ who: requireCaller().subject });
  });
  app.get("/health", guard.nothing, (c) => c.text("ok"));
});
afterAll(() => verifier.close());
beforeEach(() => {
  decisions.length = 0;
  refused.length = 0;
  handlerRan = 0;
});

const get = (path: string, token?: string) =>
  app.request(`https://api.example${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
const holding = (scope: string) => authority.sign(authority.claims({ scope }));

describe("a route's permission", () => {
  it("lets its holder pass, and tells who did what", async () => {
    expect((await get("/data/weather", holding("read:weather:*"))).status).toBe(200);
    expect(decisions).toMatchObject([
      { allowed: true, permission: "read_weather", resource: "GET /data/weather" },
    ]);
  });

  it.each(["read:stock:*", "read:weather:paris", ""])("refuses %j with 403 and a reason", async (scope) => {
    const response = await get("/data/weather", holding(scope));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "insufficient_scope", detail: "Permission Denied" });
    expect(response.headers.get("www-authenticate")).toContain('scope="read:weather:*"');
    expect(decisions).toMatchObject([{ allowed: false, reason: "insufficient_scope" }]);
    expect(handlerRan).toBe(0);
  });

  it("counts those who are unknown, and serves what is for everybody", async () => {
    expect((await get("/data/weather")).status).toBe(401);
    expect((await get("/data/weather", "a.b.c")).status).toBe(401);
    expect(refused).toEqual(["unauthenticated", "invalid_token"]);
    expect(decisions).toEqual([]);
    expect(await (await get("/health")).text()).toBe("ok");
  });

  it("comes after the limits, and nothing runs that could not be logged", async () => {
    busy = true;
    expect((await get("/data/weather", holding("read:weather:*"))).status).toBe(429);
    busy = false;
    expect(decisions).toMatchObject([{ allowed: false, reason: "rate_limited" }]);
    logBroken = true;
    expect((await get("/data/weather", holding("read:weather:*"))).status).toBe(503);
    logBroken = false;
    expect(handlerRan).toBe(0);
  });
});

describe("an API in which a route declares nothing", () => {
  it("does not start [AA-F09]", () => {
    expect(() => assertEveryRouteDeclares(app)).not.toThrow();
    const forgotten = new Hono();
    forgotten.use("*", async (_c, next) => next());
    forgotten.get("/data/weather", guard.needs("read_weather"), (c) => c.text("x"));
    forgotten.post("/data/weather", (c) => c.text("x"));
    forgotten.all("/data/stock", (c) => c.text("x"));
    // Too late: the first handler answers.
    forgotten.get("/data/late", (c) => c.text("x"), guard.needs("read_weather"));
    expect(() => assertEveryRouteDeclares(forgotten)).toThrow(
      /^POST \/data\/weather, ALL \/data\/stock, GET \/data\/late: every route declares its permission/,
    );
  });

  it("cannot be declared by something that no token may hold", () => {
    expect(() => guard.needs("admin:keys:*")).toThrow(expect.objectContaining({ code: "invalid_scope" }));
    expect(() => guard.needs("weather")).toThrow(expect.objectContaining({ code: "invalid_scope" }));
  });
});

/** The table of errors, row by row, in both modes. */
import { DeputizeError, systemClock } from "@deputize/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { authenticatorChain, jwtAuthenticator } from "../authenticators/index.ts";
import { apiCodeOf, errorResponse } from "./errors.ts";
import { route } from "./route.ts";
import { type Running, SECRET, startServer, testAgent, token } from "./server.fixture.ts";

const issuer = "https://login.example";
const audience = "https://agents.example";
const base = { claims: { iss: issuer, aud: audience } };

const recent = route({
  method: "POST",
  path: "/v1/pay",
  group: "Test",
  summary: "Needs a recent sign-in.",
  scope: "graph:invoke",
  fresh: { maxAgeSeconds: 300, amr: ["otp"] },
  handler: async () => ({}),
});
const broken = route({
  method: "GET",
  path: "/v1/broken",
  group: "Test",
  summary: "Fails.",
  scope: "graph:read",
  handler: () => Promise.reject(new Error("password=hunter2 at db.internal")),
});

async function start(compat?: "agentflow"): Promise<Running> {
  const auth = {
    chain: authenticatorChain([
      {
        name: "moods",
        authenticate: async ({ bearer }) => {
          if (bearer === "revoked") return { ok: false, skip: false, code: "REVOKED_TOKEN" };
          if (bearer === "provider-down") throw new DeputizeError("unavailable", "cannot be asked");
          return { ok: false, skip: true };
        },
      },
      jwtAuthenticator({ secret: SECRET, issuer, audience }),
    ]),
    issuers: { [issuer]: { roles: { allow: ["reader", "writer"] } } },
  };
  return startServer({
    agents: [await testAgent()],
    auth,
    authorization: {
      backend: "rbac",
      roles: { reader: ["checkpointer:read", "graph:read"], writer: ["*"] },
    },
    routes: () => [recent, broken],
    ...(compat && { compat }),
  });
}

describe.each([undefined, "agentflow"] as const)("errors in the mode %s", (compat) => {
  let server: Running;
  let foreign: string;
  const writer = (userId: string) => token({ ...base, userId, roles: ["writer"] });
  beforeAll(async () => {
    server = await start(compat);
    const made = await server.ask("/threads", { method: "POST", bearer: await writer("bob") });
    foreign = ((await made.json()) as { thread_id: string }).thread_id;
  });
  afterAll(() => server.stop());

  const rows: readonly [
    name: string,
    ask: () => Promise<Parameters<Running["ask"]>>,
    here: readonly [status: number, code: string, challenge?: string | RegExp],
    there: readonly [status: number, code?: string],
  ][] = [
    ["missing", async () => ["/threads", {}], [401, "UNAUTHENTICATED", "Bearer"], [403, "REVOKED_TOKEN"]],
    [
      "malformed",
      async () => ["/threads", { headers: { authorization: "Bearer a b" } }],
      [401, "INVALID_TOKEN", /invalid_token/],
      [403, "INVALID_TOKEN"],
    ],
    [
      "invalid",
      async () => ["/threads", { bearer: await token({ ...base, secret: `${SECRET}x` }) }],
      [401, "INVALID_TOKEN", /invalid_token/],
      [403, "INVALID_TOKEN"],
    ],
    [
      "expired",
      async () => ["/threads", { bearer: await token({ ...base, expires: new Date("2026-01-01") }) }],
      [401, "EXPIRED_TOKEN", /invalid_token/],
      [403, "EXPIRED_TOKEN"],
    ],
    [
      "wrong audience",
      async () => [
        "/threads",
        { bearer: await token({ claims: { iss: issuer, aud: "https://other.example" } }) },
      ],
      [401, "INVALID_TOKEN", /invalid_token/],
      [403, "INVALID_TOKEN"],
    ],
    [
      "wrong issuer",
      async () => [
        "/threads",
        { bearer: await token({ claims: { iss: "https://other.example", aud: audience } }) },
      ],
      [401, "INVALID_TOKEN", /invalid_token/],
      [403, "INVALID_TOKEN"],
    ],
    [
      "no user",
      async () => ["/threads", { bearer: await token({ ...base, userId: "" }) }],
      [401, "INVALID_TOKEN", /invalid_token/],
      [403, "INVALID_TOKEN"],
    ],
    [
      "revoked",
      async () => ["/threads", { bearer: "revoked" }],
      [401, "REVOKED_TOKEN", /invalid_token/],
      [403, "REVOKED_TOKEN"],
    ],
    [
      "in the address",
      async () => [`/threads?token=${await writer("ada")}`, {}],
      [401, "INVALID_TOKEN", /invalid_token/],
      [403, "INVALID_TOKEN"],
    ],
    [
      "forbidden: no scope",
      async () => ["/threads", { method: "POST", bearer: await token({ ...base, roles: ["reader"] }) }],
      [403, "INSUFFICIENT_SCOPE", /insufficient_scope", scope="checkpointer:write"/],
      [403],
    ],
    [
      "forbidden: no role",
      async () => ["/threads", { bearer: await token({ ...base, roles: ["root"] }) }],
      [403, "INSUFFICIENT_SCOPE", /insufficient_scope/],
      [403],
    ],
    [
      "foreign thread",
      async () => [`/v1/threads/${foreign}`, { bearer: await writer("ada") }],
      [404, "RESOURCE_NOT_FOUND"],
      [404, "RESOURCE_NOT_FOUND"],
    ],
    [
      "unknown thread",
      async () => ["/v1/threads/00000000-0000-4000-8000-000000000000", { bearer: await writer("ada") }],
      [404, "RESOURCE_NOT_FOUND"],
      [404, "RESOURCE_NOT_FOUND"],
    ],
    [
      "stronger sign-in needed",
      async () => ["/v1/pay", { method: "POST", bearer: await writer("ada") }],
      [401, "INSUFFICIENT_USER_AUTHENTICATION", /insufficient_user_authentication", max_age="300"/],
      [403, "INVALID_TOKEN"],
    ],
    [
      "provider down",
      async () => ["/threads", { bearer: "provider-down" }],
      [503, "AUTH_UNAVAILABLE"],
      [500],
    ],
    [
      "no JSON",
      async () => [
        "/threads",
        {
          method: "POST",
          bearer: await writer("ada"),
          body: "{",
          headers: { "content-type": "application/json" },
        },
      ],
      [400, "BAD_REQUEST"],
      [400, "BAD_REQUEST"],
    ],
    [
      "unknown field",
      async () => ["/threads", { method: "POST", bearer: await writer("ada"), body: { user_id: "bob" } }],
      [422, "VALIDATION_ERROR"],
      [422, "VALIDATION_ERROR"],
    ],
    [
      "our own fault",
      async () => ["/v1/broken", { bearer: await writer("ada") }],
      [500, "GRAPH_000"],
      [500, "GRAPH_000"],
    ],
  ];

  it.each(rows)("[AF-D04] %s", async (_name, ask, here, there) => {
    const [status, code, challenge] = compat ? [...there, undefined] : here;
    const answer = await server.ask(...(await ask()));
    const text = await answer.text();
    const body = JSON.parse(text) as {
      code?: string;
      error: { code?: string; message: string; details: unknown[] };
      metadata: { request_id: string };
    };
    expect([answer.status, body.error.code]).toEqual([status, code]);
    expect(body.metadata.request_id).toBe(answer.headers.get("x-request-id"));
    expect(body.error.message).not.toBe("");
    // Nothing of what went wrong inside, and nothing of the token.
    expect(text).not.toMatch(/hunter2|internal"|eyJ|Error:|at .*\.ts/);
    if (compat) expect(Object.keys(body).toSorted()).toEqual(["error", "metadata"]);
    else expect(body.code).toBe(code);
    const said = answer.headers.get("www-authenticate");
    if (challenge !== undefined) expect(said).toMatch(challenge);
    if (challenge === "Bearer") expect(said).toBe("Bearer");
    if (answer.status === 503) expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("names where a body is at fault, and never what stood there", async () => {
    const answer = await server.ask("/v1/threads/search", {
      method: "POST",
      bearer: await writer("ada"),
      body: { limit: "secret-value", search: 7 },
    });
    const text = await answer.text();
    expect(text).not.toContain("secret-value");
    expect(
      (JSON.parse(text) as { error: { details: { loc: unknown }[] } }).error.details.map(({ loc }) => loc),
    ).toEqual([
      ["body", "search"],
      ["body", "limit"],
    ]);
  });
});

describe("errors", () => {
  it("[AF-D16] say nothing of what was thrown, whatever it was", async () => {
    for (const thrown of [
      new Error("token=abc123"),
      "token=abc123",
      { message: "token=abc123" },
      undefined,
    ]) {
      const answer = errorResponse(thrown, { requestId: "r", clock: systemClock });
      expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining("abc123")]);
    }
  });

  it("[AF-D27] have a code of their own for each status, and times in UTC", async () => {
    const codes = new Map<string, Set<number>>();
    for (const code of [
      "unauthenticated",
      "forbidden",
      "not_found",
      "conflict",
      "validation_failed",
      "payload_too_large",
      "rate_limited",
      "unavailable",
      "internal",
      "timeout",
      "limit_exceeded",
      "invalid_request",
    ] as const) {
      const answer = errorResponse(new DeputizeError(code, "x"), { requestId: "r", clock: systemClock });
      const body = z
        .object({ code: z.string(), metadata: z.object({ timestamp: z.iso.datetime() }) })
        .parse(await answer.json());
      expect(body.code).toBe(apiCodeOf(code));
      codes.set(body.code, (codes.get(body.code) ?? new Set()).add(answer.status));
    }
    expect([...codes.values()].every((statuses) => statuses.size === 1)).toBe(true);
    expect(codes.size).toBe(12);
  });
});

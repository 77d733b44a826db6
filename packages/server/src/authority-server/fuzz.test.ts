/** Every route of the authority and the broker under bodies, paths, queries and tokens that nobody should send. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type BrokerClient,
  type RunningAuthority,
  brokerClient,
  runAuthority,
} from "./testing/run-authority.ts";

const RUNS = 14;
/** Far more than any answer takes, far less than waiting for ever. */
const HANG_MS = 10_000;

let authority: RunningAuthority;
let client: BrokerClient;
let schemas: Record<
  string,
  Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>
>;
const tokens: Record<string, string> = {};

interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

async function signIn(): Promise<void> {
  const app = await client.app(["read:data:*", "write:data:*"]);
  tokens["operator"] = await client.adminToken();
  tokens["app"] = app.token;
  tokens["worker"] = (await client.worker(app, { scope: ["read:data:*"] })).token;
}

beforeAll(async () => {
  // Each request comes from an address of its own, so that limits do not hide what is behind them.
  authority = await runAuthority({ env: { DEPUTIZE_TRUSTED_PROXIES: "127.0.0.1" } });
  client = brokerClient(authority);
  await signIn();
  schemas = (await client.send("GET", "/openapi.json")).body.paths;
}, 60_000);
afterAll(() => authority?.close());

let requests = 0;
const address = (): string => `198.51.${((requests += 1) >> 8) & 255}.${requests & 255}`;

const hostileText = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "\u202egnp",
    "x".repeat(3_000),
    "é".repeat(600),
    "../../etc/passwd",
    "' OR 1=1 --",
    "${7*7}",
    "__proto__",
    "constructor",
    "null",
    "-1",
    "*",
    "*:*:*",
    "admin:launch-tokens:*",
    "read:data:*",
    "spiffe://agentwrit.local/agent/orch-1/task-1/0123456789abcdef",
    "0198b1c2-0000-7000-8000-000000000001",
    "00".repeat(32),
    "A".repeat(43) + "=",
    "e30.e30.e30",
    "2030-01-01T00:00:00Z",
    "alice@example.com",
    "approve",
    "token",
    "exchange",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: hostileText },
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1,
    1.5,
    300,
    2 ** 31,
    2 ** 53,
    -(2 ** 63),
    1e308,
    [],
    {},
    [null],
    [[]],
    [{}],
  ),
  fc.array(hostileText, { maxLength: 4 }),
  fc.array(fc.constant("read:data:*"), { minLength: 300, maxLength: 400 }),
  fc.dictionary(hostileText, hostileText, { maxKeys: 3 }),
  fc.constant(JSON.parse(`${"[".repeat(600)}${"]".repeat(600)}`) as unknown),
);
const rawBody = fc.constantFrom<string | Uint8Array<ArrayBuffer>>(
  "",
  "{",
  '{"secret":',
  "{}{}",
  "{} trailing",
  "null",
  "[]",
  '"text"',
  "1e999",
  '{"ttl":1e999,"max_ttl":1e999}',
  "NaN",
  "\uFEFF{}",
  '{"token":"a","token":"b"}',
  '{"__proto__":{"admin":true}}',
  "[".repeat(20_000),
  `{"a":${"[".repeat(3_000)}${"]".repeat(3_000)}}`,
  "a=b&c=d",
  "grant_type=client_credentials&grant_type=refresh_token",
  "%",
  "x".repeat(1_100_000),
  new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  new Uint8Array([0xc0, 0x80]),
);

/** Bodies that look like the route's own, with some members wrong. */
function nearly(path: string, method: string): fc.Arbitrary<unknown> {
  const content = schemas[path]?.[method.toLowerCase()]?.requestBody?.content ?? {};
  const shapes = Object.values(content).flatMap(({ schema }) => [
    schema,
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ]);
  const names = [...new Set(shapes.flatMap((shape) => Object.keys(shape.properties ?? {})))];
  if (names.length === 0) return fc.dictionary(hostileText, hostileValue, { maxKeys: 3 });
  const members = Object.fromEntries(names.map((name) => [name, hostileValue]));
  return fc.record(members, { requiredKeys: [] });
}

interface Problem {
  readonly type?: unknown;
  readonly title?: unknown;
  readonly status?: unknown;
  readonly detail?: unknown;
  readonly request_id?: unknown;
}

async function answerIsSound(
  method: string,
  path: string,
  init: RequestInit,
  token: string | undefined,
): Promise<void> {
  const what = `${method} ${path.slice(0, 120)}`;
  const response = await fetch(`${authority.url}${path}`, {
    ...init,
    method,
    redirect: "manual",
    signal: AbortSignal.timeout(HANG_MS),
    headers: {
      "x-forwarded-for": address(),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...init.headers,
    },
  });
  expect(response.status, what).toBeLessThan(500);
  if (response.status < 400) return response.body?.cancel();
  const text = await response.text();
  expect(response.headers.get("content-type"), `${what}: ${text.slice(0, 200)}`).toContain(
    "application/problem+json",
  );
  const problem = JSON.parse(text) as Problem;
  expect(problem, what).toMatchObject({
    status: response.status,
    type: expect.any(String),
    title: expect.any(String),
  });
  expect(problem.detail, what).toBeTruthy();
  expect(problem.request_id, what).toBeTruthy();
  // Neither a stack, nor SQL, nor a path of ours.
  expect(text, what).not.toMatch(/node_modules|\.ts:\d|SELECT |INSERT |relation "|ECONN|at async/);
}

describe("the authority's server, under hostile requests [AW-F44] [AW-F16] [AW-D32]", () => {
  it(
    "answers every route's worst bodies with a problem document: no fault, no hang",
    { timeout: 240_000 },
    async () => {
      const routes = authority.started.routes.filter(({ method }) => method !== "ALL");
      expect(routes.length).toBeGreaterThan(60);
      const holders = [undefined, "operator", "operator", "app", "worker"] as const;
      const seen = new Set<string>();
      for (const { method, path } of routes) {
        const documented = path.replaceAll(/:(\w+)(?:\{(?:[^{}]|\{[^{}]*\})*\})?/g, "{$1}");
        if (seen.has(`${method} ${documented}`)) continue;
        seen.add(`${method} ${documented}`);
        const json = nearly(documented, method).map((value) => JSON.stringify(value));
        const form = fc
          .dictionary(
            fc.constantFrom("grant_type", "token", "scope", "audience", "client_id", "x"),
            hostileText,
          )
          .map((fields) => new URLSearchParams(fields).toString());
        const body =
          method === "GET" ? fc.constant(undefined) : fc.oneof({ weight: 4, arbitrary: json }, form, rawBody);
        const request = fc.record({
          body,
          holder: fc.constantFrom(...holders),
          type: fc.constantFrom(
            undefined,
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
          ),
          places: fc.array(hostileText, { minLength: 3, maxLength: 3 }),
          query: fc.dictionary(
            fc.constantFrom(
              "limit",
              "offset",
              "cursor",
              "order",
              "since",
              "until",
              "outcome",
              "agent_id",
              "after",
              "level",
              "x",
            ),
            hostileText,
            { maxKeys: 3 },
          ),
        });
        await fc.assert(
          fc.asyncProperty(request, async ({ body: sent, holder, type, places, query }) => {
            // Ending the tenant or the signing key is what an operator may do; then everybody signs in anew.
            const token = holder && tokens[holder];
            let n = 0;
            const place = (): string => encodeURIComponent((places[n++ % 3] ?? "").toWellFormed()) || "%20";
            const search = new URLSearchParams(
              Object.entries(query).map(([name, value]) => [name, value.toWellFormed()] as [string, string]),
            );
            const filled = documented.replaceAll(/\{\w+\}/g, place).replaceAll("*", "x");
            const init = {
              ...(sent !== undefined && { body: sent }),
              ...(type !== undefined && { headers: { "content-type": type } }),
            };
            await answerIsSound(method, search.size > 0 ? `${filled}?${search}` : filled, init, token);
          }),
          { numRuns: RUNS },
        );
        const alive = await client.send("POST", "/v1/token/validate", {
          body: { token: tokens["operator"] },
        });
        if (alive.body?.valid !== true) await signIn();
      }
      expect((await client.send("GET", "/v1/health")).body).toMatchObject({ status: "ok" });
    },
  );

  it("answers unknown paths, methods and paths that are none with a problem document", async () => {
    for (const path of [
      "/",
      "/v1",
      "/v1/",
      "//",
      "/v1/../v1/health",
      "/%00",
      "/%ff",
      "/v1/apps/%2e%2e",
      "/V1/HEALTH",
      "/v1/health/",
    ]) {
      await answerIsSound("GET", path, {}, undefined);
    }
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
      for (const path of ["/v1/challenge", "/v1/register", "/oauth/token", "/auth/login"]) {
        await answerIsSound(method, path, {}, undefined);
      }
    }
  });

  it("takes no header for more than it is", async () => {
    const worker = tokens["worker"] ?? "";
    const values = [
      "Bearer",
      "Bearer ",
      `bearer ${worker}`,
      `Bearer  ${worker}`,
      `Bearer ${worker} `,
      `Basic ${worker}`,
      "Basic !!!",
      "Basic Og==",
      `Bearer ${worker},${worker}`,
      "DPoP x",
      "x".repeat(7_000),
    ];
    for (const authorization of values) {
      for (const [method, path] of [
        ["POST", "/v1/token/renew"],
        ["GET", "/v1/audit/events"],
        ["POST", "/oauth/token"],
        ["GET", "/agents"],
      ] as const) {
        await answerIsSound(method, path, { headers: { authorization } }, undefined);
      }
    }
    for (const id of ["", "x".repeat(2_000), "a b", "é", "<script>"]) {
      await answerIsSound("GET", "/v1/nothing", { headers: { "x-request-id": encodeURI(id) } }, undefined);
    }
  });
});

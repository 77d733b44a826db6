/**
 * The edges of the protocol: problems and headers on every answer, bounds, limits, what leaves a trace, and what happens
 * while a part is away.
 */
import { request as rawRequest } from "node:http";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type BrokerClient,
  type RunningAuthority,
  type TestApp,
  brokerClient,
  runAuthority,
} from "./testing/run-authority.ts";

let authority: RunningAuthority;
let client: BrokerClient;
let admin: string;
let app: TestApp;

beforeAll(async () => {
  authority = await runAuthority();
  client = brokerClient(authority);
  admin = await client.adminToken();
  app = await client.app(["read:data:*"]);
});
afterAll(() => authority?.close());

/** Whole, but of no launch token that anybody has. */
const registration = {
  launch_token: "0".repeat(64),
  nonce: "0".repeat(64),
  public_key: Buffer.alloc(32).toString("base64"),
  signature: Buffer.alloc(64).toString("base64"),
  orch_id: "orch-1",
  task_id: "task-1",
  requested_scope: ["read:data:*"],
};

const further: RunningAuthority[] = [];
afterEach(async () => {
  for (const each of further.splice(0)) await each.close();
});
async function another(env: Record<string, string> = {}): Promise<RunningAuthority> {
  const made = await runAuthority({ env });
  further.push(made);
  return made;
}

async function events(query: string): Promise<{ event_type: string; detail: string; agent_id?: string }[]> {
  return (await client.send("GET", `/v1/audit/events?${query}`, { token: admin })).body.events;
}

describe("every answer", () => {
  const cases: readonly [number, string, () => Promise<Answer>][] = [
    [200, "", () => client.send("GET", "/v1/health")],
    [200, "", () => client.send("POST", "/v1/token/validate", { body: { token: "x" } })],
    [400, "invalid_request", () => client.send("POST", "/v1/token/validate", { body: {} })],
    [400, "invalid_request", () => client.send("POST", "/v1/register", { body: "{" })],
    [401, "unauthorized", () => client.send("POST", "/v1/admin/auth", { body: { secret: "wrong" } })],
    [401, "unauthorized", () => client.send("POST", "/v1/token/renew")],
    [401, "unauthorized", () => client.send("POST", "/v1/token/renew", { token: "a.b.c" })],
    [403, "insufficient_scope", () => client.send("GET", "/v1/admin/apps", { token: app.token })],
    [
      403,
      "forbidden",
      () =>
        client.send("POST", "/v1/app/launch-tokens", {
          token: app.token,
          body: { agent_name: "w", allowed_scope: ["write:data:x"] },
        }),
    ],
    [404, "not_found", () => client.send("GET", "/v1/nowhere")],
    [404, "not_found", () => client.send("GET", "/v1/admin/apps/app-none-000000", { token: admin })],
    [405, "method_not_allowed", () => client.send("DELETE", "/v1/challenge")],
    [405, "method_not_allowed", () => client.send("GET", "/v1/token/validate")],
    [413, "payload_too_large", () => client.send("POST", "/v1/register", { body: "x".repeat(1_048_577) })],
    [
      413,
      "payload_too_large",
      () => client.send("POST", "/v1/token/validate", { body: "x".repeat(1_048_577) }),
    ],
  ];

  it.each(cases)(
    "of status %i %s has its headers and form [AW-F16] [AW-F17] [AW-D30]",
    async (status, code, ask) => {
      const answer = await ask();
      expect(answer.status).toBe(status);
      const { headers } = answer;
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
      if (code === "") return;
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(answer.body).toMatchObject({
        type: `urn:agentwrit:error:${code}`,
        title: expect.stringMatching(/^[A-Z]/),
        status,
        detail: expect.stringMatching(/.{8}/),
        instance: expect.stringMatching(/^\/v1\//),
        error_code: code,
        request_id: headers.get("x-request-id"),
      });
      expect(headers.has("www-authenticate")).toBe(status === 401 || code === "insufficient_scope");
      expect(headers.has("allow")).toBe(status === 405);
    },
  );

  it("names the scope that was missing, and reads no body before it [AW-D42]", async () => {
    const { body, headers } = await client.send("POST", "/v1/admin/apps", { token: app.token, body: "{" });
    expect(body.error_code).toBe("insufficient_scope");
    expect(body.detail).toContain("admin:apps:*");
    expect(headers.get("www-authenticate")).toContain('scope="admin:apps:*"');
  });

  it.each([
    ["no credential", {}],
    ["an empty one", { authorization: "" }],
    ["another scheme", { authorization: "Basic YTpi" }],
    ["a lower-case scheme", { authorization: "bearer a.b.c" }],
    ["a forged token", { authorization: "Bearer eyJhbGciOiJub25lIn0.e30.x" }],
  ])("with %s is 401 and never says what was wrong inside", async (_what, headers) => {
    const { status, body } = await client.send("POST", "/v1/delegate", { headers, body: "{" });
    expect(status).toBe(401);
    expect(body.detail).not.toMatch(/signature|segment|malformed/i);
  });

  it.each([
    ["two of one kind", { authorization: "Bearer a.b.c, Bearer d.e.f" }],
    ["two of two kinds", { authorization: "Bearer a.b.c", "x-api-key": "k" }],
  ])("with %s is 400, also where none is asked for [SR-26]", async (_what, headers) => {
    for (const path of ["/v1/token/validate", "/v1/token/validate?"]) {
      const { status, body } = await client.send("POST", path, { headers, body: { token: "x" } });
      expect([status, body.error_code], path).toEqual([400, "invalid_request"]);
    }
  });

  it("echoes a printable request id of at most 128 characters, and no other", async () => {
    const ask = async (id: string) =>
      (await client.send("GET", "/v1/nowhere", { headers: { "x-request-id": id } })).headers.get(
        "x-request-id",
      );
    expect(await ask("order 17/a")).toBe("order 17/a");
    expect(await ask("x".repeat(128))).toBe("x".repeat(128));
    expect(await ask("x".repeat(129))).toMatch(/^[0-9a-f]{16}$/);
    expect(await ask("é")).toMatch(/^[0-9a-f]{16}$/);
    const validated = await client.send("POST", "/v1/token/validate", {
      body: { token: "x" },
      headers: { "x-request-id": "mine" },
    });
    expect(validated.headers.get("x-request-id")).toBe("mine");
  });

  it("counts the bytes of a body that names no length", async () => {
    for (const path of ["/v1/register", "/v1/token/validate"]) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const sending = rawRequest(`${authority.url}${path}`, { method: "POST" }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sending.on("error", reject);
        for (let sent = 0; sent < 1_100_000; sent += 100_000) sending.write("x".repeat(100_000));
        sending.end();
      });
      expect([path, status]).toEqual([path, 413]);
    }
  });

  it.each([
    ["there was no HTTP to read", "NONSENSE"],
    ["no host was named", "GET /v1/health HTTP/1.1"],
    ["no host was named in the old version", "POST /v1/register HTTP/1.0"],
  ])("is a problem also where %s [AW-F16] [AW-D30]", async (_what, line) => {
    const { port } = new URL(authority.url);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(`${line}\r\n\r\n`));
      let seen = "";
      socket.on("data", (chunk) => (seen += String(chunk)));
      socket.on("end", () => resolve(seen));
      socket.on("error", reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain("X-Frame-Options: DENY");
    expect(text).toContain('"error_code":"invalid_request"');
  });

  it("is for this host only, on the straight way too [SR-26]", async () => {
    const ask = (method: string, path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sending = rawRequest(
          `${authority.url}${path}`,
          { method, headers: { host: "evil.example" } },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        );
        sending.on("error", reject);
        sending.end(method === "POST" ? '{"token":"x"}' : undefined);
      });
    expect(await ask("GET", "/v1/health")).toBe(403);
    expect(await ask("POST", "/v1/token/validate")).toBe(403);
  });

  it("of the straight way is that of the framework", async () => {
    // A query is enough to leave the straight way.
    for (const path of ["/v1/health", "/v1/challenge"]) {
      const [straight, framed] = [await client.send("GET", path), await client.send("GET", `${path}?`)];
      expect(Object.keys(straight.body)).toEqual(Object.keys(framed.body));
      const names = (answer: Answer) => [...answer.headers.keys()].toSorted();
      expect(names(straight)).toEqual(names(framed));
    }
    for (const body of ['{"token":"x"}', "{}", "", "[]", '{"token":"x","a":1}', '{"token":"\\u0000"}']) {
      const straight = await client.send("POST", "/v1/token/validate", { body });
      const framed = await client.send("POST", "/v1/token/validate?", { body });
      const { request_id: _one, ...one } = straight.body;
      const { request_id: _two, ...two } = framed.body;
      expect([body, straight.status, one]).toEqual([body, framed.status, two]);
    }
  });

  it("of the straight way is that of the framework with a credential too [SR-26]", async () => {
    const options = { scope: ["read:data:*"] };
    const [one, two] = [await client.worker(app, options), await client.worker(app, options)];
    const hop = { delegate_to: two.agentId, scope: ["read:data:1"] };
    const launch = { agent_name: "w", allowed_scope: ["read:data:1"] };
    const cases: readonly [string, string, string | undefined, unknown][] = [
      ["POST", "/v1/delegate", one.token, hop],
      ["POST", "/v1/delegate", one.token, { ...hop, scope: ["write:data:1"] }],
      ["POST", "/v1/delegate", one.token, { ...hop, delegate_to: `${two.agentId}0` }],
      ["POST", "/v1/delegate", one.token, { ...hop, delegate_to: one.agentId }],
      ["POST", "/v1/delegate", one.token, { ...hop, more: 1 }],
      ["POST", "/v1/delegate", one.token, "{"],
      ["POST", "/v1/delegate", one.token, undefined],
      ["POST", "/v1/delegate", "a.b.c", hop],
      ["POST", "/v1/delegate", undefined, hop],
      ["POST", "/v1/delegate", app.token, hop],
      ["POST", "/v1/admin/launch-tokens", admin, launch],
      ["POST", "/v1/admin/launch-tokens", app.token, launch],
      ["POST", "/v1/app/launch-tokens", app.token, launch],
      ["POST", "/v1/app/launch-tokens", app.token, { ...launch, allowed_scope: ["admin:x:*"] }],
      ["POST", "/v1/register", undefined, { launch_token: "x" }],
      ["POST", "/v1/register", undefined, { ...registration, launch_token: "x" }],
      ["GET", "/v1/audit/events?limit=3", admin, undefined],
      ["GET", "/v1/audit/events?limit=3&limit=4", admin, undefined],
      ["GET", "/v1/audit/events?limit=%00", admin, undefined],
      ["GET", "/v1/audit/events", one.token, undefined],
    ];
    const told = ({ status, body, headers }: Answer) => {
      const { request_id: _, ...problem } = body ?? {};
      return [
        status,
        status < 300 ? Object.keys(body) : problem,
        [...headers.keys()].toSorted(),
        headers.get("www-authenticate"),
      ];
    };
    for (const [method, path, token, body] of cases) {
      const request = { ...(token !== undefined && { token }), ...(body !== undefined && { body }) };
      const straight = await client.send(method, path, request);
      // A cookie, whatever it is, is enough to leave the straight way.
      const framed = await client.send(method, path, { ...request, headers: { cookie: "other=1" } });
      expect([path, body, ...told(straight)]).toEqual([path, body, ...told(framed)]);
    }
    for (const worker of [one, two]) {
      const headers: Record<string, string> = worker === one ? {} : { cookie: "other=1" };
      const released = await client.send("POST", "/v1/token/release", { token: worker.token, headers });
      expect([released.status, released.text, released.headers.get("content-type")]).toEqual([204, "", null]);
      const again = await client.send("POST", "/v1/token/release", { token: worker.token, headers });
      expect([again.status, again.headers.get("www-authenticate")]).toEqual([
        401,
        'Bearer realm="broker", error="invalid_token"',
      ]);
    }
  });

  it("takes one credential on the straight way too, and records what was done there as elsewhere [SR-26] [AW-D23]", async () => {
    const worker = await client.worker(app, { scope: ["read:data:*"] });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const bearer = `Bearer ${worker.token}`;
      const sending = rawRequest(
        `${authority.url}/v1/token/renew`,
        { method: "POST", headers: { authorization: [bearer, bearer] as unknown as string } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      sending.on("error", reject);
      sending.end();
    });
    expect(status).toBe(400);
    const id = "request-of-the-straight-way";
    await client.send("POST", "/v1/token/renew", { token: worker.token, headers: { "x-request-id": id } });
    const found = await client.send("GET", "/v1/audit/events?event_type=token_renewed&order=newest&limit=1", {
      token: admin,
    });
    expect(found.body.events[0]).toMatchObject({ request_id: id, agent_id: worker.agentId });
    expect(JSON.parse(found.body.events[0].detail)).toMatchObject({ source: "127.0.0.1" });
  });
});

describe("what was done", () => {
  it("is recorded with the address that it came from, refusals and successes alike [AW-D23]", async () => {
    const { url, adminSecret } = await another({ DEPUTIZE_TRUSTED_PROXIES: "127.0.0.1" });
    const headers = { "x-forwarded-for": "192.0.2.7" };
    const there = brokerClient({ url, adminSecret });
    const signedIn = await there.send("POST", "/v1/admin/auth", { headers, body: { secret: adminSecret } });
    const token = signedIn.body.access_token;
    const body = { level: "task", target: "nobody's" };
    await there.send("POST", "/v1/revoke", { headers, token, body });
    await there.send("POST", "/v1/token/renew", { headers, token });
    for (const action of ["admin_auth", "token_revoked", "token_renewal_failed"]) {
      const found = await there.send("GET", `/v1/audit/events?event_type=${action}`, { token });
      expect(JSON.parse(found.body.events[0].detail), action).toMatchObject({ source: "192.0.2.7" });
    }
  });
});

describe("the audit query", () => {
  it.each([
    "since=yesterday",
    "until=2026-13-01T00:00:00Z",
    "limit=0",
    "limit=-1",
    "limit=ten",
    "limit=1e3",
    "offset=-1",
    "offset=x",
    "outcome=maybe",
    "order=sideways",
    "cursor=x",
    "since=0000-01-01T00:00:00Z",
    "colour=red",
    "limit=1&limit=2",
    "offset=1&cursor=1",
  ])("refuses %s [AW-D29]", async (query) => {
    const { status, body } = await client.send("GET", `/v1/audit/events?${query}`, { token: admin });
    expect([status, body.error_code]).toEqual([400, "invalid_request"]);
  });

  it("says the limit that it applied [AW-D29]", async () => {
    const { body } = await client.send("GET", "/v1/audit/events?limit=5000", { token: admin });
    expect(body.limit).toBe(1000);
  });

  it("turns around, filters, and pages without gaps [AW-D26]", async () => {
    const ids = async (query: string) => (await events(query)).map((event) => (event as { id?: string }).id);
    const oldest = await ids("limit=6");
    const newest = await ids("limit=1&order=newest");
    expect(oldest[0]).toBe("evt-000001");
    expect(newest[0]).not.toBe("evt-000001");
    expect(await ids("limit=3&offset=3")).toEqual(oldest.slice(3));
    const first = (await client.send("GET", "/v1/audit/events?limit=3", { token: admin })).body;
    expect(await ids(`limit=3&cursor=${first.next}`)).toEqual(oldest.slice(3));
    const registered = await events("event_type=app_registered&outcome=success");
    expect(registered.length).toBeGreaterThan(0);
    expect(new Set(registered.map((event) => event.event_type))).toEqual(new Set(["app_registered"]));
    const future = await events("since=2099-01-01T00:00:00Z");
    expect(future).toEqual([]);
  });
});

describe("the list of apps", () => {
  it("pages without gaps, and refuses a query that it does not know [AW-D42] [AW-D29]", async () => {
    const list = async (query: string) =>
      (await client.send("GET", `/v1/admin/apps?${query}`, { token: admin })).body;
    await client.app(["read:data:*"]);
    const whole = await list("");
    const ids: string[] = [];
    let cursor = "";
    do {
      const page = await list(`limit=1${cursor}`);
      expect(page.apps).toHaveLength(1);
      expect(page.total).toBe(whole.total);
      ids.push(page.apps[0].app_id);
      cursor = page.next === undefined ? "" : `&cursor=${page.next}`;
    } while (cursor !== "");
    expect(ids).toEqual(whole.apps.map((one: { app_id: string }) => one.app_id));
    for (const query of ["limit=0", "limit=1001", "limit=x", "page=2", `cursor=${"-".repeat(36)}`]) {
      expect((await list(query)).error_code, query).toBe("invalid_request");
    }
  });
});

describe("what is refused leaves a trace [AW-D24]", () => {
  it("with its type, its source, and never the credential", async () => {
    const secret = "not-the-secret-of-anybody-at-all-17";
    await client.send("POST", "/v1/admin/auth", { body: { secret } });
    await client.send("POST", "/v1/app/auth", {
      body: { client_id: "xx-000000000000", client_secret: secret },
    });
    await client.send("POST", "/v1/token/renew", { token: "a.b.c" });
    await client.send("GET", "/v1/admin/apps", { token: app.token });
    for (const type of ["admin_auth_failed", "app_auth_failed", "token_auth_failed", "scope_violation"]) {
      const [event] = await events(`event_type=${type}&order=newest&limit=1`);
      expect(event, type).toMatchObject({ event_type: type, outcome: "denied" });
      expect(event?.detail, type).toContain("127.0.0.1");
      expect(JSON.stringify(event), type).not.toContain(secret);
    }
    const [violation] = await events("event_type=scope_violation&order=newest&limit=1");
    expect(violation?.agent_id).toBe(`app:${app.appId}`);
  });

  it("once, also where the launch token was real, and with the app that it names [AW-D24]", async () => {
    const seen = async () => (await events("event_type=registration_policy_violation&limit=1000")).length;
    const launch = await client.send("POST", "/v1/app/launch-tokens", {
      token: app.token,
      body: { agent_name: "w", allowed_scope: ["read:data:x"] },
    });
    const body = {
      launch_token: launch.body.launch_token,
      nonce: (await client.send("GET", "/v1/challenge")).body.nonce,
      public_key: Buffer.alloc(32, 7).toString("base64"),
      signature: Buffer.alloc(64, 7).toString("base64"),
      orch_id: "o",
      task_id: "t",
      requested_scope: ["read:data:x"],
    };
    for (const [change, needle] of [
      [{}, app.appId],
      [{ launch_token: "0".repeat(64) }, "127.0.0.1"],
    ] as const) {
      const before = await seen();
      expect((await client.send("POST", "/v1/register", { body: { ...body, ...change } })).status).toBe(401);
      expect(await seen()).toBe(before + 1);
      const [event] = await events("event_type=registration_policy_violation&order=newest&limit=1");
      expect(event?.detail).toContain(needle);
    }
  });

  it("and a validation is sampled", async () => {
    const worker = await client.worker(app, { scope: ["read:data:s"] });
    await client.send("POST", "/v1/token/validate", { body: { token: worker.token } });
    // Written beside the answer, which does not wait for it.
    await expect
      .poll(async () => (await events("event_type=token_validated&limit=1"))[0]?.detail, { timeout: 5_000 })
      .toContain('"validations":1');
  });
});

describe("limits", () => {
  it("stop an operator's door from one source after ten tries, for a second", async () => {
    const own = brokerClient(await another());
    const tries = await Promise.all(
      Array.from({ length: 12 }, () => own.send("POST", "/v1/admin/auth", { body: { secret: "wrong" } })),
    );
    expect(tries.filter(({ status }) => status === 401)).toHaveLength(10);
    const [limited] = tries.filter(({ status }) => status === 429);
    expect(limited?.headers.get("retry-after")).toBe("1");
    expect(limited?.body.error_code).toBe("rate_limited");
  });

  it("stop an app at its fourth try, whatever else it sends, but not the app itself at another source [AW-D17]", async () => {
    const own = await another({ DEPUTIZE_TRUSTED_PROXIES: "127.0.0.1,::1" });
    const behind = brokerClient(own);
    const victim = await behind.app(["read:data:*"]);
    const from = (address: string, clientId: string, secret: string) =>
      behind.send("POST", "/v1/app/auth", {
        headers: { "x-forwarded-for": address },
        body: { client_id: clientId, client_secret: secret },
      });
    const attack: number[] = [];
    for (let i = 0; i < 4; i += 1) attack.push((await from("198.51.100.1", victim.clientId, "wrong")).status);
    expect(attack).toEqual([401, 401, 401, 429]);
    const limited = await from("198.51.100.1", victim.clientId, victim.clientSecret);
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await from("198.51.100.2", victim.clientId, victim.clientSecret)).status).toBe(200);
  });

  it("stop one source that changes the client id, or the header, each time [AW-D17]", async () => {
    const behind = brokerClient(await another({ DEPUTIZE_TRUSTED_PROXIES: "127.0.0.1,::1" }));
    const statuses: number[] = [];
    for (let i = 0; i < 62; i += 1) {
      const { status } = await behind.send("POST", "/v1/app/auth", {
        headers: { "x-forwarded-for": `10.0.0.${i}, 198.51.100.7` },
        body: { client_id: `xx-${i}`, client_secret: "wrong" },
      });
      statuses.push(status);
    }
    expect(statuses.slice(0, 60).every((status) => status === 401)).toBe(true);
    expect(statuses.slice(60)).toEqual([429, 429]);
    // Without a proxy on the list the header changes nothing.
    const bare = brokerClient(await another());
    const tries: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { status } = await bare.send("POST", "/v1/app/auth", {
        headers: { "x-forwarded-for": `10.0.0.${i}` },
        body: { client_id: "xx-1", client_secret: "wrong" },
      });
      tries.push(status);
    }
    expect(tries).toEqual([401, 401, 401, 429]);
  });
});

describe("while a part is away", () => {
  it("an effect that cannot be logged does not happen: 503 [AW-D19]", async () => {
    const own = await another();
    const there = brokerClient(own);
    const token = await there.adminToken();
    const before = (await there.send("GET", "/v1/admin/apps", { token })).body.total;
    await own.store.ownerQuery("ALTER TABLE audit.outbox RENAME TO outbox_away");
    const refused = await there.send("POST", "/v1/admin/apps", {
      token,
      body: { name: "unlogged", scopes: ["read:data:*"] },
    });
    expect([refused.status, refused.body.error_code]).toEqual([503, "unavailable"]);
    await own.store.ownerQuery("ALTER TABLE audit.outbox_away RENAME TO outbox");
    expect((await there.send("GET", "/v1/admin/apps", { token })).body.total).toBe(before);
  });

  it("readiness and health say that the database is gone [AW-D43] [AW-F43]", async () => {
    const own = await runAuthority();
    const there = brokerClient(own);
    expect((await there.send("GET", "/v1/ready")).body).toEqual({ status: "ready" });
    await own.store.close();
    await expect
      .poll(async () => (await there.send("GET", "/v1/ready")).status, { timeout: 5_000, interval: 200 })
      .toBe(503);
    const { status, body } = await there.send("GET", "/v1/health");
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "degraded", db_connected: false });
    await own.started.close().catch(() => {});
  });

  it("it ends within its time though a stream is open [AW-F23]", async () => {
    const own = await runAuthority();
    const stream = await fetch(`${own.url}/authority/revocations`, {
      headers: { accept: "text/event-stream" },
    });
    expect(stream.status).toBe(200);
    await own.close();
    await expect(fetch(`${own.url}/v1/health`)).rejects.toThrow();
    await stream.body?.cancel().catch(() => {});
  }, 10_000);
});

describe("standards beside the protocol", () => {
  it("tell where keys and endpoints are [AW-F27]", async () => {
    const { body } = await client.send("GET", "/.well-known/openid-configuration");
    expect(body).toMatchObject({
      issuer: authority.url,
      jwks_uri: `${authority.url}/.well-known/jwks.json`,
      id_token_signing_alg_values_supported: ["EdDSA"],
      subject_types_supported: ["public"],
    });
    const keys = (await (await fetch(body.jwks_uri)).json()) as { keys: object[] };
    expect(keys.keys[0]).toMatchObject({ kty: "OKP", crv: "Ed25519" });
  });

  it("introspect a worker's token, asked by its app [AW-F29]", async () => {
    const worker = await client.worker(app, { scope: ["read:data:i", "read:data:j"] });
    const ask = async (token: string, as: string) =>
      client.send("POST", "/oauth/introspect", {
        token: as,
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ token }).toString(),
      });
    expect((await ask(worker.token, app.token)).body).toMatchObject({
      active: true,
      sub: worker.agentId,
      scope: "read:data:i read:data:j",
      token_type: "Bearer",
    });
    expect((await ask("a.b.c", app.token)).body).toEqual({ active: false });
    expect((await ask(app.token, worker.token)).status).toBe(403);
    expect((await ask(worker.token, "a.b.c")).status).toBe(401);
    await client.send("POST", "/v1/token/release", { token: worker.token });
    expect((await ask(worker.token, app.token)).body).toEqual({ active: false });
  });
});

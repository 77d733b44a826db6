import { randomHex } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { token } from "../server.fixture.ts";
import { type Served, cleanUp, made, serveProject } from "./project.fixture.ts";

afterEach(cleanUp);

const SECRET = randomHex(32);
const JWT = { JWT_SECRET_KEY: SECRET, JWT_ALGORITHM: "HS256" };
const post = async (served: Served, bearer?: string) => (await served.ask("POST", "/threads", bearer)).status;
const fault = (work: Promise<unknown>) =>
  work.then(
    () => "it started",
    (error: Error) => error.message,
  );

describe("every example of a configuration starts, and enforces its mode [AF-F01]", () => {
  it("no authentication: everybody on this machine", async () => {
    const served = await serveProject({ auth: null });
    expect(await (await served.ask("GET", "/ping")).json()).toBe("pong");
    expect([await post(served), served.auth]).toEqual([200, []]);
  });

  it('"jwt", with the settings of the guide', async () => {
    const served = await serveProject({ auth: "jwt" }, { env: JWT });
    const good = await token({ secret: SECRET });
    expect([await post(served), await post(served, "invalid_token"), await post(served, good)]).toEqual([
      401, 401, 200,
    ]);
    expect(await post(served, await token({ secret: SECRET, expires: 1 }))).toBe(401);
  });

  it.each([
    ["a class", "auth.custom:MyAuthBackend"],
    ["an instance", "auth.custom:instance"],
    ["a function", "./auth/custom.mjs#make"],
  ])("custom: %s", async (_what, path) => {
    const served = await serveProject(
      { auth: { method: "custom", path } },
      { env: { AUTH_NAME: "by-setting" } },
    );
    expect([await post(served), await post(served, "user-ada"), await post(served, "nobody")]).toEqual([
      401, 200, 401,
    ]);
  });

  it("a2a: agents are served to agents who prove who they are, with cards that are signed by one key", async () => {
    const served = await serveProject({ auth: "jwt", a2a: true }, { env: JWT });
    const card = (await (await served.ask("GET", "/.well-known/agent-card.json")).json()) as {
      name: string;
      signatures: { protected: string }[];
    };
    const header = Buffer.from(card.signatures[0]?.protected ?? "", "base64url").toString();
    expect(JSON.parse(header)).toMatchObject({ jku: `${served.url}/.well-known/jwks.json` });
    const keys = await served.ask("GET", "/.well-known/jwks.json");
    expect(JSON.stringify(await keys.json())).toContain((JSON.parse(header) as { kid: string }).kid);
    expect((await served.ask("POST", `/a2a/${card.name}`)).status).toBe(401);
    expect(await fault(serveProject({ auth: null, a2a: true }))).toContain("set `auth`, or `a2a` to false");
  });

  it("a list is tried in its order", async () => {
    const auth = ["jwt", { method: "custom", path: "auth.custom:MyAuthBackend" }];
    const served = await serveProject({ auth }, { env: JWT });
    expect(served.auth).toEqual(["jwt", "names"]);
    const good = await token({ secret: SECRET });
    expect([await post(served, good), await post(served, "user-ada"), await post(served, "x")]).toEqual([
      200, 200, 401,
    ]);
  });

  const custom = { auth: { method: "custom", path: "auth.custom:MyAuthBackend" } };
  it.each([[null], ["ownership"], ["default"]])(
    "authorization %j: a thread is its owner's",
    async (authorization) => {
      const served = await serveProject({ ...custom, authorization });
      const { thread_id: id } = (await (await served.ask("POST", "/threads", "user-ada")).json()) as {
        thread_id: string;
      };
      expect((await served.ask("GET", `/v1/threads/${id}`, "user-ada")).status).toBe(200);
      expect((await served.ask("GET", `/v1/threads/${id}`, "user-ben")).status).toBe(404);
    },
  );

  it.each([["allow_all"], ["none"]])("authorization %j: everybody's", async (authorization) => {
    const served = await serveProject({ ...custom, authorization });
    const { thread_id: id } = (await (await served.ask("POST", "/threads", "user-ada")).json()) as {
      thread_id: string;
    };
    expect((await served.ask("GET", `/v1/threads/${id}`, "user-ben")).status).toBe(200);
  });

  it.each([
    [{ backend: "rbac", roles: { admin: ["*"], user: ["checkpointer:read"] } }],
    [{ type: "role_based", role_scopes: { admin: ["*"] }, default_scopes: ["checkpointer:read"] }],
  ])("authorization by roles: %j", async (authorization) => {
    const served = await serveProject({ ...custom, authorization });
    expect([await post(served, "user-root"), await post(served, "user-ada")]).toEqual([200, 403]);
    expect((await served.ask("GET", "/threads", "user-ada")).status).toBe(200);
  });

  it("authorization by code", async () => {
    const rules = `export const rules = { name: "readers", authorize: ({ scope }) => scope.endsWith(":read") };`;
    const served = await serveProject(
      { ...custom, authorization: "auth.rules:rules" },
      { files: { "auth/rules.js": rules } },
    );
    expect(await post(served, "user-ada")).toBe(403);
    expect((await served.ask("GET", "/threads", "user-ada")).status).toBe(200);
  });

  it("several agents, container, stores by code, settings of files of the environment", async () => {
    const served = await serveProject(
      {
        agent: undefined,
        agents: { support: "./graph/react.mjs", billing: "graph.react:default" },
        auth: null,
        env: "more.env",
        injectq: "./graph/parts.js#container",
        models: { default: "offline" },
      },
      {
        files: {
          "more.env": "COLOUR=blue\nSHAPE=file\n",
          "graph/parts.js": "export const container = { it: 7 };",
        },
        env: { SHAPE: "environment" },
      },
    );
    expect(served.agents).toEqual(["support", "billing"]);
    expect(made.at(-1)).toMatchObject({
      name: "billing",
      model: "offline",
      container: { it: 7 },
      env: { COLOUR: "blue", SHAPE: "environment" },
    });
  });

  it("rate limits by address and by user; what is over says when to come back", async () => {
    const rate = { requests: 2, window: 60, by: ["ip"], exclude_paths: ["/ping"] };
    const served = await serveProject({ auth: null, rate_limit: rate });
    const answers = [await post(served), await post(served), await post(served)];
    expect(answers).toEqual([200, 200, 429]);
    const over = await served.ask("POST", "/threads", undefined, { "x-forwarded-for": "203.0.113.9" });
    expect([
      over.status,
      over.headers.get("x-ratelimit-limit"),
      over.headers.get("x-ratelimit-remaining"),
    ]).toEqual([429, "2", "0"]);
    expect(Number(over.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await served.ask("GET", "/ping")).status).toBe(200);

    const users = await serveProject({ ...custom, rate_limit: { requests: 1, by: "user" } });
    const said = [
      await post(users, "user-ada"),
      await post(users, "user-ada"),
      await post(users, "user-ben"),
    ];
    expect(said).toEqual([200, 429, 200]);
  });

  it("CORS for the origins that are listed", async () => {
    const served = await serveProject({ auth: null, cors: { origins: ["https://app.example"] } });
    const from = async (origin: string) =>
      (await served.ask("GET", "/ping", undefined, { origin })).headers.get("access-control-allow-origin");
    expect([await from("https://app.example"), await from("https://evil.example")]).toEqual([
      "https://app.example",
      null,
    ]);
  });

  it("sockets up to the number that is set", async () => {
    const served = await serveProject({ auth: null, websocket: { max_connections: 1 } });
    const open = async () => {
      const socket = new WebSocket(`${served.url.replace("http", "ws")}/v1/graph/ws`);
      return new Promise<WebSocket | number>((done) => {
        socket.addEventListener("close", ({ code }) => done(code));
        // One that is one too many is closed with a code after its handshake.
        socket.addEventListener("open", () => setTimeout(() => done(socket), 300));
      });
    };
    const first = await open();
    expect(first).toBeInstanceOf(WebSocket);
    expect(await open()).toBe(1013);
    (first as WebSocket).close();
  });

  it('compat "agentflow": the statuses of the original', async () => {
    const served = await serveProject({ ...custom, compat: "agentflow" });
    expect(await post(served)).toBe(403);
  });
});

describe("what stops a start [AF-D01]", () => {
  const custom = (path: string) => ({ auth: { method: "custom", path } });
  it.each([
    [{ auth: "jwt" }, {}, "JWT_SECRET_KEY or JWT_JWKS_URL"],
    [{ auth: "jwt" }, { JWT_SECRET_KEY: "short" }, "32 bytes or more"],
    [{ auth: "no-jwt-please" }, JWT, "no other word exists"],
    [custom("auth.custom:Missing"), {}, "exports no Missing"],
    [custom("auth.custom:broken"), {}, "auth.path: the authenticator was not made: no database"],
    [custom("auth.custom:nothing"), {}, "auth.path: is no authenticator"],
    [custom("auth.custom:nameless"), {}, "auth.path: the authenticator has no `name`"],
    [{ auth: null, agent: "auth.custom:nothing" }, {}, "agent: is no agent"],
    [{ auth: null }, { MODE: "production" }, "MODE is production: anybody could do anything"],
    [{ auth: "jwt" }, { ...JWT, MODE: "production" }, "begins with https://"],
    [
      { auth: "jwt", public_url: "http://agents.example" },
      { ...JWT, MODE: "production" },
      "begins with https://",
    ],
    [{ auth: null }, { MODE: "prod" }, "MODE"],
    [{ auth: null }, { ORIGINS: "*" }, "ORIGINS must be a list of origins"],
    [{ auth: null, rate_limit: { backend: "redis" } }, {}, "needs `redis.url`, or REDIS_URL"],
    [{ auth: null, stores: { conversations: "redis" } }, {}, "needs `redis`, or REDIS_URL"],
    [{ auth: null, observability: { logfire: true } }, {}, "set LOGFIRE_TOKEN"],
    [{ auth: null, observability: { otlp: true } }, {}, "set OTEL_EXPORTER_OTLP_ENDPOINT"],
  ])("%j with %j", async (config, env, says) => {
    expect(await fault(serveProject(config, { env }))).toContain(says);
  });

  it("no authentication beyond this machine, unless it is wished for twice", async () => {
    const env = { PUBLIC_URL: "http://agents.example" };
    const beyond = { host: "0.0.0.0", env };
    const twice = "say it twice";
    expect(await fault(serveProject({ auth: null }, beyond))).toContain(twice);
    expect(await fault(serveProject({ auth: null, allow_anonymous: true }, beyond))).toContain(twice);
    expect(await fault(serveProject({ auth: null }, { ...beyond, allowAnonymous: true }))).toContain(twice);
    const served = await serveProject(
      { auth: null, allow_anonymous: true },
      { ...beyond, allowAnonymous: true },
    );
    expect(await post(served)).toBe(200);
  });

  it("an address beyond this machine without its name", async () => {
    const served = serveProject({ auth: "jwt" }, { env: JWT, host: "0.0.0.0" });
    expect(await fault(served)).toContain("set PUBLIC_URL");
  });
});

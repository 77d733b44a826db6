/** What one server object is made of, what a tool may say of itself, and what a handler is told of its caller. */
import { manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { freshSecret } from "../test/tokens.ts";
import { testAuth, tokenOf } from "../test/world.ts";
import {
  type ClientContext,
  MCPRouter,
  MCPServer,
  type MCPServerOptions,
  TestClient,
  apiKeyAuth,
  hasRole,
  jwtAuth,
  logging,
  memoryAudit,
  publicTool,
  rateLimit,
  requireAuth,
  timeout,
} from "./index.ts";

it("is one object with a name, authentication, tools, resources and prompts, careful unless told otherwise [PR-F01]", async () => {
  expect(() => new MCPServer({ name: "s" } as MCPServerOptions)).toThrow(/no anonymous access/);
  const server = new MCPServer({ name: "shop", version: "2.1.0", instructions: "Be brief.", auth: testAuth });
  server
    .tool("open", { description: "o", effect: "read", guards: [publicTool()] }, () => ({}))
    .tool("closed", { description: "c", effect: "read", guards: [hasRole("admin")] }, () => ({}))
    .resource("terms", { uri: "test://terms", description: "t", guards: [publicTool()] }, () => ({
      text: "t",
    }))
    .prompt("brief", { description: "b", guards: [publicTool()] }, () => "text");
  const client = new TestClient(server, { token: tokenOf("alice") });
  const discovered = await client.request("server/discover");
  expect(discovered).toMatchObject({
    instructions: "Be brief.",
    capabilities: { tools: {}, resources: {}, prompts: {} },
  });
  expect(JSON.stringify(discovered)).toContain('"name":"shop","version":"2.1.0"');
  expect((await client.listTools()).map(({ name }) => name)).toEqual(["open"]);
  for (const method of ["server/discover", "tools/list", "resources/list", "prompts/list", "ping"])
    expect([method, (await new TestClient(server).send(method)).status]).toEqual([method, 401]);
});

it("lets a tool say everything that stands between it and a caller, and shows it [PR-F03]", async () => {
  const server = new MCPServer({ name: "s", auth: testAuth, audit: memoryAudit() });
  server.tool(
    "report",
    {
      title: "Yearly report",
      description: "Sums a year up",
      tags: ["finance", "yearly", "finance"],
      effect: "read",
      input: { year: z.number().int().min(2000).describe("The year") },
      output: z.object({ total: z.number() }),
      guards: [requireAuth(), hasRole("analyst")],
      rateLimit: "100/min",
      timeoutMs: 1_500,
      maxConcurrent: 3,
      cache: { ttlMs: 5_000 },
      reads: "own",
      redact: ["year"],
      hints: { idempotent: true, openWorld: true },
      sends: "owner",
    },
    () => ({ total: 1 }),
  );
  const [listed] = await new TestClient(server, { token: tokenOf("ada+analyst") }).listTools();
  expect(listed).toMatchObject({
    name: "report",
    title: "Yearly report",
    description: "Sums a year up",
    inputSchema: {
      properties: { year: { type: "integer", minimum: 2000, description: "The year" } },
      required: ["year"],
      additionalProperties: false,
    },
    outputSchema: { properties: { total: { type: "number" } } },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    _meta: { "deputize/tags": ["finance", "yearly"] },
  });
  const [{ steps, tags } = { steps: [] as readonly string[], tags: undefined }] = server.explain();
  expect(tags).toEqual(["finance", "yearly"]);
  const text = steps.join("\n");
  for (const part of [
    "100 in 60 s by caller",
    "hasRole(analyst)",
    "timeout 1500 ms",
    "at most 3 at once",
    "5000 ms",
    "trusted",
  ])
    expect(text).toContain(part);
});

it("shows the tags of resources, templates and prompts too, and in the manifest; none where there are none [PR-F03]", async () => {
  const common = { description: "d", guards: [publicTool()], tags: ["legal"] };
  const server = new MCPServer({ name: "s", auth: testAuth, manifest: true });
  server
    .resource("terms", { ...common, uri: "test://terms" }, () => ({ text: "" }))
    .resourceTemplate("law", { ...common, uriTemplate: "law://{paragraph}" }, () => ({ text: "" }))
    .prompt("brief", common, () => "")
    .tool("plain", { description: "d", effect: "read", guards: [publicTool()] }, () => ({}));
  const client = new TestClient(server, { token: tokenOf("alice") });
  for (const kind of ["resources", "resources/templates", "prompts"]) {
    const listed = JSON.stringify(await client.request(`${kind}/list`));
    expect(listed).toContain('"_meta":{"deputize/tags":["legal"]}');
  }
  expect((await client.listTools())[0]).not.toHaveProperty("_meta");
  const [manifest] = (await client.readResource("deputize://manifest")).contents;
  expect(JSON.parse(manifest?.text ?? "")).toMatchObject({
    resources: [{ tags: ["legal"] }, { tags: ["legal"] }],
    prompts: [{ tags: ["legal"] }],
    tools: [{ name: "plain" }],
  });
  const tagged = (tags: unknown) => () =>
    new MCPRouter().prompt("p", { ...common, tags: tags as string[] }, () => "");
  for (const tags of ["legal", [""], ["x".repeat(65)], [7], Array.from({ length: 17 }, String)])
    expect(tagged(tags)).toThrow(/up to 16 tags/);
});

it("prints that a line of the log follows the entry, where there is such a log [PR-F16]", () => {
  const last = (middleware: MCPServerOptions["middleware"] = []) =>
    new MCPServer({ name: "s", auth: testAuth, middleware })
      .tool("t", { description: "t", effect: "read", guards: [publicTool()] }, () => ({}))
      .explain()[0]
      ?.steps.at(-1);
  expect(last()).toBe("audit: one entry, memory");
  expect(last([logging(() => {})])).toBe("audit: one entry, memory; then a line for the server's own log");
});

it("tells a handler who called, from the verified token and the connection, frozen to its leaves [PR-F14] [PR-F30]", async () => {
  const clock = manualClock(Date.UTC(2026, 10, 22));
  const auth = jwtAuth({ secret: freshSecret(), issuer: "https://id.example", audience: "orders", clock });
  const server = new MCPServer({
    name: "s",
    auth,
    clock,
    onAuthenticate: () => ({ plan: { name: "pro" } }),
  });
  let seen: ClientContext | undefined;
  server.tool("who", { description: "w", effect: "read", guards: [requireAuth()] }, (_args, context) => {
    seen = context.client;
    return { same: context.clientId === context.client.clientId };
  });
  const token = await auth.createToken(
    { sub: "ada", client_id: "agent-7", roles: ["analyst"], scope: "read:orders:*", team: ["a"] },
    { expiresIn: 60 },
  );
  const client = new TestClient(server, {
    token,
    headers: { "user-agent": "probe/1", "x-forwarded-for": "203.0.113.9" },
    ipAddress: "192.0.2.7",
  });
  expect((await client.callTool("who")).structuredContent).toEqual({ same: true });
  const nowSeconds = Date.UTC(2026, 10, 22) / 1000;
  expect(seen).toMatchObject({
    clientId: "agent-7",
    subject: expect.stringMatching(/^[0-9a-f-]{36}$/),
    tenant: "default",
    roles: ["analyst"],
    scopes: ["read:orders:*"],
    issuer: "https://id.example",
    audience: ["orders"],
    issuedAt: nowSeconds,
    expiresAt: nowSeconds + 60,
    claims: { sub: "ada", team: ["a"] },
    extra: { plan: { name: "pro" } },
    // A forwarding header can be sent by anybody.
    ipAddress: "192.0.2.7",
    userAgent: "probe/1",
  });
  expect(JSON.stringify(seen)).not.toContain(token);
  const mine = seen as unknown as { roles: string[]; claims: { team: string[] }; extra: { plan: object } };
  expect(() => mine.roles.push("admin")).toThrow(TypeError);
  expect(() => mine.claims.team.push("b")).toThrow(TypeError);
  expect(() => Object.assign(mine.extra.plan, { name: "free" })).toThrow(TypeError);
  expect(() => Object.assign(mine, { subject: "x" })).toThrow(TypeError);
});

describe("an option that there is not", () => {
  const guards = [publicTool()];
  const tool = (options: object) => () =>
    new MCPServer({ name: "s", auth: testAuth }).tool(
      "t",
      { description: "t", guards, ...options } as never,
      () => ({}),
    );
  const declared: readonly [string, () => unknown, RegExp][] = [
    ["roles of a tool", tool({ effect: "read", roles: ["admin"] }), /tool `t` has no option `roles`/],
    ["a name written wrong", tool({ effect: "read", argumentGuard: [] }), /no option `argumentGuard`/],
    ["no effect", tool({}), /tool `t` needs an effect that it can have: read, write, sensitive/],
    ["an effect of another name", tool({ effect: "delete" }), /needs an effect/],
    [
      "of a resource",
      () =>
        new MCPRouter().resource("r", { uri: "a://b", description: "r", effect: "write" } as never, () => ({
          text: "",
        })),
      /resource `r` needs an effect that it can have: read$/,
    ],
    [
      "of a resource without an address",
      () => new MCPRouter().resource("r", { description: "r" } as never, () => ({ text: "" })),
      /resource `r` needs a `uri`/,
    ],
    [
      "of a prompt",
      () => new MCPRouter().prompt("p", { description: "p", input: {} } as never, () => ""),
      /prompt `p` has no option `input`/,
    ],
    ["of a router", () => new MCPRouter({ guard: guards } as never), /MCPRouter has no option `guard`/],
    [
      "of a server",
      () => new MCPServer({ name: "s", auth: testAuth, requireAuth: true } as never),
      /MCPServer has no option `requireAuth`/,
    ],
    [
      "middleware that was not called",
      () => new MCPServer({ name: "s", auth: testAuth }).use(timeout as never),
      /one by one/,
    ],
    [
      "a list of middleware in place of middleware",
      () => new MCPRouter().use([rateLimit({ perSecond: 1 })] as never),
      /one by one/,
    ],
    [
      "middleware that is none",
      () => new MCPServer({ name: "s", auth: testAuth, middleware: [undefined] as never }),
      /one by one/,
    ],
  ];
  it.each(declared)("stops the start, since it would protect nothing: %s [PR-F03]", (_name, declare, why) => {
    expect(declare).toThrow(why);
    expect(declare).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });
});

describe("the request behind a call", () => {
  const key = freshSecret();
  const auth = apiKeyAuth({ keys: { [key]: { clientId: "job" } }, header: "X-Service-Key" });
  const headers = { "x-service-key": key, "accept-language": "de", "x-shop": "berlin" };
  const secretNames = [
    "x-service-key",
    "X-Service-Key",
    "authorization",
    "Cookie",
    "x-api-key",
    "dpop",
    "proxy-authorization",
  ];

  it("is read by its headers, but for those that a credential is in [PR-F15]", async () => {
    const server = new MCPServer({ name: "s", auth });
    server.tool(
      "t",
      { description: "t", effect: "read", guards: [publicTool()] },
      (_args, { header, kind, tool }) => ({
        read: [header("Accept-Language"), header("x-shop"), header("x-none") ?? null],
        secrets: secretNames.map((name) => header(name) ?? null),
        what: [kind, tool],
      }),
    );
    server.prompt(
      "p",
      { description: "p", guards: [publicTool()] },
      (_args, { kind, header }) => `${kind} ${header("x-shop")}`,
    );
    const dpop = { dpop: "proof", "proxy-authorization": "Basic eDp5" };
    const client = new TestClient(server, { headers: { ...headers, ...dpop } });
    const { structuredContent } = await client.callTool("t");
    expect(structuredContent).toEqual({
      read: ["de", "berlin", null],
      secrets: secretNames.map(() => null),
      what: ["tool", "t"],
    });
    expect((await client.getPrompt("p")).messages[0]?.content.text).toBe("prompt berlin");
  });

  it("is in no cached answer: one that rests on a header is not kept [PR-F22]", async () => {
    const server = new MCPServer({ name: "s", auth });
    let runs = 0;
    const cached = {
      description: "t",
      effect: "read",
      guards: [publicTool()],
      cache: { ttlMs: 60_000 },
    } as const;
    server.tool("by_shop", cached, (_args, { header }) => ({ shop: header("x-shop"), runs: ++runs }));
    const answer = async (shop: string) =>
      (await new TestClient(server, { headers: { ...headers, "x-shop": shop } }).callTool("by_shop"))
        .structuredContent;
    expect(await answer("berlin")).toEqual({ shop: "berlin", runs: 1 });
    expect(await answer("paris")).toEqual({ shop: "paris", runs: 2 });
  });
});

it("is not mounted in another server, which would pass over its guards and its log [PR-F02]", () => {
  const inner = new MCPServer({ name: "inner", auth: testAuth, guards: [hasRole("admin")] });
  inner.tool("t", { description: "t", effect: "read", guards: [publicTool()] }, () => ({}));
  expect(() => new MCPServer({ name: "s", auth: testAuth }).mount(inner)).toThrow(
    /`inner` is a server; mount an MCPRouter/,
  );
});

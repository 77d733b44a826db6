/** The order of a request, step by step, without a database. */
import { DeputizeError } from "@deputize/core";
import { openTestEphemeral } from "@deputize/store/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { clientOf, testAuth, tokenOf } from "../test/world.ts";
import {
  type Authenticator,
  META,
  MCPRouter,
  MCPServer,
  type MCPServerOptions,
  TestClient,
  type ToolCallResult,
  aroundHandler,
  contentResult,
  guard,
  hasRole,
  hasScope,
  logging,
  memoryAudit,
  publicTool,
  rateLimit,
  requireAuth,
} from "./index.ts";

let audit = memoryAudit();
let ran: string[] = [];

beforeEach(() => {
  audit = memoryAudit();
  ran = [];
});

function makeServer(options: Partial<MCPServerOptions> = {}): MCPServer {
  const server = new MCPServer({ name: "s", auth: testAuth, audit, ...options });
  server.tool(
    "report",
    {
      description: "For analysts",
      effect: "read",
      guards: [hasRole("analyst")],
      input: { year: z.number() },
      argumentGuards: [{ name: "not 1999", check: ({ args }) => args.year !== 1999, refusal: "forbidden" }],
    },
    ({ year }, context) => {
      ran.push(`report ${year}`);
      return { year, client: context.clientId };
    },
  );
  server.resource(
    "secret",
    { uri: "test://secret", description: "For analysts", guards: [hasRole("analyst")] },
    () => {
      ran.push("secret");
      return { text: "secret" };
    },
  );
  server.prompt(
    "brief",
    {
      description: "For analysts",
      guards: [hasRole("analyst")],
      complete: { topic: () => ["q1"] },
      arguments: { topic: z.string() },
    },
    ({ topic }) => {
      ran.push("brief");
      return `About ${topic}`;
    },
  );
  return server;
}

const codeOf = (result: ToolCallResult) =>
  (result.structuredContent?.["error"] as { code: string } | undefined)?.code;
const withoutIds = (text: string) =>
  text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<id>").replaceAll(/"id":\d+/g, '"id":0');

describe("authenticate first", () => {
  it("answers strangers 401 with the metadata's address, before any look at the arguments [PR-D06]", async () => {
    const response = await new TestClient(makeServer()).send("tools/call", {
      name: "report",
      arguments: { nonsense: 1 },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer resource_metadata="http://localhost/.well-known/oauth-protected-resource/mcp"',
    );
    expect(await response.text()).not.toMatch(/year|nonsense/);
    expect(ran).toEqual([]);
  });

  it("says invalid_token for a bad token, and not what is wrong with it", async () => {
    const response = await new TestClient(makeServer(), { token: tokenOf("???") }).send("tools/list");
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(
      /^Bearer error="invalid_token", error_description="[^"]+", resource_metadata=/,
    );
  });

  it("publishes the metadata that the challenge names", async () => {
    const auth: Authenticator = { ...testAuth, authorizationServers: ["https://id.example"] };
    const server = makeServer({ auth, url: "https://shop.example/mcp/orders" });
    const response = await server.fetch(
      new Request("https://shop.example/.well-known/oauth-protected-resource/mcp/orders"),
    );
    expect(await response.json()).toMatchObject({
      resource: "https://shop.example/mcp/orders",
      authorization_servers: ["https://id.example"],
    });
  });

  it("refuses when enrichment fails, and shows what it found otherwise [PR-D18] [PR-F10]", async () => {
    const call = { name: "report", arguments: { year: 2026 } };
    for (const onAuthenticate of [
      () => Promise.reject(new Error("down")),
      () => {
        throw new Error("down");
      },
      () => ({ cannot: () => "be copied" }),
    ]) {
      const failing = makeServer({ onAuthenticate });
      const response = await clientOf(failing, "alice+analyst").send("tools/call", call);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain('error="invalid_token"');
      expect(await response.text()).not.toContain("down");
    }
    expect(ran).toEqual([]);
    const server = makeServer({ onAuthenticate: () => ({ plan: "pro" }) });
    const premium = guard({ name: "premium", check: ({ client }) => client.extra["plan"] === "pro" });
    server.tool("plan", { description: "Plan", effect: "read", guards: [premium] }, (_args, { client }) => ({
      plan: client.extra["plan"],
      frozen: Object.isFrozen(client.extra),
    }));
    expect((await clientOf(server, "alice").callTool("plan")).structuredContent).toEqual({
      plan: "pro",
      frozen: true,
    });
  });

  it("counts strangers instead of logging each one, and slows them down [SR-19]", async () => {
    const server = makeServer({ ephemeral: await openTestEphemeral() });
    const address = `192.0.2.${Math.ceil(performance.now()) % 250}`;
    const statuses = new Set<number>();
    for (let i = 0; i < 70; i += 1)
      statuses.add(
        (await new TestClient(server, { token: "x", ipAddress: address }).send("tools/list")).status,
      );
    expect([...statuses]).toEqual([401, 429]);
    expect(audit.entries).toHaveLength(0);
    await server.close();
    expect(audit.entries).toMatchObject([{ action: "refusals.counted", detail: { total: 70 } }]);
  });

  it.each([
    ["a foreign Host", { host: "evil.example" }],
    ["a foreign Origin", { origin: "https://evil.example" }],
    ["the null Origin", { origin: "null" }],
  ])("refuses %s [SR-26]", async (_name, headers) => {
    const response = await new TestClient(makeServer(), {
      token: tokenOf("alice+analyst"),
      headers: headers as Record<string, string>,
    }).send("tools/list");
    expect(response.status).toBe(403);
  });

  it("refuses a body past its limit without parsing it", async () => {
    const server = makeServer({ maxBodyBytes: 1000 });
    expect(
      (
        await clientOf(server, "alice+analyst").send("tools/call", {
          name: "report",
          arguments: { year: "x".repeat(2000) },
        })
      ).status,
    ).toBe(413);
  });
});

describe("find among what the caller may see", () => {
  it("lists only what the caller may use [PR-F26]", async () => {
    const server = makeServer();
    expect((await clientOf(server, "alice+analyst").listTools()).map((t) => t.name)).toEqual(["report"]);
    expect(await clientOf(server, "alice").listTools()).toEqual([]);
    expect(await clientOf(server, "alice").request("resources/list")).toMatchObject({ resources: [] });
    expect(await clientOf(server, "alice").request("prompts/list")).toMatchObject({ prompts: [] });
  });

  it("answers unknown and forbidden byte for byte alike [PR-D11]", async () => {
    const client = clientOf(makeServer(), "alice");
    const bytes = async (method: string, params: Record<string, unknown>) => {
      const response = await client.send(method, params);
      return withoutIds(`${response.status} ${await response.text()}`);
    };
    expect(await bytes("tools/call", { name: "report", arguments: { year: 1 } })).toBe(
      await bytes("tools/call", { name: "nope" }),
    );
    expect(await bytes("prompts/get", { name: "brief" })).toBe(await bytes("prompts/get", { name: "nope" }));
    const ref = (name: string) => ({
      ref: { type: "ref/prompt", name },
      argument: { name: "topic", value: "" },
    });
    expect(await bytes("completion/complete", ref("brief"))).toBe(
      await bytes("completion/complete", ref("nope")),
    );
    const forbidden = await bytes("resources/read", { uri: "test://secret" });
    expect(forbidden).toBe(
      (await bytes("resources/read", { uri: "test://absent" })).replaceAll("absent", "secret"),
    );
    expect(ran).toEqual([]);
  });

  it("tells the log what it does not tell the caller", async () => {
    await clientOf(makeServer(), "alice")
      .callTool("report", { year: 1 })
      .catch(() => undefined);
    expect(audit.entries).toMatchObject([
      { outcome: "refused", reason: "forbidden", detail: { guard: "hasRole(analyst)" } },
    ]);
  });

  it("says why where a server shows everything, with the guard's own text [PR-F13]", async () => {
    const server = makeServer({ hideUnauthorized: false });
    expect((await clientOf(server, "alice").listTools()).map((t) => t.name)).toEqual(["report"]);
    const refused = await clientOf(server, "alice").callTool("report", { year: 1 });
    expect(codeOf(refused)).toBe("forbidden");
    expect(refused.content[0]?.text).toBe("`report` needs one of these roles: analyst");
  });

  it("asks for scopes within reach by 403, and hides what is out of reach [SR-26]", async () => {
    const server = makeServer({ stepUp: () => ["read:orders:*"] });
    server.tool(
      "orders",
      { description: "o", effect: "read", guards: [hasScope("read:orders:*")] },
      () => ({}),
    );
    server.tool(
      "refunds",
      { description: "r", effect: "read", guards: [hasScope("refund:orders:*")] },
      () => ({}),
    );
    const within = await clientOf(server, "alice").send("tools/call", { name: "orders" });
    expect(within.status).toBe(403);
    expect(within.headers.get("www-authenticate")).toContain(
      'error="insufficient_scope", scope="read:orders:*"',
    );
    expect((await clientOf(server, "alice").send("tools/call", { name: "refunds" })).status).toBe(200);
    await expect(clientOf(server, "alice").callTool("refunds")).rejects.toMatchObject({ code: -32602 });
  });
});

describe("then validate, then argument policy, then the handler", () => {
  it("refuses unknown arguments and wrong types, and does not run", async () => {
    const client = clientOf(makeServer(), "alice+analyst");
    for (const args of [{}, { year: "1" }, { year: 1, extra: true }]) {
      expect(codeOf(await client.callTool("report", args))).toBe("validation_failed");
    }
    const hidden = JSON.parse('{"year":1,"__proto__":{"x":1}}') as Record<string, unknown>;
    expect((await client.send("tools/call", { name: "report", arguments: hidden })).status).toBe(400);
    expect(ran).toEqual([]);
  });

  it("asks argument guards after validation and before the handler", async () => {
    const client = clientOf(makeServer(), "alice+analyst");
    expect(codeOf(await client.callTool("report", { year: 1999 }))).toBe("forbidden");
    expect(ran).toEqual([]);
    expect((await client.callTool("report", { year: 2026 })).structuredContent).toEqual({
      year: 2026,
      client: "test-client",
    });
  });

  it("hides what a handler throws, but shows our own errors", async () => {
    const server = makeServer();
    server.tool("leaky", { description: "l", effect: "read", guards: [publicTool()] }, () => {
      throw new Error("connect postgres://user:hunter2@db");
    });
    server.tool("clear", { description: "c", effect: "read", guards: [publicTool()] }, () => {
      throw new DeputizeError("conflict", "the order has shipped");
    });
    const leaky = await clientOf(server, "alice").callTool("leaky");
    expect(codeOf(leaky)).toBe("internal");
    expect(JSON.stringify(leaky)).not.toContain("hunter2");
    expect(codeOf(await clientOf(server, "alice").callTool("clear"))).toBe("conflict");
  });

  it("holds answers to their declared shape and size, and drops what was not declared", async () => {
    const server = makeServer({ maxResultBytes: 2000 });
    const guards = [publicTool()];
    server.tool(
      "narrow",
      { description: "n", effect: "read", guards, output: z.object({ name: z.string() }) },
      () => ({ name: "a", password_hash: "x" }) as { name: string },
    );
    server.tool(
      "wrong",
      { description: "w", effect: "read", guards, output: z.object({ name: z.string() }) },
      () => ({ name: 1 }) as unknown as { name: string },
    );
    server.tool("huge", { description: "h", effect: "read", guards }, () => ({ text: "x".repeat(5000) }));
    server.tool("array", { description: "a", effect: "read", guards }, () => [1]);
    const client = clientOf(server, "alice");
    expect((await client.callTool("narrow")).structuredContent).toEqual({ name: "a" });
    expect(codeOf(await client.callTool("wrong"))).toBe("internal");
    expect(codeOf(await client.callTool("huge"))).toBe("limit_exceeded");
    expect(codeOf(await client.callTool("array"))).toBe("internal");
  });

  it("labels answers untrusted unless the tool reads only the caller's own values [SR-07]", async () => {
    const server = makeServer();
    const guards = [publicTool()];
    for (const reads of ["own", "mixed", "public-untrusted", undefined] as const) {
      server.tool(
        `r_${reads?.slice(0, 3) ?? "none"}`,
        { description: "r", effect: "read", guards, ...(reads && { reads }) },
        () => ({}),
      );
    }
    server.tool("look_alike", { description: "r", effect: "read", guards }, () => ({
      content: [{ type: "text", text: "forged" }],
      isError: true,
    }));
    server.tool("blocks", { description: "r", effect: "read", guards }, () =>
      contentResult({ content: [{ type: "text", text: "real" }] }),
    );
    const client = clientOf(server, "alice");
    const label = async (name: string) => (await client.callTool(name))._meta?.[META.label];
    expect(await label("r_own")).toMatchObject({ integrity: "trusted", source: "s/r_own" });
    expect(await label("r_mix")).toMatchObject({ integrity: "untrusted" });
    expect(await label("r_pub")).toMatchObject({ integrity: "untrusted", readers: "public" });
    expect(await label("r_none")).toMatchObject({ integrity: "untrusted" });
    expect((await client.callTool("look_alike")).isError).toBeUndefined();
    expect((await client.callTool("blocks")).content).toEqual([{ type: "text", text: "real" }]);
  });

  it("ends a handler at its time, and tells it so [PR-F17]", async () => {
    const server = makeServer();
    let aborted = false;
    server.tool(
      "slow",
      { description: "s", effect: "read", guards: [publicTool()], timeoutMs: 50 },
      async (_args, { signal }) => {
        signal.addEventListener("abort", () => (aborted = true));
        await new Promise((resolve) => setTimeout(resolve, 200));
        return {};
      },
    );
    expect(codeOf(await clientOf(server, "alice").callTool("slow"))).toBe("timeout");
    expect(aborted).toBe(true);
  });
});

describe("audit is outermost", () => {
  it("leaves exactly one entry for each outcome, and none for lists [PR-D07]", async () => {
    const server = makeServer();
    const client = clientOf(server, "alice+analyst");
    await client.listTools();
    expect(audit.entries).toHaveLength(0);
    await client.callTool("report", { year: 2026 });
    await client.callTool("report", { year: "bad" });
    await client.callTool("report", { year: 1999 });
    await client.callTool("unknown").catch(() => undefined);
    await clientOf(server, "alice")
      .callTool("report", { year: 1 })
      .catch(() => undefined);
    await client.readResource("test://secret");
    await client.getPrompt("brief", { topic: "q" });
    await client.request("completion/complete", {
      ref: { type: "ref/prompt", name: "brief" },
      argument: { name: "topic", value: "" },
    });
    await client.send("tools/call", { name: 7 });
    expect(audit.entries.map((e) => [e.action, e.outcome, e.reason])).toEqual([
      ["tool.call", "allowed", undefined],
      ["tool.call", "refused", "validation_failed"],
      ["tool.call", "refused", "forbidden"],
      ["tool.call", "refused", "not_found"],
      ["tool.call", "refused", "forbidden"],
      ["resource.read", "allowed", undefined],
      ["prompt.get", "allowed", undefined],
      ["completion.get", "allowed", undefined],
      ["mcp.request", "refused", "invalid_request"],
    ]);
  });

  it("leaves one entry when the protocol layer refuses an admitted call", async () => {
    const client = new TestClient(makeServer(), {
      token: tokenOf("alice+analyst"),
      headers: { "mcp-method": "prompts/get" },
    });
    expect((await client.send("tools/call", { name: "report", arguments: { year: 1 } })).status).toBe(400);
    expect(ran).toEqual([]);
    expect(audit.entries).toMatchObject([{ outcome: "refused", reason: "invalid_request" }]);
  });

  it("withholds an answer whose entry cannot be written [PR-D20]", async () => {
    const server = makeServer({
      audit: { record: audit.record, append: () => Promise.reject(new Error("disk full")) },
    });
    const result = await clientOf(server, "alice+analyst").callTool("report", { year: 2026 });
    expect(codeOf(result)).toBe("audit_unavailable");
    expect(result.structuredContent).not.toHaveProperty("year");
  });

  it("says who asked, who acted, and what, without secrets [PR-D22]", async () => {
    const server = makeServer();
    server.tool(
      "login",
      {
        description: "l",
        effect: "read",
        guards: [publicTool()],
        redact: ["note"],
        input: { password: z.string(), note: z.string(), city: z.string() },
      },
      () => ({}),
    );
    const result = await clientOf(server, "alice@helper").callTool("login", {
      password: "hunter2",
      note: "private",
      city: "Rome",
    });
    const [entry] = audit.entries;
    expect(entry).toMatchObject({
      id: result._meta?.[META.entryId],
      resource: "s/login",
      args: { password: "[redacted]", note: "[redacted]", city: "Rome" },
    });
    expect(entry?.actors).toHaveLength(1);
    expect(entry?.subject).not.toBe(entry?.actors?.[0]);
    expect(JSON.stringify(entry)).not.toMatch(/hunter2|private/);
  });

  it("makes its own request id and keeps the client's apart [PR-D10]", async () => {
    const client = new TestClient(makeServer(), {
      token: tokenOf("alice+analyst"),
      headers: { "x-request-id": "mine" },
    });
    await client.callTool("report", { year: 1 });
    await client.callTool("report", { year: 2 });
    const ids = audit.entries.map((e) => e.requestId);
    expect(new Set(ids).size).toBe(2);
    expect(ids).not.toContain("mine");
    expect(audit.entries[0]?.detail).toMatchObject({ client_request_id: "mine" });
  });
});

describe("when the client goes away", () => {
  it("aborts the handler and still leaves its one entry [SR-16]", async () => {
    const server = makeServer();
    const aborted = Promise.withResolvers<void>();
    server.tool(
      "long",
      { description: "l", effect: "read", guards: [publicTool()] },
      async (_args, { signal }) => {
        signal.addEventListener("abort", () => aborted.resolve());
        await aborted.promise;
        return {};
      },
    );
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 50);
    await clientOf(server, "alice")
      .send("tools/call", { name: "long" }, { signal: leaving.signal })
      .catch(() => undefined);
    await aborted.promise;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(audit.entries).toMatchObject([{ outcome: "failed", reason: "timeout" }]);
  });
});

describe("limits, routers, middleware", () => {
  it("limits each caller and each tool on its own [PR-F18]", async () => {
    const server = makeServer({ ephemeral: await openTestEphemeral(), name: `s${performance.now()}` });
    server.use(rateLimit({ perMinute: 5 }));
    server.tool(
      "rare",
      { description: "r", effect: "read", guards: [publicTool()], rateLimit: "1/min" },
      () => ({}),
    );
    const alice = clientOf(server, "alice");
    expect((await alice.send("tools/call", { name: "rare" })).status).toBe(200);
    const limited = await alice.send("tools/call", { name: "rare" });
    expect(limited.status).toBe(429);
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await clientOf(server, "bob").send("tools/call", { name: "rare" })).status).toBe(200);
    for (let i = 0; i < 3; i += 1) expect((await alice.send("tools/list")).status).toBe(200);
    expect((await alice.send("tools/list")).status).toBe(429);
  });

  it("mounts routers in routers: prefixes join, guards add up [PR-F02]", async () => {
    const inner = new MCPRouter({ prefix: "refunds", guards: [hasScope("refund:orders:*")] });
    inner.tool("list", { description: "l", effect: "read" }, () => ({ ok: true }));
    const outer = new MCPRouter({ prefix: "billing", guards: [hasRole("support")] }).mount(inner);
    const server = makeServer().mount(outer);
    const both = clientOf(server, "alice+support/refund:orders:*");
    expect((await both.listTools()).map((t) => t.name)).toEqual(["billing_refunds_list"]);
    expect((await both.callTool("billing_refunds_list")).structuredContent).toEqual({ ok: true });
    for (const spec of ["alice+support", "alice/refund:orders:*"])
      expect(await clientOf(server, spec).listTools()).toEqual([]);
    expect(() => inner.tool("late", { description: "l", effect: "read" }, () => ({}))).toThrow(
      /before mounting/,
    );
  });

  it("runs middleware around the handler only, after every check [PR-F16]", async () => {
    const lines: unknown[] = [];
    const server = makeServer();
    server.use(
      aroundHandler("trace", async (call, next) => {
        ran.push(`before ${call.name}`);
        return next();
      }),
      logging((line) => lines.push([line.name, line.outcome, line.code])),
    );
    const client = clientOf(server, "alice+analyst");
    await client.callTool("report", { year: 1999 });
    expect(ran).toEqual([]);
    await client.callTool("report", { year: 1 });
    expect(ran).toEqual(["before report", "report 1"]);
    expect(lines).toEqual([
      ["report", "refused", "forbidden"],
      ["report", "allowed", undefined],
    ]);
  });

  it("keeps session state apart by subject and conversation [PR-D24] [PR-F33]", async () => {
    const server = makeServer();
    server.tool(
      "count",
      { description: "c", effect: "read", guards: [requireAuth()] },
      async (_args, { session }) => {
        const count = (await session.get("count", 0)) + 1;
        await session.set("count", count);
        return { count };
      },
    );
    server.tool(
      "fill",
      { description: "f", effect: "read", guards: [requireAuth()] },
      async (_args, { session }) => {
        await session.set("big", "x".repeat(70_000));
        return {};
      },
    );
    const count = async (spec: string, conversation: string) =>
      (await clientOf(server, spec).callTool("count", {}, { [META.conversationId]: conversation }))
        .structuredContent?.["count"];
    expect(await count("alice", "c1")).toBe(1);
    expect(await count("alice", "c1")).toBe(2);
    expect(await count("bob", "c1")).toBe(1);
    expect(await count("alice", "c2")).toBe(1);
    expect(codeOf(await clientOf(server, "alice").callTool("fill"))).toBe("limit_exceeded");
  });

  it("explains the order of checks of each tool", () => {
    const [tool] = makeServer().explain();
    expect(tool?.steps.map((step) => step.split(":")[0])).toEqual([
      "authenticate",
      "rate limit",
      "find",
      "guards",
      "validate input",
      "argument policy",
      "information flow",
      "approval",
      "cache",
      "handler",
      "answer",
      "audit",
    ]);
  });
});

describe("mistakes throw at start-up", () => {
  const server = () => new MCPServer({ name: "s", auth: testAuth });
  const guards = [publicTool()];

  it("refuses a tool without a guard [PR-D09]", () => {
    expect(() => server().tool("open", { description: "o", effect: "read" }, () => ({}))).toThrow(/no guard/);
    const router = new MCPRouter().tool("open", { description: "o", effect: "read" }, () => ({}));
    expect(() => server().mount(router)).toThrow(/no guard/);
    expect(() => server().resource("r", { uri: "test://r", description: "r" }, () => ({ text: "" }))).toThrow(
      /no guard/,
    );
  });

  it("refuses an effect without a store, a log, or somebody to ask [PR-F27]", () => {
    expect(() => server().tool("w", { description: "w", effect: "write", guards }, () => ({}))).toThrow(
      /store/,
    );
    const store = {} as NonNullable<MCPServerOptions["store"]>;
    const writing = new MCPServer({ name: "s", auth: testAuth, store, audit });
    expect(() => writing.tool("w", { description: "w", effect: "write", guards }, () => ({}))).toThrow(
      /approvals/,
    );
    expect(() =>
      writing.tool("w", { description: "w", effect: "write", guards, approval: { exempt: " " } }, () => ({})),
    ).toThrow(/reason/);
    expect(() => writing.tool("s", { description: "s", effect: "sensitive", guards }, () => ({}))).toThrow(
      /preview/,
    );
  });

  it("refuses names that a model provider would not take, and names taken twice", () => {
    expect(() =>
      server().tool("get order", { description: "o", effect: "read", guards }, () => ({})),
    ).toThrow(/letters, digits/);
    const one = server().tool("a", { description: "a", effect: "read", guards }, () => ({}));
    expect(() => one.tool("a", { description: "a", effect: "read", guards }, () => ({}))).toThrow(
      /two tools/,
    );
  });
});

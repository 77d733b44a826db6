import { manualClock, randomHex } from "@deputize/core";
import { openEphemeral } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { describe, expect, it } from "vitest";
import { authWith, smallServer } from "../../test/servers.ts";
import { clientOf } from "../../test/world.ts";
import { MCPRouter, type MCPServer, type Middleware, TestClient, publicTool, rateLimit } from "../index.ts";

const open = { description: "o", effect: "read", guards: [publicTool()] } as const;
const status = async (server: MCPServer, spec: string, name = "a") =>
  (await clientOf(server, spec).send("tools/call", { name })).status;

async function limited(...middleware: Middleware[]): Promise<MCPServer> {
  const { server } = smallServer({ name: randomHex(6), ephemeral: await openTestEphemeral() });
  server.use(...middleware);
  return server.tool("a", open, () => ({})).tool("b", open, () => ({}));
}

describe("rateLimit", () => {
  it("is one limit for two instances that share a store [PR-D19] [PR-F18]", async () => {
    const shared = { name: randomHex(6), ephemeral: await openTestEphemeral() };
    const [one, two] = [smallServer(shared).server, smallServer(shared).server].map((server) =>
      server.use(rateLimit({ perMinute: 2 })).tool("a", open, () => ({})),
    ) as [MCPServer, MCPServer];
    expect([await status(one, "alice"), await status(two, "alice"), await status(one, "alice")]).toEqual([
      200, 200, 429,
    ]);
    expect(await status(two, "alice")).toBe(429);
    expect(await status(two, "bob")).toBe(200);
  });

  it("keys strangers by their address, so one of them does not shut out the others [PR-D19]", async () => {
    const shared = { name: randomHex(6), ephemeral: await openTestEphemeral() };
    const [one, two] = [smallServer(shared).server, smallServer(shared).server];
    const knock = async (server: MCPServer, ipAddress: string) =>
      (await new TestClient(server, { token: "x", ipAddress }).send("tools/list")).status;
    for (let i = 0; i < 35; i += 1) {
      await knock(one, "192.0.2.1");
      await knock(two, "192.0.2.1");
    }
    expect([await knock(one, "192.0.2.1"), await knock(two, "192.0.2.1")]).toEqual([429, 429]);
    expect([await knock(one, "192.0.2.2"), await knock(two, "192.0.2.2")]).toEqual([401, 401]);
  });

  it("counts by tool: everybody together, each tool by itself", async () => {
    const server = await limited(rateLimit({ perMinute: 1, by: "tool" }));
    expect([
      await status(server, "alice"),
      await status(server, "bob"),
      await status(server, "bob", "b"),
    ]).toEqual([200, 429, 200]);
  });

  it("counts by caller and tool", async () => {
    const server = await limited(rateLimit({ perMinute: 1, perTool: true }));
    expect([
      await status(server, "alice"),
      await status(server, "alice"),
      await status(server, "alice", "b"),
    ]).toEqual([200, 429, 200]);
    expect(await status(server, "bob")).toBe(200);
  });

  it("counts by tenant: all of its callers together", async () => {
    const auth = authWith(({ roles }) => ({ tenant: roles[0] ?? "none" }));
    const { server } = smallServer({ auth, name: randomHex(6), ephemeral: await openTestEphemeral() });
    server.use(rateLimit({ perMinute: 2, by: "tenant" })).tool("a", open, () => ({}));
    expect([await status(server, "alice+acme"), await status(server, "bob+acme")]).toEqual([200, 200]);
    expect(await status(server, "carol+acme")).toBe(429);
    expect(await status(server, "alice+globex")).toBe(200);
  });

  it("counts a router's tools together, and not those beside it", async () => {
    const { server } = smallServer({ name: randomHex(6), ephemeral: await openTestEphemeral() });
    const router = new MCPRouter({ prefix: "r", middleware: [rateLimit({ perMinute: 1 })] });
    router.tool("a", open, () => ({})).tool("b", open, () => ({}));
    server.mount(router).tool("free", open, () => ({}));
    expect([await status(server, "alice", "r_a"), await status(server, "alice", "r_b")]).toEqual([200, 429]);
    expect(await status(server, "alice", "free")).toBe(200);
  });

  it("lets a burst through, and says when to come back [PR-F18]", async () => {
    const clock = manualClock(Date.UTC(2026, 10, 22));
    const { server, audit } = smallServer({ clock, ephemeral: await openEphemeral({ clock }) });
    server.use(rateLimit({ perSecond: 1, burst: 3 })).tool("a", open, () => ({}));
    const all = [];
    for (let i = 0; i < 4; i += 1) all.push(await status(server, "alice"));
    expect(all).toEqual([200, 200, 200, 429]);
    const refused = await clientOf(server, "alice").send("tools/call", { name: "a" });
    expect(refused.headers.get("retry-after")).toBe("1");
    clock.advance(1000);
    expect([await status(server, "alice"), await status(server, "alice")]).toEqual([200, 429]);
    expect(audit.entries.filter((entry) => entry.reason === "rate_limited")).toHaveLength(3);
  });

  it.each([
    {},
    { perSecond: 0 },
    { perSecond: 1, perMinute: 5 },
    { perMinute: 1.5 },
    { perHour: 1, burst: 0 },
  ])("refuses %j at start-up", (options) => {
    expect(() => rateLimit(options)).toThrow(/rate limit/);
  });
});

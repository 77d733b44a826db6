import { manualClock, randomHex } from "@deputize/core";
import { type Ephemeral, openEphemeral } from "@deputize/store";
import { openTestEphemeral } from "@deputize/store/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { authWith, errorOf, smallServer } from "../../test/servers.ts";
import { clientOf, testAuth } from "../../test/world.ts";
import type { CommonOptions } from "../options.ts";
import {
  META,
  type MCPServerOptions,
  type ToolContext,
  contentResult,
  hasRole,
  publicTool,
} from "../index.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const STATE_KEY = "a-key-of-thirty-two-bytes-or-more!!";

/** A server with one cached tool that counts how often it really ran. */
async function world(options: Partial<MCPServerOptions> = {}, tool: Partial<CommonOptions> = {}) {
  const ephemeral = options.ephemeral ?? (await openTestEphemeral());
  const { server, audit } = smallServer({ name: randomHex(6), clock, ephemeral, ...options });
  const state = { runs: 0, inside: async (_context: ToolContext): Promise<void> => {} };
  server.tool(
    "report",
    {
      description: "r",
      effect: "read",
      guards: [publicTool()],
      input: { year: z.number().default(1), who: z.string().optional() },
      cache: { ttlMs: 60_000 },
      ...tool,
    },
    async (args, context) => {
      await state.inside(context as ToolContext);
      state.runs += 1;
      return { run: state.runs, year: args.year };
    },
  );
  const ask = async (spec: string, args: Record<string, unknown> = {}) =>
    (await clientOf(server, spec).callTool("report", args)).structuredContent?.["run"];
  return { server, audit, state, ask };
}

describe("the result cache", () => {
  it("answers the same question of the same caller, with its label and an entry of its own [PR-F22]", async () => {
    const { server, audit, ask } = await world({}, { reads: "own" });
    const first = await clientOf(server, "alice").callTool("report", { year: 2 });
    const second = await clientOf(server, "alice").callTool("report", { year: 2 });
    expect(second.structuredContent).toEqual(first.structuredContent);
    expect(second._meta?.[META.label]).toEqual(first._meta?.[META.label]);
    expect(second._meta?.[META.entryId]).not.toBe(first._meta?.[META.entryId]);
    expect(audit.entries.map((entry) => [entry.outcome, entry.detail?.["cached"]])).toEqual([
      ["allowed", undefined],
      ["allowed", true],
    ]);
    expect(await ask("alice", { year: 1 })).toBe(2);
    expect(await ask("alice")).toBe(2);
  });

  it("shares nothing between callers, and forgets after its time", async () => {
    const { ask } = await world();
    expect([await ask("alice"), await ask("bob"), await ask("alice@helper"), await ask("alice")]).toEqual([
      1, 2, 3, 1,
    ]);
  });

  it("forgets after its time", async () => {
    const { ask } = await world({ ephemeral: await openEphemeral({ clock }) });
    expect([await ask("alice"), await ask("alice")]).toEqual([1, 1]);
    clock.advance(60_000);
    expect(await ask("alice")).toBe(2);
  });

  it("never answers before guards: a role that was revoked is denied, warm cache or not [PR-D08]", async () => {
    const { server, ask, state } = await world({}, { guards: [hasRole("analyst")] });
    expect([await ask("alice+analyst"), await ask("alice+analyst")]).toEqual([1, 1]);
    await expect(clientOf(server, "alice").callTool("report")).rejects.toMatchObject({ code: -32602 });
    expect(state.runs).toBe(1);
  });

  it.each<[string, Parameters<typeof authWith>[0]]>([
    ["a role", () => ({ roles: ["extra"] })],
    ["a scope", () => ({ scopes: ["read:x:*"] })],
    ["a grant", () => ({ grants: ["00000000-0000-4000-8000-000000000001" as never] })],
    ["a tenant", () => ({ tenant: "globex" })],
    ["a client", () => ({ clientId: "other" })],
    ["a constraint", () => ({ constraints: { c: { tool: "other", argument: "a", max: 1 } } })],
  ])("misses when %s differs [PR-D08]", async (_name, change) => {
    let changed = false;
    const auth = authWith((caller) => (changed ? change(caller) : {}));
    const { ask } = await world({ auth });
    expect([await ask("alice"), await ask("alice")]).toEqual([1, 1]);
    changed = true;
    expect(await ask("alice")).toBe(2);
    changed = false;
    expect(await ask("alice")).toBe(1);
  });

  it("misses when what the server knows about the caller differs", async () => {
    let plan = "free";
    const { ask } = await world({ onAuthenticate: () => ({ plan }) });
    expect([await ask("alice"), await ask("alice")]).toEqual([1, 1]);
    plan = "pro";
    expect(await ask("alice")).toBe(2);
  });

  it("comes after argument policy and validation", async () => {
    const { server, ask, state } = await world();
    await ask("alice");
    expect(errorOf(await clientOf(server, "alice").callTool("report", { year: "x" }))?.code).toBe(
      "validation_failed",
    );
    const limited = authWith(() => ({ constraints: { y: { tool: "report", argument: "year", max: 0 } } }));
    const shared = await world({ auth: limited });
    expect(errorOf(await clientOf(shared.server, "alice").callTool("report"))?.code).toBe("forbidden");
    expect([state.runs, shared.state.runs]).toEqual([1, 0]);
  });

  it("keeps nothing that rests on an open case, on session state, or on a refusal", async () => {
    const { ask, state, server } = await world();
    const about = "00000000-0000-4000-8000-000000000001" as never;
    state.inside = async (context) => context.caseUsed({ id: "c", purpose: "p", about });
    expect([await ask("alice"), await ask("alice")]).toEqual([1, 2]);
    state.inside = async (context) => void (await context.session.get("x"));
    expect([await ask("alice"), await ask("alice")]).toEqual([3, 4]);
    state.inside = () => Promise.reject(new Error("down"));
    expect(errorOf(await clientOf(server, "alice").callTool("report"))?.code).toBe("internal");
    state.inside = async () => {};
    expect([await ask("alice"), await ask("alice")]).toEqual([5, 5]);
  });

  it("is one for all callers of a tenant where a tool says that its answers are public", async () => {
    const { ask } = await world({}, { reads: "public-untrusted", cache: { ttlMs: 60_000, scope: "public" } });
    expect([await ask("alice"), await ask("bob")]).toEqual([1, 1]);
  });

  it("is shared by replicas over one store, and forgotten on all of them together", async () => {
    const shared = { name: randomHex(6), ephemeral: await openTestEphemeral(), stateKey: STATE_KEY };
    const [one, two] = [await world(shared), await world(shared)];
    expect(await one.ask("alice")).toBe(1);
    const seen = await two.ask("alice");
    expect(two.state.runs).toBe(shared.ephemeral.kind === "redis" ? 0 : 1);
    expect(seen).toBe(1);
    await one.server.forgetResults();
    one.state.runs = 10;
    two.state.runs = 20;
    expect([await one.ask("alice"), await two.ask("bob")]).toEqual([11, 21]);
  });

  it("believes nothing that another wrote into the shared store", async () => {
    const honest = await openEphemeral({ clock });
    const written = new Map<string, string>();
    const poisoned: Ephemeral = {
      ...honest,
      kind: "redis",
      set: async (key, value) => void written.set(key, value),
      get: async (key) => written.get(key)?.replace('"run":1', '"run":666'),
    };
    const { ask } = await world({ ephemeral: poisoned });
    expect([await ask("alice"), await ask("alice")]).toEqual([1, 2]);
  });

  it("asks the tool while the store is away", async () => {
    const gone = () => Promise.reject(new Error("gone"));
    const ephemeral: Ephemeral = { ...(await openEphemeral({ clock })), kind: "redis", get: gone, set: gone };
    const { ask } = await world({ ephemeral });
    expect([await ask("alice"), await ask("alice")]).toEqual([1, 2]);
  });

  it("keeps blocks and resources too", async () => {
    const { server } = await world();
    const options = { description: "c", guards: [publicTool()], cache: { ttlMs: 1000 } } as const;
    let runs = 0;
    server.tool("blocks", { ...options, effect: "read" }, () =>
      contentResult({ content: [{ type: "text", text: `run ${(runs += 1)}` }] }),
    );
    server.resource("r", { ...options, uri: "test://r" }, () => ({ text: `run ${(runs += 1)}` }));
    const client = clientOf(server, "alice");
    for (let i = 0; i < 2; i += 1) {
      expect((await client.callTool("blocks")).content).toEqual([{ type: "text", text: "run 1" }]);
      expect((await client.readResource("test://r")).contents[0]?.text).toBe("run 2");
    }
  });

  it("is refused at start-up for effects, for long, and for sharing what is not public", async () => {
    const { server } = smallServer({ auth: testAuth });
    const declare = (options: object) => () =>
      server.tool("x", { description: "x", effect: "read", guards: [publicTool()], ...options }, () => ({}));
    expect(declare({ effect: "write", cache: { ttlMs: 1 } })).toThrow(/effect/);
    expect(declare({ cache: { ttlMs: 3_600_001 } })).toThrow(/hour/);
    expect(declare({ cache: { ttlMs: 1, scope: "public" } })).toThrow(/public-untrusted/);
  });
});

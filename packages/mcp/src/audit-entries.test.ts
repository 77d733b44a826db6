/** One entry for each request, whatever became of it, and what stands in it. */
import { DeputizeError, manualClock, randomHex } from "@deputize/core";
import { openEphemeral } from "@deputize/store";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { digestOf } from "./approval.ts";
import { authWith, errorOf, smallServer } from "../test/servers.ts";
import { clientOf, tokenOf } from "../test/world.ts";
import {
  META,
  TestClient,
  circuitBreaker,
  concurrency,
  guard,
  hasRole,
  outputLimit,
  provide,
  publicTool,
} from "./index.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const N = 3;

async function world() {
  const { server, audit } = smallServer({ clock, ephemeral: await openEphemeral({ clock }) });
  const open = { description: "o", effect: "read", guards: [publicTool()] } as const;
  const broken = guard({
    name: "broken",
    check: () => {
      throw new Error("no database");
    },
  });
  const failing = provide("failing", () => Promise.reject(new Error("down")));
  const gate = Promise.withResolvers<object>();
  const never = new Promise<object>(() => {});
  server
    .tool("ok", { ...open, input: { n: z.number().optional() } }, () => ({}))
    .tool("staff", { ...open, guards: [hasRole("staff")] }, () => ({}))
    .tool("broken", { ...open, guards: [broken] }, () => ({}))
    .tool("policy", { ...open, argumentGuards: [{ name: "no", check: () => false }] }, () => ({}))
    .tool("inject", { ...open, inject: [failing] }, () => ({}))
    .tool("late", { ...open, timeoutMs: 20 }, () => never)
    .tool("throws", open, () => {
      throw new Error("bug");
    })
    .tool("refuses", open, () => {
      throw new DeputizeError("conflict", "no");
    })
    .tool("shape", { ...open, output: z.object({ a: z.string() }) }, () => ({ a: 1 }) as never)
    .tool("cached", { ...open, cache: { ttlMs: 60_000 } }, () => ({}))
    .tool("limited", { ...open, rateLimit: "1/h" }, () => ({}))
    .tool("held", { ...open, maxConcurrent: 1 }, () => gate.promise);
  return { server, audit, gate };
}

describe("one entry for each request [PR-D07]", () => {
  it.each<[string, string, Record<string, unknown>, string, string | undefined]>([
    ["allowed", "ok", {}, "allowed", undefined],
    ["unknown tool", "nope", {}, "refused", "not_found"],
    ["forbidden tool", "staff", {}, "refused", "forbidden"],
    ["a guard that throws", "broken", {}, "refused", "forbidden"],
    ["bad arguments", "ok", { n: "1" }, "refused", "validation_failed"],
    ["argument policy", "policy", {}, "refused", "not_found"],
    ["a dependency that fails", "inject", {}, "failed", "internal"],
    ["a timeout", "late", {}, "failed", "timeout"],
    ["a handler that throws", "throws", {}, "failed", "internal"],
    ["a handler that refuses", "refuses", {}, "refused", "conflict"],
    ["an answer of another shape", "shape", {}, "failed", "internal"],
  ])("%s: N requests, N entries", async (_name, tool, args, outcome, reason) => {
    const { server, audit } = await world();
    for (let i = 0; i < N; i += 1)
      await clientOf(server, "alice")
        .callTool(tool, args)
        .catch(() => undefined);
    expect(audit.entries.map((entry) => [entry.outcome, entry.reason])).toEqual(
      Array.from({ length: N }, () => [outcome, reason]),
    );
    expect(new Set(audit.entries.map((entry) => entry.requestId)).size).toBe(N);
  });

  it("cache hits, limits, busy tools and open circuits too", async () => {
    const { server, audit, gate } = await world();
    const call = (name: string) =>
      clientOf(server, "alice")
        .callTool(name)
        .catch(() => undefined);
    const taken = () => {
      const list = audit.entries.map((entry) => [entry.outcome, entry.reason]);
      (audit.entries as unknown[]).length = 0;
      return list;
    };
    const many = async (name: string) => {
      for (let i = 0; i < N; i += 1) await call(name);
      return taken();
    };
    const allowed = ["allowed", undefined];
    const limited = ["refused", "rate_limited"];
    expect(await many("cached")).toEqual([allowed, allowed, allowed]);
    expect(await many("limited")).toEqual([allowed, limited, limited]);
    const holding = call("held");
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await many("held")).toEqual([limited, limited, limited]);
    gate.resolve({});
    await holding;
    taken();
    server.use(circuitBreaker({ failures: 1 }), concurrency({ max: 9 }), outputLimit({ maxBytes: 1 }));
    expect(await many("throws")).toEqual([
      ["failed", "internal"],
      ["failed", "unavailable"],
      ["failed", "unavailable"],
    ]);
    expect(await many("ok")).toEqual(Array.from({ length: N }, () => ["refused", "limit_exceeded"]));
  });

  it("waits for its sink, and answers nothing when the sink fails, refusals included [PR-D20]", async () => {
    const broken = { append: () => Promise.reject(new Error("disk full")), record: () => Promise.reject() };
    const { server } = smallServer({ audit: broken as never });
    let runs = 0;
    const options = { description: "r", effect: "read", guards: [publicTool()] } as const;
    server.tool("read", { ...options, cache: { ttlMs: 1000 } }, () => ({ secret: (runs += 1) }));
    const client = clientOf(server, "alice");
    for (let i = 0; i < 2; i += 1) {
      const result = await client.callTool("read");
      expect(errorOf(result)?.code).toBe("audit_unavailable");
      expect(result.structuredContent).not.toHaveProperty("secret");
    }
    expect(runs).toBe(2);
    expect((await client.send("tools/call", { name: "nope" })).status).toBe(503);
  });
});

describe("what an entry holds [PR-D22]", () => {
  const secretPin = { pin: "0042", city: "Rome" };

  async function entryOf(stateKey: string, spec = "alice@helper") {
    const { server, audit } = smallServer({ stateKey });
    server.tool(
      "pay",
      {
        description: "p",
        effect: "read",
        guards: [publicTool()],
        input: { pin: z.string(), city: z.string() },
      },
      () => ({}),
    );
    await clientOf(server, spec).callTool("pay", secretPin, { [META.conversationId]: "talk-7" });
    return audit.entries[0];
  }

  it("says who asked, who acted, in which session, past which guards, with masked arguments", async () => {
    const entry = await entryOf(randomHex(16));
    expect(entry).toMatchObject({
      outcome: "allowed",
      resource: "s/pay",
      args: { pin: "[redacted]", city: "Rome" },
      detail: { guards: ["publicTool"], session: "talk-7", client_id: "test-client", effect: "read" },
    });
    expect(entry?.subject).not.toBe(entry?.actors?.[0]);
    expect(JSON.stringify(entry)).not.toContain("0042");
  });

  it("names the guard that refused", async () => {
    const { server, audit } = smallServer();
    server.tool(
      "x",
      { description: "x", effect: "read", guards: [publicTool(), hasRole("staff")] },
      () => ({}),
    );
    await clientOf(server, "alice")
      .callTool("x")
      .catch(() => undefined);
    expect(audit.entries[0]?.detail).toMatchObject({ guard: "hasRole(staff)" });
  });

  it("keys the digest of the arguments: equal under one key, and not to be found by trying [SR-24]", async () => {
    const key = randomHex(16);
    const digest = async (of: string) => (await entryOf(of))?.detail?.["args_digest"];
    expect(await digest(key)).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest(key)).toBe(await digest(key));
    expect(await digest(key)).not.toBe(await digest(randomHex(16)));
    expect(await digest(key)).not.toBe(digestOf(secretPin));
  });

  it("keeps its own request id when two requests bring the same one [PR-D10]", async () => {
    const { server, audit } = smallServer();
    server.tool("ok", { description: "o", effect: "read", guards: [publicTool()] }, (_args, context) => ({
      id: context.requestId,
    }));
    const client = new TestClient(server, { token: tokenOf("alice"), headers: { "x-request-id": "theirs" } });
    const answers = [await client.callTool("ok"), await client.callTool("ok")];
    const ids = audit.entries.map((entry) => entry.requestId);
    expect(answers.map((answer) => answer.structuredContent?.["id"])).toEqual(ids);
    expect(new Set(ids).size).toBe(2);
    expect(audit.entries.map((entry) => entry.detail?.["client_request_id"])).toEqual(["theirs", "theirs"]);
  });
});

describe("constraints of the caller's grant", () => {
  it("refuse a call past them before its handler, with an entry that says why", async () => {
    const constraints = { small: { tool: "refund", argument: "amount", max: 100 } };
    const { server, audit } = smallServer({ auth: authWith(() => ({ constraints })) });
    const did: number[] = [];
    server.tool(
      "refund",
      { description: "r", effect: "read", guards: [publicTool()], input: { amount: z.number() } },
      ({ amount }) => ({ refunded: did.push(amount) }),
    );
    const client = clientOf(server, "alice");
    expect(errorOf(await client.callTool("refund", { amount: 101 }))).toMatchObject({
      code: "forbidden",
      detail: { constraint: "small", argument: "amount" },
    });
    expect(errorOf(await client.callTool("refund", { amount: 100 }))).toBeUndefined();
    expect(did).toEqual([100]);
    expect(audit.entries.map((entry) => [entry.outcome, entry.reason])).toEqual([
      ["refused", "forbidden"],
      ["allowed", undefined],
    ]);
  });

  it("of a kind that is not known refuse everything", async () => {
    const auth = authWith(() => ({ constraints: { when: { weekday: "monday" } } }));
    const { server } = smallServer({ auth });
    server.tool("any", { description: "a", effect: "read", guards: [publicTool()] }, () => ({}));
    expect(errorOf(await clientOf(server, "alice").callTool("any"))?.code).toBe("forbidden");
  });
});

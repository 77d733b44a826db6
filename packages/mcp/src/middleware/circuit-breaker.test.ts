import { DeputizeError, manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { errorOf, smallServer } from "../../test/servers.ts";
import { clientOf } from "../../test/world.ts";
import { type CircuitBreakerOptions, circuitBreaker, publicTool } from "../index.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const open = { description: "o", effect: "read", guards: [publicTool()] } as const;

/** A server whose tool does what the test says. */
function world(options: CircuitBreakerOptions = {}) {
  const { server, audit } = smallServer({ clock });
  const upstream = { answer: async (): Promise<object> => ({}), calls: 0 };
  server.use(circuitBreaker({ failures: 3, resetMs: 10_000, ...options }));
  const tool = (name: string) =>
    server.tool(name, { ...open, input: { id: z.string().optional() }, timeoutMs: 40 }, () => {
      upstream.calls += 1;
      return upstream.answer();
    });
  tool("a");
  tool("b");
  const call = async (name = "a", args: Record<string, unknown> = {}) =>
    errorOf(await clientOf(server, "alice").callTool(name, args))?.code;
  return { server, audit, upstream, call };
}
const down = () => Promise.reject(new Error("ECONNREFUSED 10.0.0.1"));
const times = async (count: number, work: () => Promise<unknown>) => {
  const all = [];
  for (let i = 0; i < count; i += 1) all.push(await work());
  return all;
};

describe("circuitBreaker", () => {
  it("opens after failures in a row, and then asks the upstream nothing [PR-F20]", async () => {
    const { upstream, call, audit, server } = world();
    upstream.answer = down;
    expect(await times(3, call)).toEqual(["internal", "internal", "internal"]);
    const refused = errorOf(await clientOf(server, "alice").callTool("a"));
    expect(refused).toMatchObject({
      code: "unavailable",
      retry_after_seconds: 10,
      detail: { circuit: "open" },
    });
    expect(upstream.calls).toBe(3);
    expect(audit.entries).toHaveLength(4);
    expect(audit.entries.at(-1)).toMatchObject({ outcome: "failed", reason: "unavailable" });
    expect(await call("b")).toBe("internal");
  });

  it("counts upstream failures only: no refusal, no bad argument, no client that left [PR-F20]", async () => {
    const { upstream, call, server } = world();
    upstream.answer = () => Promise.reject(new DeputizeError("conflict", "has shipped"));
    expect(await times(5, call)).toEqual(Array.from({ length: 5 }, () => "conflict"));
    expect(await times(5, () => call("a", { id: 7 }))).toEqual(
      Array.from({ length: 5 }, () => "validation_failed"),
    );
    upstream.answer = () => new Promise((resolve) => setTimeout(() => resolve({}), 35));
    await times(5, async () => {
      const leaving = new AbortController();
      const sent = clientOf(server, "alice").send("tools/call", { name: "a" }, { signal: leaving.signal });
      setTimeout(() => leaving.abort(), 10);
      await sent.catch(() => undefined);
    });
    upstream.answer = async () => ({});
    expect(await call()).toBeUndefined();
  });

  it("counts a timeout, also of a handler that never comes back [PR-F20]", async () => {
    const { upstream, call } = world();
    upstream.answer = () => new Promise(() => {});
    expect(await times(4, call)).toEqual(["timeout", "timeout", "timeout", "unavailable"]);
  });

  it("starts counting anew after a success", async () => {
    const { upstream, call } = world();
    upstream.answer = down;
    await times(2, call);
    upstream.answer = async () => ({});
    await call();
    upstream.answer = down;
    expect(await times(3, call)).toEqual(["internal", "internal", "internal"]);
  });

  it("lets one call try after its time, closes on success and opens again on failure [PR-F20]", async () => {
    const { upstream, call } = world();
    upstream.answer = down;
    await times(3, call);
    clock.advance(10_000);
    const gate = Promise.withResolvers<object>();
    const asked = Promise.withResolvers<void>();
    upstream.answer = () => {
      asked.resolve();
      return gate.promise;
    };
    const probe = call();
    await asked.promise;
    expect(await call()).toBe("unavailable");
    gate.reject(new Error("still down"));
    expect(await probe).toBe("internal");
    expect(await call()).toBe("unavailable");
    clock.advance(10_000);
    upstream.answer = async () => ({});
    expect(await times(3, call)).toEqual([undefined, undefined, undefined]);
  });

  it("lets the next one try when the first try said nothing about the upstream", async () => {
    const { upstream, call } = world();
    upstream.answer = down;
    await times(3, call);
    clock.advance(10_000);
    upstream.answer = () => Promise.reject(new DeputizeError("not_found", "no such order"));
    expect(await call()).toBe("not_found");
    upstream.answer = async () => ({});
    expect(await times(2, call)).toEqual([undefined, undefined]);
  });

  it("is one circuit for all tools where they share an upstream", async () => {
    const { upstream, call } = world({ perTool: false });
    upstream.answer = down;
    await times(3, call);
    expect(await call("b")).toBe("unavailable");
  });

  it("refuses numbers that are none at start-up", () => {
    expect(() => circuitBreaker({ failures: 0 })).toThrow(/circuit/);
  });
});

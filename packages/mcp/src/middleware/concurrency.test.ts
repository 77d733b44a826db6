import { describe, expect, it } from "vitest";
import { errorOf, smallServer } from "../../test/servers.ts";
import { clientOf } from "../../test/world.ts";
import { type MCPServer, concurrency, publicTool, timeout } from "../index.ts";

const open = { description: "o", effect: "read", guards: [publicTool()] } as const;
const call = (server: MCPServer, name: string) => clientOf(server, "alice").callTool(name);

/** Tools that run until they are let go. */
function held(server: MCPServer, ...names: string[]) {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const started: (() => void)[] = [];
  for (const name of names)
    server.tool(name, open, async () => {
      running += 1;
      for (const tell of started) tell();
      await gate.promise;
      return {};
    });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => running >= count && resolve();
      started.push(look);
      look();
    });
  return { letGo: gate.resolve, until };
}

describe("concurrency", () => {
  it("refuses at once past the limits, in total and by tool, and frees places again [PR-F19]", async () => {
    const { server, audit } = smallServer();
    server.use(concurrency({ max: 3, perTool: 2 }));
    const { letGo, until } = held(server, "a", "b", "c");
    const running = [call(server, "a"), call(server, "a")];
    await until(2);
    expect(errorOf(await call(server, "a"))).toMatchObject({
      code: "rate_limited",
      retry_after_seconds: 1,
      detail: { limit: "concurrency" },
    });
    running.push(call(server, "b"));
    await until(3);
    expect(errorOf(await call(server, "c"))?.code).toBe("rate_limited");
    letGo();
    for (const result of await Promise.all(running)) expect(errorOf(result)).toBeUndefined();
    expect(errorOf(await call(server, "c"))).toBeUndefined();
    expect(audit.entries.map((entry) => entry.outcome)).toEqual([
      "refused",
      "refused",
      "allowed",
      "allowed",
      "allowed",
      "allowed",
    ]);
  });

  it("bounds one tool by its own option [PR-F19]", async () => {
    const { server } = smallServer();
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    server.tool("one", { ...open, maxConcurrent: 1 }, async () => {
      begun.resolve();
      await gate.promise;
      return {};
    });
    const first = call(server, "one");
    await begun.promise;
    expect(errorOf(await call(server, "one"))?.code).toBe("rate_limited");
    gate.resolve();
    await first;
    expect(errorOf(await call(server, "one"))).toBeUndefined();
  });

  it("keeps the place of a handler that ignores its timeout until it really comes back", async () => {
    const { server } = smallServer();
    server.use(concurrency({ max: 1 }), timeout({ defaultMs: 30 }));
    const { letGo } = held(server, "a");
    expect(errorOf(await call(server, "a"))?.code).toBe("timeout");
    expect(errorOf(await call(server, "a"))?.code).toBe("rate_limited");
    letGo();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(errorOf(await call(server, "a"))).toBeUndefined();
  });

  it.each([{}, { max: 0 }, { perTool: 1.5 }])("refuses %j at start-up", (options) => {
    expect(() => concurrency(options)).toThrow(/concurrency/);
  });
});

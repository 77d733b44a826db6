import { joinLabels } from "@deputize/guardrails/flow";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { alice, bob } from "../agent.fixture.ts";
import { mem0Provider } from "./mem0-provider.ts";
import { MEM0_KEY, type Mem0Server, mem0Server } from "./mem0-server.fixture.ts";
import { memoryProviderContract } from "./memory-provider.contract.ts";

const REMOTE = { integrity: "untrusted", readers: "public", source: "memory service" } as const;

memoryProviderContract(
  "mem0",
  async (clock) => {
    const server = await mem0Server(() => clock.nowMs());
    const open = () => mem0Provider({ url: server.url, apiKey: MEM0_KEY, timeoutMs: 30_000, clock });
    return { provider: open(), another: async () => open(), close: () => server.close() };
  },
  (label) => joinLabels(label, REMOTE),
);

// A service that mixes people up must not matter.
memoryProviderContract(
  "mem0 that sends everybody's",
  async (clock) => {
    const server = await mem0Server(() => clock.nowMs());
    server.leaky = true;
    const open = () => mem0Provider({ url: server.url, apiKey: MEM0_KEY, timeoutMs: 30_000, clock });
    return { provider: open(), close: () => server.close() };
  },
  (label) => joinLabels(label, REMOTE),
);

describe("a memory service", () => {
  let server: Mem0Server;
  const open = (timeoutMs = 30_000) => mem0Provider({ url: server.url, apiKey: MEM0_KEY, timeoutMs });
  const query = { limit: 5, minScore: 0 };
  beforeEach(async () => {
    server = await mem0Server();
  });
  afterEach(() => server?.close());

  it("learns no name, and keeps texts as they are [PR-D40]", async () => {
    await open().add(alice, { text: "I like tea" });
    const [sent] = server.seen;
    const body = JSON.parse(sent?.body ?? "{}") as Record<string, unknown>;
    expect(sent).toMatchObject({ method: "POST", path: "/v3/memories/add/" });
    expect(body).toMatchObject({ infer: false, messages: [{ role: "user", content: "I like tea" }] });
    expect(body["user_id"]).toMatch(/^[0-9a-f]{64}$/);
    await open().add({ ...alice, tenant: "other" }, { text: "x" });
    expect(new Set([...server.kept.values()].map(({ user_id }) => user_id)).size).toBe(2);
  });

  it("may take a memory in later, and name none at once", async () => {
    server.later = true;
    expect(await open().add(alice, { text: "I like tea" })).toEqual({});
  });

  it("cannot make its texts trusted [SR-07]", async () => {
    const { id = "" } = await open().add(alice, { text: "I like tea" });
    const kept = server.kept.get(id);
    if (kept)
      kept.metadata = {
        deputize: { act: "explicit", label: { integrity: "trusted", readers: "public", source: "" } },
      };
    expect((await open().get(alice, id)).label.integrity).toBe("untrusted");
    if (kept) kept.metadata = null;
    expect((await open().get(alice, id)).label).toMatchObject({ integrity: "untrusted", readers: [] });
  });

  it.each([
    ["refuses the key", 401, "{}"],
    ["fails", 500, "<html>"],
    ["answers nonsense", 200, "nonsense"],
    ["answers another shape", 200, '{"memories": []}'],
    ["leads elsewhere", 302, ""],
  ])("is away when it %s, and its words are not passed on", async (_, status, text) => {
    server.answer = (_request, response) => {
      response.writeHead(status, { location: "http://127.0.0.1:9/" });
      response.end(text);
    };
    const failed = open().search(alice, "tea", query);
    await expect(failed).rejects.toMatchObject({
      code: "unavailable",
      message: "memories could not be read or stored; try again shortly",
    });
  });

  it("is given up when it takes too long", async () => {
    server.answer = () => {};
    await expect(open(50).search(alice, "tea", query)).rejects.toMatchObject({ code: "timeout" });
  });

  it("is not believed that it removed what it still sends", async () => {
    await open().add(alice, { text: "I like tea" });
    const deleting = server.kept.delete;
    server.kept.delete = () => true;
    await expect(open().eraseOwner(alice)).rejects.toMatchObject({ code: "unavailable" });
    server.kept.delete = deleting;
    expect(await open().eraseOwner(alice)).toBe(1);
  });

  it("cannot hold an erasure or an export for ever with pages that do not end [PR-D30]", async () => {
    let pages = 0;
    server.answer = (_request, response) => {
      pages += 1;
      // Lets go in the end, so that the test fails instead of hanging.
      const next = pages < 500 ? "http://local/again" : null;
      const user_id = /"user_id":"([^"]+)"/.exec(server.seen.at(-1)?.body ?? "")?.[1];
      response.end(JSON.stringify({ results: [{ id: "same", memory: "I like tea", user_id }], next }));
    };
    await expect(open().eraseOwner(alice)).rejects.toMatchObject({ code: "unavailable" });
    const exported = async () => {
      for await (const _ of open().exportOwner(alice)) continue;
    };
    await expect(exported()).rejects.toMatchObject({ code: "unavailable" });
    expect(pages).toBeLessThan(10);
  });

  it("gets no id that leads to another path", async () => {
    for (const id of ["..", "../users", "a/b", "", "a?b=c"])
      await expect(open().delete(bob, id)).rejects.toMatchObject({ code: "not_found" });
    expect(server.seen).toEqual([]);
  });

  it.each(["http://api.mem0.ai", "nonsense", "ftp://localhost"])("is not asked at %s", (url) => {
    expect(() => mem0Provider({ url, apiKey: "k" })).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });
});

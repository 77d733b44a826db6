import { InMemoryProvider } from "@deputize/agent";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Running, startServer, testAgent } from "../server.fixture.ts";

interface Kept {
  readonly data: { readonly memory_id: string };
}

describe("memories over HTTP", () => {
  let server: Running;
  beforeAll(async () => {
    server = await startServer({ agents: [await testAgent(undefined, { memory: new InMemoryProvider() })] });
  });
  afterAll(() => server.stop());
  const post = (path: string, as: string, body: unknown, method = "POST") =>
    server.ask(path, { method, as, body });
  async function keep(as: string, content: string): Promise<string> {
    const answer = await post("/v1/store/memories", as, {
      content,
      memory_type: "episodic",
      category: "general",
    });
    expect(answer.status).toBe(201);
    return ((await answer.json()) as Kept).data.memory_id;
  }
  const contents = async (as: string): Promise<string[]> => {
    const { data } = (await (await post("/v1/store/memories/list", as, {})).json()) as {
      data: { memories: { content: string }[] };
    };
    return data.memories.map(({ content }) => content);
  };

  it("keeps, finds, reads, corrects and forgets", async () => {
    const id = await keep("ada", "I like green tea");
    await keep("ada", "My cat is called Miso");
    const found = (await (
      await post("/v1/store/search", "ada", { query: "green tea", limit: 1 })
    ).json()) as {
      data: { results: { memory_id: string; score: number }[] };
    };
    expect(found.data.results).toMatchObject([{ memory_id: id, score: expect.any(Number) }]);
    const path = `/v1/store/memories/${id}`;
    expect(await (await server.ask(path, { as: "ada" })).json()).toMatchObject({
      data: { content: "I like green tea" },
    });
    expect((await post(path, "ada", {})).status).toBe(200);
    expect((await post(path, "ada", { content: "I like black tea" }, "PUT")).status).toBe(200);
    expect(await contents("ada")).toEqual(["My cat is called Miso", "I like black tea"]);
    expect((await server.ask(path, { method: "DELETE", as: "ada" })).status).toBe(200);
    expect((await server.ask(path, { as: "ada" })).status).toBe(404);
  });

  it("[AF-D12] reaches list and forget, beside the route with an id", async () => {
    const id = await keep("carol", "one");
    await keep("carol", "two");
    expect(await contents("carol")).toEqual(["two", "one"]);
    const one = await post("/v1/store/memories/forget", "carol", { memory_id: id });
    expect(await one.json()).toMatchObject({ data: { forgotten: 1 } });
    const all = await post("/v1/store/memories/forget", "carol", { all: true });
    expect(await all.json()).toMatchObject({ data: { forgotten: 1 } });
    expect((await post("/v1/store/memories/forget", "carol", {})).status).toBe(422);
  });

  it("[AF-F08] lets nobody see, correct or forget another's", async () => {
    const id = await keep("dora", "mine alone");
    const path = `/v1/store/memories/${id}`;
    for (const answer of [
      await server.ask(path, { as: "eve" }),
      await post(path, "eve", { content: "hers" }, "PUT"),
      await server.ask(path, { method: "DELETE", as: "eve" }),
      await post("/v1/store/memories/forget", "eve", { memory_id: id }),
    ])
      expect(answer.status).toBe(404);
    await post("/v1/store/memories/forget", "eve", { all: true });
    expect(await (await post("/v1/store/search", "eve", { query: "mine alone" })).json()).toMatchObject({
      data: { results: [] },
    });
    expect(await contents("dora")).toEqual(["mine alone"]);
  });

  it("is 503 where no agent keeps memories", async () => {
    const without = await startServer();
    const answer = await without.ask("/v1/store/memories/list", { method: "POST", as: "ada" });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([503, "STORAGE_000"]);
    await without.stop();
  });
});

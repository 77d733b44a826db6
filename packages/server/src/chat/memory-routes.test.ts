import { InMemoryProvider } from "@deputize/agent";
import { documentedPath, problemHandler } from "@deputize/client";
import { withCaller } from "@deputize/core";
import { UNKNOWN_LABEL } from "@deputize/guardrails/flow";
import { Hono } from "hono";
import { beforeEach, describe, expect, it } from "vitest";
import { testCaller } from "../testing.ts";
import { MEMORY_ROUTES, memoryRoutes } from "./memory-routes.ts";
import { MemoryAnswer, MemoryList } from "./schemas.ts";

const alice = testCaller("alice");
let provider: InMemoryProvider;
beforeEach(() => {
  provider = new InMemoryProvider();
});

/** The routes as `name` has them, or as nobody. */
function asked(name: string | undefined, path: string, init?: RequestInit): Promise<Response> {
  const app = new Hono();
  problemHandler(app);
  if (name !== undefined) app.use((_c, next) => withCaller(testCaller(name), next));
  app.route("/api", memoryRoutes({ provider }));
  return Promise.resolve(app.request(`/api/memories${path}`, init));
}

const patch = (body: unknown): RequestInit => ({
  method: "PATCH",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

describe("/api/memories", () => {
  it("shows a person what is remembered of them, by pages, without labels", async () => {
    const origin = { act: "turn", agent: "support", conversation: "c", run: "r" } as const;
    await provider.add(alice, { text: "I like tea", label: UNKNOWN_LABEL, origin, ttlMs: 60_000 });
    await provider.add(testCaller("bob"), { text: "I like coffee" });
    const list = MemoryList.parse(await (await asked("alice", "")).json());
    expect(list.memories).toMatchObject([
      { text: "I like tea", act: "turn", agent: "support", conversation_id: "c", shared: false },
    ]);
    await provider.add(alice, { text: "I like cake" });
    const first = MemoryList.parse(await (await asked("alice", "?limit=1")).json());
    expect(first.memories).toHaveLength(1);
    const rest = MemoryList.parse(await (await asked("alice", `?limit=1&cursor=${first.next}`)).json());
    expect(rest.next).toBeUndefined();
    for (const query of ["?limit=0", "?limit=101", "?owner=bob"])
      expect((await asked("alice", query)).status).toBe(422);
  });

  it("corrects and removes one of the person's own, and of nobody else's [PR-D40]", async () => {
    const { id } = await provider.add(alice, { text: "I like tea" });
    for (const init of [patch({ text: "x" }), { method: "DELETE" }]) {
      const response = await asked("bob", `/${id}`, init);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ detail: "there is no such memory" });
    }
    for (const body of [{}, { text: " " }, { text: "x".repeat(4_001) }, { text: "x", label: "trusted" }])
      expect((await asked("alice", `/${id}`, patch(body))).status).toBe(422);
    const corrected = await asked("alice", `/${id}`, patch({ text: "I like coffee" }));
    expect(MemoryAnswer.parse(await corrected.json()).text).toBe("I like coffee");
    expect((await asked("alice", `/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await asked("alice", `/${id}`, { method: "DELETE" })).status).toBe(404);
  });

  it("is for nobody who is not signed in, and documented as it is", async () => {
    expect((await asked(undefined, "")).status).toBe(401);
    const served = memoryRoutes({ provider }).routes.map(
      ({ method, path }) => `${method} /api${documentedPath(path)}`,
    );
    expect(MEMORY_ROUTES.map(({ method, path }) => `${method} ${path}`)).toEqual(served);
  });
});

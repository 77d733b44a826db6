import { type ConversationStore, InMemoryConversationStore } from "@deputize/agent";
import { DeputizeError, isDeputizeError } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { type Running, startServer, testAgent, token } from "../server.fixture.ts";
import {
  type AuthorizationBackend,
  type AuthorizationSetting,
  authorizationOf,
  covers,
} from "./authorization.ts";

const running: Running[] = [];
async function start(options: Parameters<typeof startServer>[0]): Promise<Running> {
  const server = await startServer(options);
  running.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});
const codeOf = async (answer: Response): Promise<[number, string]> => [
  answer.status,
  ((await answer.json()) as { code: string }).code,
];

describe("authorization", () => {
  it("[AF-F07] gives a role its scopes, its wildcards, and others the default ones", async () => {
    expect([covers(["*"], "a:b"), covers(["a:*"], "a:b"), covers(["a:b"], "a:b")]).toEqual([
      true,
      true,
      true,
    ]);
    expect([covers([], "a:b"), covers(["a:c", "ab:*"], "a:b")]).toEqual([false, false]);
    const server = await start({
      authorization: {
        type: "role_based",
        role_scopes: { editor: ["checkpointer:*"], reader: ["checkpointer:read"] },
        default_scopes: ["config:read"],
      },
    });
    const status = async (path: string, method: string, roles?: readonly string[], scope?: string) =>
      (
        await server.ask(path, {
          method,
          bearer: await token({ ...(roles && { roles }), ...(scope !== undefined && { scope }) }),
        })
      ).status;
    expect(await status("/threads", "GET", ["reader"])).toBe(200);
    expect(await status("/threads", "POST", ["reader"])).toBe(403);
    expect(await status("/threads", "POST", ["reader", "editor"])).toBe(200);
    expect(await status("/v1/config/multimodal", "GET", ["reader"])).toBe(403);
    expect(await status("/v1/config/multimodal", "GET", ["unknown"])).toBe(200);
    expect(await status("/threads", "GET", ["unknown"])).toBe(403);
    // A credential reaches no further than its own scopes; those of OpenID Connect say nothing of this server.
    expect(await status("/threads", "POST", ["editor"], "checkpointer:read")).toBe(403);
    expect(await status("/threads", "POST", ["editor"], "openid profile")).toBe(200);
  });

  it("says what is wrong with a setting", () => {
    for (const setting of [
      "everybody",
      { roles: { a: ["*"] } },
      { backend: "rbac" },
      { backend: "rbac", type: "rbac", roles: {} },
      { backend: "abac", roles: {} },
      { backend: "rbac", roles: { a: ["graph invoke"] } },
      { backend: "rbac", roles: {}, isolation: "some" },
      { backend: "rbac", roles: {}, rolez: {} },
      { name: "mine", isolationScope: () => "sometimes" },
    ]) {
      let said: unknown;
      try {
        authorizationOf(setting as unknown as AuthorizationSetting);
      } catch (error) {
        said = error;
      }
      expect([setting, isDeputizeError(said, "config_invalid")]).toEqual([setting, true]);
    }
  });

  it("[AF-D08] keeps people apart by default, and refuses what it cannot tell", async () => {
    const store = new InMemoryConversationStore();
    const away = new DeputizeError("unavailable", "try again", { cause: new TypeError("cannot reach") });
    let down = false;
    const flaky: ConversationStore = {
      kind: "memory",
      open: (agent, clock) => {
        const room = store.open(agent, clock);
        return {
          ...room,
          facts: (...args) => (down ? Promise.reject(away) : room.facts(...args)),
        };
      },
      export: (caller) => store.export(caller),
      eraseOwner: (owner) => store.eraseOwner(owner),
      close: () => store.close(),
    };
    const server = await start({ agents: [await testAgent(undefined, { conversations: flaky })] });
    const { thread_id } = (await (await server.ask("/threads", { method: "POST", as: "ada" })).json()) as {
      thread_id: string;
    };
    expect((await server.ask(`/v1/threads/${thread_id}`, { as: "bob" })).status).toBe(404);
    down = true;
    for (const as of ["ada", "bob"]) {
      const answer = await server.ask(`/v1/threads/${thread_id}`, { as });
      expect([answer.status, (await answer.text()).includes("cannot reach")]).toEqual([503, false]);
    }
  });

  it("[AF-D08] lets a backend of one's own allow by true alone; where it cannot tell, the answer is 503", async () => {
    const ask = async (backend: Partial<AuthorizationBackend>) => {
      const server = await start({ authorization: { name: "mine", ...backend } });
      return codeOf(await server.ask("/v1/threads", { as: "ada" }));
    };
    expect((await ask({ authorize: ({ identity }) => identity.userId === "ada" }))[0]).toBe(200);
    expect(await ask({ authorize: () => false })).toEqual([403, "FORBIDDEN"]);
    expect(await ask({ authorize: () => "yes" as unknown as boolean })).toEqual([403, "FORBIDDEN"]);
    expect(await ask({ authorize: () => Promise.reject(new Error("database away")) })).toEqual([
      503,
      "AUTH_UNAVAILABLE",
    ]);
    expect(await ask({ authorize: () => new Promise(() => {}) })).toEqual([503, "AUTH_UNAVAILABLE"]);
    expect((await ask({ scopesFor: () => null }))[0]).toBe(200);
    expect(await ask({ scopesFor: () => [] })).toEqual([403, "INSUFFICIENT_SCOPE"]);
    expect(await ask({ scopesFor: () => undefined })).toEqual([403, "INSUFFICIENT_SCOPE"]);
    expect((await ask({ scopesFor: () => undefined, defaultScopes: ["checkpointer:read"] }))[0]).toBe(200);
    expect(await ask({ scopesFor: () => "all" as unknown as string[] })).toEqual([503, "AUTH_UNAVAILABLE"]);
    expect(await ask({})).toEqual([403, "INSUFFICIENT_SCOPE"]);
  }, 30_000);

  it("keeps the users of a tenant together only where that is said", async () => {
    const server = await start({ authorization: "allow_all" });
    const { thread_id } = (await (await server.ask("/threads", { method: "POST", as: "ada" })).json()) as {
      thread_id: string;
    };
    expect((await server.ask(`/v1/threads/${thread_id}`, { as: "bob" })).status).toBe(200);
    expect((await server.ask(`/v1/threads/${thread_id}`)).status).toBe(401);
  });
});

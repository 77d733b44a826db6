/**
 * Everybody else, at every route: made from the list of routes that are served, so that a new one is swept the day it is added.
 */
import { InMemoryProvider, approvalQueue, localTools } from "@deputize/agent";
import { newId, nowSeconds, systemClock } from "@deputize/core";
import { privateLabel } from "@deputize/guardrails/flow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { authenticatorChain, issuerOf, jwtAuthenticator } from "../authenticators/index.ts";
import { covers } from "./authorization/authorization.ts";
import type { AgentRoute } from "./route.ts";
import { type Running, SECRET, startServer, testAgent, token } from "./server.fixture.ts";

const ROLES: Record<string, string[]> = {
  all: ["*"],
  reader: ["graph:read", "checkpointer:read", "files:read", "store:read", "config:read"],
  asker: ["graph:*", "checkpointer:write"],
  nobody: [],
};

/** What belongs to somebody, by the names under which routes ask for it. */
interface Belongings {
  readonly thread: string;
  readonly message: string;
  readonly run: string;
  readonly file: string;
  readonly memory: string;
  readonly approval: string;
}

const wait = localTools("desk", [
  {
    name: "wait_here",
    description: "Waits.",
    input: z.strictObject({}),
    call: async (_, { caller }) => ({
      status: "done",
      content: "done",
      label: privateLabel(caller.subject, "tool:wait_here"),
      cards: [],
    }),
  },
]);

let server: Running;
let ada: Belongings;
const who = (userId: string, role: string, tenant?: string): Promise<string> =>
  token({
    userId,
    roles: [role],
    claims: { auth_time: nowSeconds(systemClock), ...(tenant !== undefined && { tenant }) },
  });

beforeAll(async () => {
  const agent = await testAgent(
    [
      { text: "Noted." },
      { calls: [{ tool: "wait_here" }] },
      ...Array.from({ length: 2_000 }, () => ({ text: "Hello from the agent." })),
    ],
    {
      memory: new InMemoryProvider(),
      extraTools: [wait],
      approvals: { ask: ["wait_here"], handler: approvalQueue(), timeoutMs: 600_000 },
    },
  );
  server = await startServer({
    agents: [agent],
    auth: {
      chain: authenticatorChain([jwtAuthenticator({ secret: SECRET, tenantAt: "tenant" })]),
      issuers: { [issuerOf("jwt")]: { roles: { allow: Object.keys(ROLES) }, tenants: ["elsewhere"] } },
    },
    authorization: { backend: "rbac", roles: ROLES },
  });
  ada = await belongings(await who("ada", "all"));
}, 60_000);
afterAll(() => server?.stop());

async function data<T>(answer: Response): Promise<T> {
  const body = (await answer.json()) as { data: T };
  expect(answer.status, JSON.stringify(body)).toBeLessThan(300);
  return body.data ?? (body as T);
}

async function belongings(bearer: string): Promise<Belongings> {
  const post = <T>(path: string, body: unknown) =>
    server.ask(path, { method: "POST", bearer, body }).then(data<T>);
  const { thread_id: thread } = await post<{ thread_id: string }>("/v1/threads", { title: "Ada's plans" });
  const { run_id: run } = await post<{ run_id: string }>("/v1/runs/wait", {
    thread_id: thread,
    message: "my secret plan",
  });
  const kept = await post<{ messages: { message_id: string }[] }>(`/v1/threads/${thread}/messages`, {
    messages: [{ content: "a secret note" }],
  });
  await server.ask(`/v1/threads/${thread}/state`, {
    method: "PUT",
    bearer,
    body: { state: { plan: "secret" } },
  });
  const { memory_id: memory } = await post<{ memory_id: string }>("/v1/store/memories", {
    content: "a secret memory",
  });
  const form = new FormData();
  form.append("file", new File(["a secret file"], "secret.txt"));
  const uploaded = await fetch(`${server.url}/v1/files/upload`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}` },
    body: form,
  });
  const { file_id: file } = await data<{ file_id: string }>(uploaded);
  await post("/v1/runs", { message: "wait for me" });
  let approval = "";
  for (let n = 0; approval === "" && n < 200; n += 1) {
    const { approvals } = await server
      .ask("/v1/approvals", { bearer })
      .then(data<{ approvals: { id: string }[] }>);
    approval = approvals[0]?.id ?? "";
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(approval).not.toBe("");
  return { thread, message: kept.messages[0]?.message_id ?? "", run, file, memory, approval };
}

/** What a request to a route says that asks for somebody's things. A route that reads a body and is not here fails the sweep. */
function bodyOf(route: AgentRoute, of: Belongings): unknown {
  const text = [{ role: "user", content: "mine now" }];
  const bodies: Record<string, unknown> = {
    "POST /threads": {},
    "POST /threads/{id}/messages": { content: "mine now" },
    "POST /v1/threads": { title: "mine" },
    "POST /v1/threads/search": {},
    "PATCH /v1/threads/{id}": { title: "mine now" },
    "DELETE /v1/threads/{id}": {},
    "POST /v1/threads/{id}/messages": { messages: text },
    "DELETE /v1/threads/{id}/messages/{mid}": {},
    "PUT /v1/threads/{id}/state": { state: { mine: true } },
    "DELETE /v1/threads/{id}/state": {},
    "POST /v1/graph/invoke": { messages: text, config: { thread_id: of.thread } },
    "POST /v1/graph/stream": { messages: text, config: { thread_id: of.thread } },
    "POST /v1/graph/stop": { thread_id: of.thread },
    "POST /v1/graph/fix": { thread_id: of.thread },
    "POST /v1/runs": { thread_id: of.thread, message: "mine now" },
    "POST /v1/runs/stream": { thread_id: of.thread, message: "mine now" },
    "POST /v1/runs/wait": { thread_id: of.thread, message: "mine now" },
    "POST /v1/approvals/{approval_id}/decide": { decision: "approve" },
    "POST /v1/store/memories": { content: "mine" },
    "POST /v1/store/search": { query: "secret" },
    "POST /v1/store/memories/list": {},
    "POST /v1/store/memories/forget": { memory_id: of.memory },
    "POST /v1/store/memories/{id}": {},
    "PUT /v1/store/memories/{id}": { content: "mine now" },
    "DELETE /v1/store/memories/{id}": {},
  };
  const name = `${route.method} ${route.path}`;
  if (route.body && !Object.hasOwn(bodies, name)) throw new Error(`say what a request to ${name} holds`);
  return bodies[name];
}

function pathOf(route: AgentRoute, of: Belongings): string {
  const id = /files/.test(route.path) ? of.file : /memories/.test(route.path) ? of.memory : of.thread;
  const params: Record<string, string> = { id, mid: of.message, run_id: of.run, approval_id: of.approval };
  return route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const found = params[name];
    if (found === undefined) throw new Error(`say whose ${name} the route ${route.path} means`);
    return found;
  });
}

const asksFor = (route: AgentRoute, of: Belongings): boolean =>
  pathOf(route, of) !== route.path ||
  Object.values(of).some((id) => JSON.stringify(bodyOf(route, of) ?? {}).includes(id));

async function send(route: AgentRoute, of: Belongings, bearer: string | undefined): Promise<Response> {
  const body = bodyOf(route, of);
  return server.ask(pathOf(route, of), {
    method: route.method,
    ...(bearer !== undefined && { bearer }),
    ...(body !== undefined && { body }),
    ...(route.upload && { body: "--x--", headers: { "content-type": "multipart/form-data; boundary=x" } }),
  });
}

/** Everything that somebody can see of what is theirs. */
async function seen(of: Belongings, bearer: string): Promise<string> {
  const parts: string[] = [];
  for (const path of [
    `/v1/threads/${of.thread}`,
    `/v1/threads/${of.thread}/history`,
    `/v1/threads/${of.thread}/state`,
    "/v1/threads",
    `/v1/runs/${of.run}`,
    "/v1/runs",
    "/v1/approvals",
    "/v1/files",
    `/v1/store/memories/${of.memory}`,
  ]) {
    const answer = await server.ask(path, { bearer });
    expect([path, answer.status]).toEqual([path, 200]);
    parts.push(JSON.stringify(((await answer.json()) as { data: unknown }).data));
  }
  return parts.join("\n");
}

describe("isolation", () => {
  const routes = (): readonly AgentRoute[] => server.routes.filter(({ scope }) => scope !== "public");

  it("[AF-F08] [AF-F05] gives nobody else anything of somebody's, at any route, and lets them change nothing", async () => {
    const owner = await who("ada", "all");
    const before = await seen(ada, owner);
    expect(before).toContain("my secret plan");
    const strangers = [
      await who("bob", "all"),
      await who("ada", "all", "elsewhere"),
      await who("eve", "all", "elsewhere"),
    ];
    expect(routes().length).toBeGreaterThan(35);
    for (const stranger of strangers) {
      for (const route of routes()) {
        const answer = await send(route, ada, stranger);
        const text = await answer.text();
        const name = `${route.method} ${route.path}`;
        if (asksFor(route, ada))
          expect([name, [403, 404].includes(answer.status), answer.status]).toEqual([
            name,
            true,
            answer.status,
          ]);
        else expect([name, answer.status < 500]).toEqual([name, true]);
        expect([name, /secret/.test(text.replace(/"query"/g, ""))]).toEqual([name, false]);
        for (const id of Object.values(ada)) {
          // What was asked for may be named in the refusal by nobody.
          expect([name, text.includes(id)]).toEqual([name, false]);
        }
      }
    }
    expect(await seen(ada, owner)).toBe(before);
  }, 120_000);

  it("[AF-F08] answers for another's as for what never was", async () => {
    const bob = await who("bob", "all");
    const nothing: Belongings = {
      thread: crypto.randomUUID(),
      message: newId(),
      run: newId(),
      file: newId(),
      memory: newId(),
      approval: newId(),
    };
    const shown = async (route: AgentRoute, of: Belongings) => {
      const answer = await send(route, of, bob);
      const { code, detail } = (await answer.json()) as { code: string; detail: string };
      return [answer.status, code, detail];
    };
    for (const route of routes().filter((one) => asksFor(one, ada)))
      expect([route.path, await shown(route, ada)]).toEqual([route.path, await shown(route, nothing)]);
  }, 60_000);

  it("[AF-F05] [AF-F07] lets each role do exactly what its scopes say, and strangers without a token nothing", async () => {
    const owner = await who("ada", "all");
    const before = await seen(ada, owner);
    for (const [role, scopes] of Object.entries(ROLES)) {
      if (role === "all") continue;
      // Her own things, with a role that does not reach that far.
      const bearer = await who("ada", role);
      for (const route of routes()) {
        if (covers(scopes, route.scope as `${string}:${string}`)) continue;
        const answer = await send(route, ada, bearer);
        const body = (await answer.json()) as { code: string };
        expect([route.path, role, answer.status, body.code]).toEqual([
          route.path,
          role,
          403,
          "INSUFFICIENT_SCOPE",
        ]);
        expect(answer.headers.get("www-authenticate")).toContain(`scope="${route.scope}"`);
      }
    }
    for (const route of routes()) {
      const answer = await send(route, ada, undefined);
      expect([route.path, answer.status, answer.headers.get("www-authenticate")]).toEqual([
        route.path,
        401,
        "Bearer",
      ]);
    }
    expect(await seen(ada, owner)).toBe(before);
  }, 120_000);

  it("serves the same requests to their owner: they were refused for whose they were", async () => {
    const owner = await who("ada", "all");
    const last = ["forget", "decide", "stop", "cancel"];
    const rank = (route: AgentRoute): number =>
      (route.method === "DELETE" ? (route.path.split("/").length > 4 ? 2 : 3) : 0) +
      (last.some((word) => route.path.includes(word)) ? 1 : 0);
    for (const route of [...routes()].sort((a, b) => rank(a) - rank(b))) {
      const answer = await send(route, ada, owner);
      await answer.text();
      const gone = rank(route) > 0 && answer.status === 404;
      const ok =
        answer.status < 300 ||
        answer.status === 409 ||
        gone ||
        (route.upload !== undefined && answer.status === 400);
      expect([`${route.method} ${route.path}`, ok, answer.status]).toEqual([
        `${route.method} ${route.path}`,
        true,
        answer.status,
      ]);
    }
  }, 120_000);
});

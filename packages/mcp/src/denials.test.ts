/**
 * Each way of being refused, on each thing that can be asked for: nothing behind the door is touched, and nothing is learnt.
 *
 * What is counted: schemas that ran, argument guards, dependencies made, session stores and result caches looked into, database
 * transactions, handlers. The last test lets a caller in and sees each of them move, so that a zero means something.
 */
import { type Ephemeral, openEphemeral } from "@deputize/store";
import type { Store } from "@deputize/store";
import { manualClock } from "@deputize/core";
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { smallServer } from "../test/servers.ts";
import { testAuth, tokenOf } from "../test/world.ts";
import {
  type MCPServerOptions,
  type SessionStore,
  TestClient,
  type ToolContext,
  guard,
  hasRole,
  provide,
  publicTool,
  rateLimit,
} from "./index.ts";

let touched: string[] = [];
beforeEach(() => {
  touched = [];
});

const note = <T>(what: string, value: T): T => {
  touched.push(what);
  return value;
};

const sessionStore: SessionStore = {
  of: () =>
    note("session", { get: async () => undefined as never, set: async () => {}, delete: async () => {} }),
  eraseOwner: async () => 0,
};
const store = {
  asCaller: async (_caller: unknown, work: (tx: unknown) => Promise<unknown>) =>
    work(note("database", { query: async () => ({ rows: [], rowCount: 0 }) })),
} as unknown as Store;

/** An ephemeral store that says when results or sessions are looked for in it. */
async function watchedEphemeral(): Promise<Ephemeral> {
  const clock = manualClock(Date.UTC(2026, 10, 22));
  const real = await openEphemeral({ clock });
  const get = async (key: string) => {
    if (/^mcp-(result|session)/.test(key)) touched.push("cache");
    return real.get(key);
  };
  return { ...real, get };
}

async function world(options: Partial<MCPServerOptions> = {}) {
  const { server, audit } = smallServer({
    ephemeral: await watchedEphemeral(),
    sessionStore,
    store,
    ...options,
  });
  const checked = z.string().refine((text) => note("schema", text === "right"));
  const made = provide("made", () => note("factory", {}));
  const broken = guard({
    name: "broken",
    check: () => {
      throw new Error("no directory");
    },
  });
  for (const [prefix, rule] of [
    ["staff", hasRole("staff")],
    ["broken", broken],
    ["open", publicTool()],
  ] as const) {
    const common = { description: "d", guards: [rule], inject: [made], cache: { ttlMs: 1000 } } as const;
    const look = async (context: ToolContext<"read">): Promise<void> => {
      await context.session.get("x");
      await context.db.read(async (tx) => tx.query("SELECT 1"));
      touched.push("handler");
    };
    server
      .tool(
        `${prefix}_tool`,
        {
          ...common,
          effect: "read",
          input: { pin: checked },
          argumentGuards: [{ name: "mine", check: () => note("argument guard", true) }],
        },
        async (_args, context) => {
          await look(context);
          return {};
        },
      )
      .resourceTemplate(
        `${prefix}_rows`,
        {
          ...common,
          uriTemplate: `${prefix}://rows/{id}`,
          complete: { id: async (_value, context) => (await look(context), ["1"]) },
        },
        async (_request, context) => {
          await look(context);
          return { text: "rows" };
        },
      )
      .prompt(
        `${prefix}_prompt`,
        {
          ...common,
          arguments: { pin: checked },
          complete: { pin: async (_value, context) => (await look(context), ["right"]) },
        },
        async (_args, context) => {
          await look(context);
          return "text";
        },
      );
  }
  return { server, audit };
}

type Ask = (prefix: string) => readonly [method: string, params: Record<string, unknown>];
const bad = { pin: "wrong", surprise: "1" };
const KINDS: readonly (readonly [kind: string, ask: Ask])[] = [
  ["a tool", (p) => ["tools/call", { name: `${p}_tool`, arguments: bad }]],
  ["a resource", (p) => ["resources/read", { uri: `${p}://rows/1` }]],
  ["a prompt", (p) => ["prompts/get", { name: `${p}_prompt`, arguments: bad }]],
  [
    "a prompt's suggestions",
    (p) => [
      "completion/complete",
      { ref: { type: "ref/prompt", name: `${p}_prompt` }, argument: { name: "pin", value: "r" } },
    ],
  ],
  [
    "a resource's suggestions",
    (p) => [
      "completion/complete",
      { ref: { type: "ref/resource", uri: `${p}://rows/{id}` }, argument: { name: "id", value: "1" } },
    ],
  ],
];
const good = (params: Record<string, unknown>) =>
  "arguments" in params ? { ...params, arguments: { pin: "right" } } : params;

const plain = (text: string) =>
  text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id").replaceAll(/(staff|broken|nobody)(?=_|:)/g, "it");

describe.each(KINDS)("%s", (_kind, ask) => {
  it.each([
    ["no token", undefined, {}],
    ["a bad token", tokenOf("???"), {}],
    ["a token that enrichment refuses", tokenOf("alice+staff"), { onAuthenticate: () => Promise.reject() }],
  ] as const)(
    "with %s and bad arguments: 401, no schema, nothing touched [PR-D06] [PR-D11]",
    async (_name, token, options) => {
      const { server, audit } = await world(options as Partial<MCPServerOptions>);
      const answers = [];
      for (const prefix of ["staff", "open", "nobody"]) {
        const [method, params] = ask(prefix);
        const response = await new TestClient(server, token === undefined ? {} : { token }).send(
          method,
          params,
        );
        expect(response.status).toBe(401);
        expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
        answers.push(plain(await response.text()));
      }
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).not.toMatch(/\bpin\b|surprise|staff|rows/);
      expect(touched).toEqual([]);
      expect(audit.entries).toEqual([]);
    },
  );

  it.each(["staff", "broken"])(
    "behind a guard that is %s for the caller: as if it were not there, nothing touched, one entry [PR-D06] [PR-D08] [PR-D11]",
    async (prefix) => {
      const { server, audit } = await world();
      const client = new TestClient(server, { token: tokenOf("alice") });
      const told = async (which: string) => {
        const response = await client.send(...ask(which));
        return plain(`${response.status} ${await response.text()}`).replace(/"id":\d+/, "");
      };
      const answer = await told(prefix);
      expect(answer).toBe(await told("nobody"));
      expect(answer).not.toMatch(/\bpin\b|surprise/);
      expect(touched).toEqual([]);
      expect(audit.entries.map(({ outcome, reason }) => [outcome, reason])).toEqual([
        ["refused", "forbidden"],
        ["refused", "not_found"],
      ]);
    },
  );

  it("past its rate: 429 before anything is touched [PR-D06]", async () => {
    const { server } = await world();
    server.use(rateLimit({ perMinute: 1 }));
    const client = new TestClient(server, { token: tokenOf("alice+staff") });
    await client.send("tools/list");
    expect((await client.send(...ask("staff"))).status).toBe(429);
    expect(touched).toEqual([]);
  });

  it("for whom it is meant: all of it is used, in this order", async () => {
    const { server, audit } = await world();
    const client = new TestClient(server, { token: tokenOf("alice+staff") });
    const [method, params] = ask("staff");
    expect((await client.send(method, good(params))).status).toBe(200);
    const completes = method === "completion/complete";
    const expected = [
      ...("arguments" in params ? ["schema"] : []),
      ...(method === "tools/call" ? ["argument guard"] : []),
      ...(completes ? [] : ["cache"]),
      "session",
      "database",
      "handler",
    ];
    expect(
      touched.filter((what) => what !== "factory").filter((what, i, all) => all[i - 1] !== what),
    ).toEqual(expected);
    expect(touched).toContain("factory");
    expect(audit.entries).toMatchObject([{ outcome: "allowed" }]);
  });
});

describe("a public tool", () => {
  it("still wants to know who calls, and says so in the log [PR-D09]", async () => {
    const { server, audit } = await world();
    const call = { name: "open_tool", arguments: { pin: "right" } };
    expect((await new TestClient(server).send("tools/call", call)).status).toBe(401);
    expect(
      (await new TestClient(server, { token: tokenOf("alice@helper") }).send("tools/call", call)).status,
    ).toBe(200);
    const { subject } = await testAuth.authenticate(
      new Request("http://localhost", { headers: { authorization: `Bearer ${tokenOf("alice")}` } }),
    );
    expect(audit.entries).toMatchObject([
      { outcome: "allowed", subject, detail: { client_id: "test-client" } },
    ]);
    expect(audit.entries[0]?.actors).toHaveLength(1);
  });
});

describe("a prompt", () => {
  it.each(["open_prompt", "staff_prompt", "nowhere"])(
    "that is asked for with something else than text is a malformed request, whichever it is: %s",
    async (name) => {
      const { server, audit } = await world();
      const client = new TestClient(server, { token: tokenOf("alice") });
      const response = await client.send("prompts/get", { name, arguments: { pin: 7 } });
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { error: { code: -32602, message: "the parameters of prompts/get are malformed" } },
      ]);
      expect(audit.entries).toMatchObject([{ outcome: "refused", reason: "invalid_request" }]);
      expect(touched).toEqual([]);
    },
  );
});

/**
 * What the A2A 1.0 specification demands of cards, authentication and the JSON-RPC binding: each row is one demand, by its section,
 * against an agent server over real HTTP.
 */
import { TaskState, verifyAgentCardSignature } from "@a2a-js/sdk";
import { TaskNotFoundError } from "@a2a-js/sdk/errors";
import { describe, expect, it } from "vitest";
import { token } from "../agent-server/server.fixture.ts";
import { LIST, type Row, alice, atWork, finished, code, useWorld, world } from "./requirements.fixture.ts";
import { said, sends } from "./served.fixture.ts";

useWorld();

const AUTHENTICATION: readonly Row[] = [
  [
    "§7.4",
    "every request is authenticated: without a credential, with a bad one and with an expired one it is 401",
    async () => {
      for (const call of [sends(), { method: "ListTasks" }, { method: "GetExtendedAgentCard" }]) {
        const without = await world.rpc(undefined, call);
        expect([without.status, without.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
        for (const bearer of [
          "x.y.z",
          await token({ expires: 1 }),
          await token({ secret: "o".repeat(40) }),
        ]) {
          const { status, headers } = await world.rpc(undefined, call, { authorization: `Bearer ${bearer}` });
          expect(status).toBe(401);
          expect(headers.get("www-authenticate")).toContain("Bearer");
        }
      }
    },
  ],
  [
    "§7.4",
    "what was sent without a credential is not looked at",
    async () => {
      expect((await world.rpc(undefined, "{")).status).toBe(401);
    },
  ],
  [
    "§7.6",
    "a credential without the scope is 403, and says which is missing",
    async () => {
      const narrow = await token({ userId: "alice", scope: "graph:read" });
      const answer = await world.rpc(undefined, sends(), { authorization: `Bearer ${narrow}` });
      expect(answer.status).toBe(403);
      expect(answer.headers.get("www-authenticate")).toContain("a2a:call");
    },
  ],
  [
    "§13.1",
    "ListTasks shows nobody else's tasks, whatever it is asked",
    async () => {
      const { contextId } = await finished();
      const mallory = await world.client("mallory");
      expect((await mallory.listTasks({ ...LIST, contextId })).tasks).toEqual([]);
    },
  ],
  [
    "§13.1",
    "one context id of two callers is two contexts",
    async () => {
      const bob = await world.client("bob");
      await alice.sendMessage(said("hi", { contextId: "shared" }));
      await bob.sendMessage(said("hi", { contextId: "shared" }));
      const [mine, theirs] = world.agent.turns.slice(-2).map((turn) => turn.conversationId);
      expect(mine).not.toBe(theirs);
    },
  ],
  [
    "§13.1",
    "another's task takes no message, and goes on unharmed",
    async () => {
      const { id, stream } = await atWork();
      const mallory = await world.client("mallory");
      await expect(mallory.sendMessage(said("hi", { taskId: id }))).rejects.toThrow(TaskNotFoundError);
      expect((await alice.getTask({ tenant: "", id, historyLength: 0 })).status?.state).toBe(
        TaskState.TASK_STATE_WORKING,
      );
      await stream.body?.cancel();
      await alice.cancelTask({ tenant: "", id, metadata: undefined });
    },
  ],
];

const CARDS: readonly Row[] = [
  [
    "§8.1",
    "a card is there for everybody, at the agent and at the well-known place",
    async () => {
      for (const path of ["/.well-known/agent-card.json", "/a2a/assistant/.well-known/agent-card.json"]) {
        const response = await world.ask(path);
        expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
        expect(await response.json()).toMatchObject({ name: "assistant", version: "2.1.0" });
      }
    },
  ],
  [
    "§4.4.1",
    "a card has every field that is required, and lists that are required hold something",
    async () => {
      const card = (await (await world.ask("/.well-known/agent-card.json")).json()) as Record<
        string,
        unknown
      >;
      for (const name of ["name", "description", "version"]) expect(card[name]).toMatch(/./);
      for (const name of ["supportedInterfaces", "defaultInputModes", "defaultOutputModes", "skills"])
        expect((card[name] as unknown[]).length).toBeGreaterThan(0);
      expect(card["skills"]).toEqual([
        { id: "help", name: "Help", description: "helps", tags: ["help", "support"] },
      ]);
    },
  ],
  [
    "§8.3.1",
    "the first interface is where the agent is, in its binding and version",
    async () => {
      const card = (await (await world.ask("/.well-known/agent-card.json")).json()) as Record<
        string,
        unknown
      >;
      expect(card["supportedInterfaces"]).toEqual([
        { url: world.agentUrl, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
      ]);
    },
  ],
  [
    "§7.3",
    "the schemes of the authenticators in force are in the card, and one of them is enough",
    async () => {
      const card = (await (await world.ask("/.well-known/agent-card.json")).json()) as Record<
        string,
        unknown
      >;
      expect(card["securitySchemes"]).toEqual({
        jwt: { httpAuthSecurityScheme: { scheme: "Bearer", bearerFormat: "JWT" } },
      });
      expect(card["securityRequirements"]).toEqual([{ schemes: { jwt: {} } }]);
    },
  ],
  [
    "§8.4.3",
    "the signature holds for the protocol's own library, with the key that is published",
    async () => {
      const { keys } = (await (await world.ask("/.well-known/jwks.json")).json()) as {
        keys: { kid: string }[];
      };
      const check = verifyAgentCardSignature(async (kid) => keys.find((key) => key.kid === kid) as never);
      await check(await (await world.client("alice")).getAgentCard());
      await check((await world.client("alice", "/.well-known/agent-card.json"))["agentCard"]);
    },
  ],
  [
    "§13.3",
    "the extended card wants authentication",
    async () => {
      expect((await world.rpc(undefined, { method: "GetExtendedAgentCard" })).status).toBe(401);
    },
  ],
];

const JSONRPC: readonly Row[] = [
  [
    "§9.1",
    "requests and answers are application/json, streams text/event-stream",
    async () => {
      expect((await world.rpc("alice", sends())).headers.get("content-type")).toContain("application/json");
      const other = await world.rpc("alice", sends(), { "content-type": "text/plain" });
      expect(other.status).toBe(400);
      const { stream, id } = await atWork();
      expect(stream.headers.get("content-type")).toContain("text/event-stream");
      await alice.cancelTask({ tenant: "", id, metadata: undefined });
    },
  ],
  [
    "§9.3",
    "the answer has the id of the request, text or number",
    async () => {
      for (const id of ["abc", 7, 0]) {
        const { body } = await world.rpc("alice", { ...sends(), id });
        expect([body.jsonrpc, body.id]).toEqual(["2.0", id]);
      }
    },
  ],
  [
    "§9.4.2",
    "each event of a stream is a JSON-RPC answer with the id of the request",
    async () => {
      const response = await world.ask("/a2a/assistant", {
        method: "POST",
        as: "alice",
        headers: { "a2a-version": "1.0" },
        body: { jsonrpc: "2.0", id: "s-1", ...sends({}, "SendStreamingMessage") },
      });
      const events = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(
        ([, data]) => JSON.parse(data ?? "") as Record<string, unknown>,
      );
      expect(events.length).toBeGreaterThan(1);
      for (const event of events) expect(event).toMatchObject({ jsonrpc: "2.0", id: "s-1", result: {} });
    },
  ],
  [
    "§9.5",
    "what is no JSON is -32700, with the id null",
    async () => {
      for (const text of ["{", "", "nope", '{"jsonrpc":"2.0",']) {
        const { status, body } = await world.rpc("alice", text);
        expect([status, body.error?.code, body.id]).toEqual([400, -32700, null]);
      }
    },
  ],
  [
    "§9.5",
    "what is no request is -32600",
    async () => {
      for (const text of [
        "[]",
        "null",
        "1",
        '{"id":1,"method":"GetTask"}',
        '{"jsonrpc":"1.0","id":1,"method":"GetTask"}',
        '{"jsonrpc":"2.0","id":{},"method":"GetTask"}',
        '{"jsonrpc":"2.0","id":1.5,"method":"GetTask"}',
        '{"jsonrpc":"2.0","id":1,"method":7}',
        '{"jsonrpc":"2.0","id":1,"method":"GetTask","params":[]}',
        '{"jsonrpc":"2.0","method":"SendMessage","params":{}}',
        '[{"jsonrpc":"2.0","id":1,"method":"ListTasks","params":{}}]',
      ]) {
        const { body } = await world.rpc("alice", text);
        expect([text, body.error?.code]).toEqual([text, -32600]);
      }
    },
  ],
  [
    "§9.5",
    "a method that is not there is -32601, the names of 0.3 included",
    async () => {
      for (const method of ["message/send", "tasks/get", "SendMessages", "constructor", "__proto__"])
        expect(await code("alice", { method })).toBe(-32601);
    },
  ],
  [
    "§9.5",
    "an answer has a result or an error, never both",
    async () => {
      for (const call of [sends(), { method: "GetTask", params: { id: "x" } }]) {
        const { body } = await world.rpc("alice", call);
        expect(Object.hasOwn(body, "result")).not.toBe(Object.hasOwn(body, "error"));
      }
    },
  ],
];

describe.each([
  ["authentication and authorization", AUTHENTICATION],
  ["cards", CARDS],
  ["JSON-RPC", JSONRPC],
])("A2A 1.0: %s", (_name, rows) => {
  it.each(rows)("%s %s", async (_section, _demand, holds) => {
    await holds();
  });
});

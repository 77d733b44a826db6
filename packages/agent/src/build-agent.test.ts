/** The public face, over a real authority and a real tool server: who the turn is for, and whose token goes where. */
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVerifier } from "@deputize/client";
import { newId, randomHex } from "@deputize/core";
import { MCPServer, authorityAuth, memoryAudit, requireAuth } from "@deputize/mcp";
import type { TestStore } from "@deputize/store/testing";
import {
  type PersonName,
  type TestAuthority,
  idOf,
  openTestAuthority,
} from "../../authority/src/testing/test-authority.ts";
import { AUDIENCE, ISSUER, WHO } from "../../authority/src/testing/test-core.ts";
import { alice, auditList, authority, collect, ofKind, openAgentStore } from "./agent.fixture.ts";
import { type BuildAgentOptions, type BuiltAgent, buildAgent } from "./build-agent.ts";
import { PostgresConversationStore } from "./conversations/postgres-store.ts";
import { type AgentCaller, createCaller } from "./identity/agent-caller.ts";
import { type AgentIdentity, exchangeIdentity, tokenIdentity } from "./identity/agent-identity.ts";
import { httpServer } from "./servers/server-spec.ts";
import { scriptedModel } from "./testing.ts";
import { observe } from "./observe/observe.ts";
import type { ObservedEvent } from "./observe/transporter.ts";
import { callbackTransport } from "./observe/transports/callback.ts";
import { agentTool } from "./tools/agent-tool.ts";

let world: TestAuthority;
let store: TestStore;
let orderTools: MCPServer;
/** What the tool server saw. */
const seen: { subject: string; actors: readonly string[]; audience: readonly string[] }[] = [];
const tokens: string[] = [];
const closers: (() => Promise<void>)[] = [];
const servers = {
  orders: httpServer({ trust: true, url: AUDIENCE.orderTools, fetch: (...sent) => send(...sent) }),
};

/** The authority and the tool server, reached without a network. */
const send: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  if (!request.url.startsWith(AUDIENCE.orderTools)) return world.app.fetch(request);
  tokens.push(request.headers.get("authorization") ?? "");
  return orderTools.fetch(request);
};

beforeAll(async () => {
  [world, store] = await Promise.all([openTestAuthority(), openAgentStore()]);
  const verifier = await createVerifier({
    issuer: ISSUER,
    authorityUrl: ISSUER,
    fetch: send,
    clock: world.clock,
  });
  closers.push(() => verifier.close());
  orderTools = new MCPServer({
    name: "orders",
    url: AUDIENCE.orderTools,
    auth: authorityAuth({ verifier, audience: AUDIENCE.orderTools }),
    audit: memoryAudit(),
  });
  orderTools.tool(
    "list_orders",
    { description: "The person's orders", effect: "read", guards: [requireAuth()] },
    (_args, { caller }) => {
      seen.push({
        subject: caller?.subject ?? "",
        actors: caller?.actors ?? [],
        audience: caller?.token?.audience ?? [],
      });
      return { orders: ["ORD-1"] };
    },
  );
});
afterAll(async () => {
  for (const close of closers) await close();
  await store?.close();
  await world?.close();
});

/** The order agent as the authority knows it. */
async function ordersIdentity(): Promise<AgentIdentity> {
  const { agentId, apiKey } = await world.agents.ensureBuiltIn("order-management", randomHex(32));
  const identity = await exchangeIdentity({
    authorityUrl: ISSUER,
    audience: AUDIENCE.orders,
    credential: { clientId: agentId, secret: apiKey },
    fetch: send,
    clock: world.clock,
  });
  closers.push(() => identity.close());
  return identity;
}

/** A person's way through the front desk, which acts for them. */
async function deskCaller(name: PersonName): Promise<AgentCaller> {
  const caller = await world.callerOf(await world.signIn(name, "api"));
  const hop = { exchanger: WHO.shopApi, actor: WHO.support };
  return {
    caller,
    authority: {
      tokenFor: async (audience) =>
        (await world.exchange.caller(caller, { ...hop, audiences: [audience] })).token,
    },
  };
}

/** The token that the front desk brings to the order agent for a person. */
const tokenOf = async (name: PersonName): Promise<string> =>
  (await deskCaller(name)).authority.tokenFor(AUDIENCE.orders);

function build(options: Partial<BuildAgentOptions> & Pick<BuildAgentOptions, "model">): Promise<BuiltAgent> {
  return buildAgent({
    name: "support",
    instructions: "Help.",
    conversations: new PostgresConversationStore(store),
    audit: auditList(),
    clock: world.clock,
    ...options,
  });
}

describe("an agent with an identity", () => {
  it("acts for the person of the token, with a token of its own for each server [PR-D04] [PR-F36]", async () => {
    const model = scriptedModel([{ calls: [{ tool: "list_orders" }] }, { text: "You have ORD-1." }]);
    const agent = await build({ model, identity: await ordersIdentity(), servers });
    const bearerToken = await tokenOf("alice");
    const caller = createCaller({ bearerToken, userId: idOf("alice") });
    expect(await agent.chat("what did I order?", { caller })).toBe("You have ORD-1.");
    expect(seen.at(-1)).toEqual({
      subject: idOf("alice"),
      actors: [WHO.orders, WHO.support],
      audience: [AUDIENCE.orderTools],
    });
    expect(tokens.length).toBeGreaterThan(0);
    expect(tokens.some((sent) => sent.includes(bearerToken))).toBe(false);
    model.assertComplete();
  });

  it("as a tool of another acts for the same person, one hop further", async () => {
    const orders = scriptedModel([{ calls: [{ tool: "list_orders" }] }, { text: "You have ORD-1." }]);
    const specialist = await build({
      name: "order-management",
      model: orders,
      identity: await ordersIdentity(),
      servers,
    });
    const ask = { tool: "ask_order_management", args: { message: "list my orders" } };
    const front = scriptedModel([{ calls: [ask] }, { text: "It is ORD-1." }]);
    const agent = await build({ model: front, extraTools: [agentTool(specialist)] });
    const result = await agent.run("what did I order?", { caller: await deskCaller("alice") });
    expect(result).toMatchObject({
      response: "It is ORD-1.",
      agents_involved: ["support", "order-management"],
    });
    expect(result.steps.map(({ agent: by, tool, status }) => [by, tool, status])).toEqual([
      ["support", "ask_order_management", "done"],
      ["order-management", "list_orders", "done"],
    ]);
    expect(seen.at(-1)).toMatchObject({ subject: idOf("alice"), actors: [WHO.orders, WHO.support] });
    orders.assertComplete();
  });

  it("as a tool is asked again with a new token where the last one has ended [PR-D48]", async () => {
    const specialist = await build({
      name: "order-management",
      model: scriptedModel([{ text: "You have ORD-1." }]),
      identity: await ordersIdentity(),
    });
    const desk = await deskCaller("alice");
    const asked: (boolean | undefined)[] = [];
    const authority: AgentCaller["authority"] = {
      tokenFor: async (audience, options) => {
        asked.push(options?.fresh);
        const token = await desk.authority.tokenFor(audience);
        return options?.fresh ? token : `${token.slice(0, -6)}AAAAAA`;
      },
    };
    const ask = { tool: "ask_order_management", args: { message: "list my orders" } };
    const front = scriptedModel([{ calls: [ask] }, { text: "It is ORD-1." }]);
    const agent = await build({ model: front, extraTools: [agentTool(specialist)] });
    const result = await agent.run("what did I order?", { caller: { ...desk, authority } });
    expect(result.steps).toMatchObject([{ tool: "ask_order_management", status: "done" }]);
    expect(asked).toEqual([undefined, true]);
  });

  it("answers by its next model where one is down [PR-F49]", async () => {
    const down = { error: Object.assign(new Error("no"), { statusCode: 401 }) };
    const model = { ...scriptedModel([down]), name: "first" };
    const next = { ...scriptedModel([{ text: "Hello." }]), name: "second" };
    const agent = await build({ model, fallback: [next] });
    expect(agent.model.name).toBe("first > second");
    expect(await agent.chat("hi", { caller: await deskCaller("alice") })).toBe("Hello.");
  });

  it("as a tool is not asked for a person who has not permitted it", async () => {
    const specialist = await build({ model: scriptedModel([]), identity: await ordersIdentity() });
    const model = scriptedModel([{ calls: [{ tool: "ask_it", args: { message: "hi" } }] }, { text: "No." }]);
    const agent = await build({ model, extraTools: [agentTool(specialist, { name: "ask_it" })] });
    const result = await agent.run("hi", { caller: await deskCaller("bob") });
    expect(result.steps).toMatchObject([{ tool: "ask_it", status: "failed" }]);
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain("not permitted");
  });

  it("refuses a token of somebody else than the request names, before anything else [PR-D03]", async () => {
    const model = scriptedModel([]);
    const agent = await build({ model, identity: await ordersIdentity() });
    const caller = createCaller({ bearerToken: await tokenOf("alice"), userId: idOf("bob") });
    for (const work of [
      () => agent.chat("hi", { caller }),
      () => agent.run("hi", { caller }),
      () => collect(agent.stream("hi", { caller })),
      () => agent.listSessions({ caller }),
      () => agent.getSession(newId(), { caller }),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: "forbidden", message: /CALLER_MISMATCH/ });
    }
    expect(model.asked).toEqual([]);
  });

  it("refuses tokens for another audience, forged ones, and those whose sign-in has ended", async () => {
    const agent = await build({ model: scriptedModel([]), identity: await ordersIdentity() });
    const person = await world.signIn("alice", "api");
    const good = await tokenOf("alice");
    const bad = [person.token ?? "", `${good.slice(0, -6)}AAAAAA`, "nonsense", ""];
    for (const bearerToken of bad) {
      await expect(agent.chat("hi", { caller: createCaller({ bearerToken }) })).rejects.toMatchObject({
        status: 401,
      });
    }
  });

  it("shows its caller's token nowhere", () => {
    const caller = createCaller({ bearerToken: "the-token", metadata: { ip: "192.0.2.1" } });
    expect(`${inspect(caller, { depth: 9, showHidden: true })} ${JSON.stringify(caller)}`).not.toContain(
      "the-token",
    );
  });

  it("needs an identity to serve a token, and says so", async () => {
    const agent = await build({ model: scriptedModel([]) });
    await expect(agent.chat("hi", { caller: createCaller({ bearerToken: "x" }) })).rejects.toMatchObject({
      code: "config_invalid",
    });
  });
});

describe("an agent beside another identity provider", () => {
  const identity = (audience: readonly string[]): AgentIdentity =>
    tokenIdentity({
      verify: async () => ({
        ...alice,
        token: { issuer: "https://idp.example", jti: "1", audience, issuedAt: 0, expiresAt: 4_000_000_000 },
      }),
    });

  it("hands the token on to servers that it names, and to no other [PR-D04]", async () => {
    for (const audience of [AUDIENCE.orderTools, "https://another.example"]) {
      const before = tokens.length;
      const agent = await build({
        model: scriptedModel([{ text: "Hello." }]),
        identity: identity([audience]),
        servers,
      });
      await agent.run("hi", { caller: createCaller({ bearerToken: "raw-token" }) });
      const sent = tokens.slice(before);
      expect(sent.every((one) => one === "Bearer raw-token")).toBe(true);
      expect(sent.length > 0).toBe(audience === AUDIENCE.orderTools);
    }
  });
});

describe("conversations of a built agent", () => {
  const caller = { caller: alice, authority };

  it("go on, are listed, read, renamed and deleted, by their owner only [PR-D27] [PR-F40]", async () => {
    const model = scriptedModel([{ text: "Hello." }, { text: "Again." }]);
    const agent = await build({ model });
    const sessionId = newId();
    expect(await agent.chat("hi", { caller, sessionId })).toBe("Hello.");
    const events = await collect(agent.stream("and again", { caller, sessionId }));
    expect(ofKind(events, "delta")).toEqual([{ text: "Again." }]);
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain("Hello.");
    expect((await agent.listSessions({ caller })).sessions.map(({ id }) => id)).toContain(sessionId);
    await agent.renameSession(sessionId, "Greetings", { caller });
    expect(await agent.getSession(sessionId, { caller })).toMatchObject({ title: "Greetings" });
    const stranger = { caller: { ...alice, subject: idOf("bob") }, authority };
    await expect(agent.getSession(sessionId, { caller: stranger })).rejects.toMatchObject({
      code: "not_found",
    });
    await agent.deleteSession(sessionId, { caller });
    await expect(agent.getSession(sessionId, { caller })).rejects.toMatchObject({ code: "not_found" });
  });

  it("say what ended a turn that failed", async () => {
    const agent = await build({ model: scriptedModel([{ error: new Error("down") }]) });
    await expect(agent.chat("hi", { caller })).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("nested agents", () => {
  it("stand so many deep and no more", async () => {
    const caller = { caller: alice, authority };
    let agent = await build({ name: "a0", model: scriptedModel([{ text: "the bottom" }]) });
    const models = [];
    for (let n = 1; n <= 4; n += 1) {
      const tool = `ask_a${n - 1}`;
      const model = scriptedModel([
        { calls: [{ tool, args: { message: "go on" } }] },
        { text: `a${n} heard` },
      ]);
      models.push(model);
      agent = await build({ name: `a${n}`, model, extraTools: [agentTool(agent)] });
    }
    const result = await agent.run("go", { caller });
    expect(result.response).toBe("a4 heard");
    // The fifth agent of the chain was not asked, and the fourth was told so.
    expect(JSON.stringify(models[0]?.asked[1]?.prompt)).toContain("3 deep at most");
  });

  it("tell their records under the id of the request that all began with [PR-F47]", async () => {
    const told: ObservedEvent[] = [];
    const watching = observe({ transporters: [callbackTransport((event) => void told.push(event))] });
    const inner = await build({
      name: "inner",
      model: scriptedModel([{ text: "heard" }]),
      observe: watching,
    });
    const outer = await build({
      name: "outer",
      model: scriptedModel([{ calls: [{ tool: "ask_inner", args: { message: "hi" } }] }, { text: "ok" }]),
      extraTools: [agentTool(inner)],
      observe: [watching],
    });
    await outer.run("hi", { caller: { caller: alice, authority }, runOptions: { requestId: "request-7" } });
    await watching.close();
    expect(new Set(told.map(({ agent, correlationId }) => `${agent} ${correlationId}`))).toEqual(
      new Set(["outer request-7", "inner request-7"]),
    );
  });

  it("have their caller's words labelled as the caller's context was [SR-07]", async () => {
    const inner = await build({ name: "inner", model: scriptedModel([{ text: "heard" }]) });
    const outer = await build({
      name: "outer",
      model: scriptedModel([{ calls: [{ tool: "ask_inner", args: { message: "hi" } }] }, { text: "ok" }]),
      extraTools: [agentTool(inner)],
    });
    const untrusted = { integrity: "untrusted", readers: [], source: "web" } as const;
    const result = await outer.run("hi", {
      caller: { caller: alice, authority },
      runOptions: { inputLabel: untrusted },
    });
    expect(result.label.integrity).toBe("untrusted");
    expect(result.agents_involved).toEqual(["outer", "inner"]);
  });
});

/** The agent's own yes before a call: through whole turns, with each kind of handler. */
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeputizeError } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import {
  alice,
  auditList,
  authority,
  bob,
  callerOf,
  cancelTool,
  collect,
  makeAgent,
  ofKind,
  tableTools,
} from "../agent.fixture.ts";
import { buildAgent } from "../build-agent.ts";
import { InMemoryConversationStore } from "../conversations/memory-store.ts";
import { scriptedModel } from "../testing.ts";
import { verifyEventSignature } from "../webhooks/webhook-signature.ts";
import { type ApprovalHandler, type ApprovalQuestion, approvalCallback } from "./approval-handler.ts";
import { approvalQueue } from "./approval-queue.ts";
import { approvalWebhook, signApprovalAnswer } from "./approval-webhook.ts";
import type { ToolApprovalOptions } from "./tool-approvals.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const ask = { caller: alice, authority, message: "Send it" };
const never: ApprovalHandler = { name: "never", ask: () => new Promise(() => {}) };
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** One turn whose model calls these tools, one a step. */
function turn(approvals: ToolApprovalOptions, ...tools: string[]) {
  const source = tableTools({ send_mail: () => ({}), delete_mail: () => ({}), read_mail: () => ({}) });
  const audit = auditList();
  const args = { to: "x@example.com" };
  const model = scriptedModel([
    ...tools.map((tool) => ({ calls: [{ tool, args }] })),
    { text: "That is all." },
  ]);
  const agent = makeAgent(new InMemoryConversationStore(), model, [source], { approvals, audit });
  const called = () => source.calls.map(({ call }) => call.tool);
  const reasons = () => audit.events.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
  return { agent, audit, called, reasons, model };
}

describe("rules for tools [PR-F27]", () => {
  it.each<[string, ToolApprovalOptions, string[], string[]]>([
    ["deny before allow", { deny: ["delete_*"], allow: ["*"] }, ["read_mail", "send_mail"], ["tool_denied"]],
    [
      "ask before allow",
      { ask: ["send_*"], allow: ["*"] },
      ["read_mail", "delete_mail"],
      ["approval_refused"],
    ],
    [
      "deny before ask",
      { deny: ["send_mail"], ask: ["*"] },
      [],
      ["approval_refused", "tool_denied", "approval_refused"],
    ],
    ["a server's tool", { deny: ["table/delete_mail"] }, ["read_mail", "send_mail"], ["tool_denied"]],
    ["another server's tool", { deny: ["mail/delete_mail"] }, ["read_mail", "send_mail", "delete_mail"], []],
    ["all of a server", { deny: ["table/*"] }, [], ["tool_denied", "tool_denied", "tool_denied"]],
    [
      "what no rule names",
      { allow: ["read_*"], otherwise: "deny" },
      ["read_mail"],
      ["tool_denied", "tool_denied"],
    ],
  ])("%s", async (_name, rules, called, reasons) => {
    const handler = approvalCallback(() => "refuse");
    const run = turn({ handler, ...rules }, "read_mail", "send_mail", "delete_mail");
    expect((await run.agent.run(ask)).status).toBe("done");
    expect(run.called()).toEqual(called);
    expect(run.reasons()).toEqual(reasons);
  });

  it.each<[string, ToolApprovalOptions]>([
    ["asks nobody", { ask: ["send_*"] }],
    ["asks nobody by default", { otherwise: "ask" }],
    ["a pattern of nothing", { deny: [""] }],
    ["a pattern with a space", { deny: ["send mail"] }],
    ["no time", { timeoutMs: 0 }],
  ])("refuses to start with rules that cannot work: %s [PR-F27]", (_name, approvals) => {
    expect(() => turn(approvals)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  });
});

describe("asking [PR-F27]", () => {
  it("calls after a yes, which is in the log before the call, and shows the step as waiting meanwhile", async () => {
    const asked: ApprovalQuestion[] = [];
    const handler = approvalCallback((question) => {
      asked.push(question);
      return "approve";
    });
    const run = turn({ ask: ["send_mail"], handler }, "send_mail");
    const events = await collect(run.agent.stream({ ...ask, message: "Mail x@example.com" }));
    expect(ofKind(events, "tool").map(({ status }) => status)).toEqual(["running", "waiting", "done"]);
    expect(asked).toMatchObject([
      {
        agent: "order-management",
        server: "table",
        tool: "send_mail",
        arguments: [{ name: "to", value: "x@example.com", source: "you" }],
        subject: alice.subject,
        tenant: "default",
        integrity: "trusted",
      },
    ]);
    expect(run.audit.events[0]).toMatchObject({
      action: "agent.call_approved",
      outcome: "allowed",
      detail: { by: "callback", question: asked[0]?.id },
    });
  });

  it("does not call when the yes cannot be written down", async () => {
    const run = turn({ ask: ["*"], handler: approvalCallback(() => "approve") }, "send_mail");
    run.audit.append = () => Promise.reject(new Error("the log is down"));
    expect((await run.agent.run(ask)).status).toBe("failed");
    expect(run.called()).toEqual([]);
  });

  it.each<[string, ApprovalHandler, string]>([
    ["no answer in time", never, "approval_timeout"],
    ["a handler that throws", approvalCallback(() => Promise.reject(new Error("x"))), "approval_unavailable"],
    ["an answer that is no yes", approvalCallback(() => true as never), "approval_refused"],
  ])("takes %s as a no", async (_name, handler, reason) => {
    const run = turn({ ask: ["*"], handler, timeoutMs: 20 }, "send_mail");
    expect((await run.agent.run(ask)).status).toBe("done");
    expect(run.called()).toEqual([]);
    expect(run.reasons()).toEqual([reason]);
    expect(JSON.stringify(run.model.asked[1]?.prompt)).toContain("it was not done");
  });

  it("does not ask again for a while after a no, and asks about another call", async () => {
    let asked = 0;
    const handler = approvalCallback(() => {
      asked += 1;
      return "refuse";
    });
    const run = turn({ ask: ["*"], handler }, "send_mail", "send_mail", "delete_mail");
    await run.agent.run(ask);
    expect(asked).toBe(2);
    const again = turn({ ask: ["*"], handler, denyWindowMs: 0 }, "send_mail", "send_mail");
    await again.agent.run(ask);
    expect(asked).toBe(4);
  });

  it("keeps no more questions of a person open than it may, and no other person's out", async () => {
    const queue = approvalQueue();
    const source = tableTools({ send_mail: () => ({}) });
    const audit = auditList();
    const model = scriptedModel(
      Array.from(
        { length: 6 },
        () =>
          ({ prompt }: { prompt: unknown }) =>
            JSON.stringify(prompt).includes("tool-result")
              ? { text: "Done." }
              : { calls: [{ tool: "send_mail" }] },
      ),
    );
    const agent = makeAgent(new InMemoryConversationStore(), model, [source], {
      audit,
      approvals: { ask: ["*"], handler: queue, maxPending: { person: 1 } },
    });
    const first = agent.run(ask);
    await expect.poll(() => queue.list(alice).length).toBe(1);
    expect((await agent.run(ask)).status).toBe("done");
    expect(audit.events.map(({ reason }) => reason)).toContain("too_many_pending");
    const other = agent.run({ ...ask, caller: bob });
    await expect.poll(() => queue.list(bob).length).toBe(1);
    for (const one of [alice, bob]) queue.decide(one, queue.list(one)[0]?.id ?? "", "approve");
    await Promise.all([first, other]);
    expect(source.calls.map(({ subject }) => subject)).toEqual([alice.subject, bob.subject]);
    expect(queue.list(alice)).toEqual([]);
  });

  it("waits no longer than the run may take", async () => {
    const run = turn({ ask: ["*"], handler: never }, "send_mail");
    const controller = new AbortController();
    const result = run.agent.run({ ...ask, signal: controller.signal });
    await expect.poll(() => run.model.asked.length).toBe(1);
    controller.abort();
    expect((await result).status).toBe("stopped");
    expect(run.called()).toEqual([]);
  });
});

describe("what the agent's own yes does not do", () => {
  it("neither gives nor replaces the decision that a sensitive tool needs [SR-05] [PR-F27]", async () => {
    let asked = 0;
    const handler = approvalCallback(() => {
      asked += 1;
      return "approve";
    });
    const tools = cancelTool();
    const model = scriptedModel([
      { calls: [{ tool: "cancel_order", args: { order_id: "ORD-1" } }] },
      { text: "Cancelled." },
    ]);
    const agent = makeAgent(new InMemoryConversationStore(), model, [tools], {
      approvals: { ask: ["cancel_*"], handler },
    });
    const waiting = await agent.run(ask);
    expect([waiting.status, tools.effects]).toEqual(["waiting", []]);
    const approvalId = tools.approval?.id ?? "";
    expect(await agent.resumeRun({ ...ask, approvalId, decision: "approve" })).toMatchObject({
      status: "done",
    });
    expect(tools.effects).toHaveLength(1);
    expect(asked).toBe(1); // the person's own decision on this very call is not asked for twice
  });

  it("keeps a tool that is denied since then from being called on an old yes", async () => {
    const tools = cancelTool();
    const conversations = new InMemoryConversationStore();
    const script = scriptedModel([
      { calls: [{ tool: "cancel_order", args: { order_id: "ORD-1" } }] },
      { text: "It was not done." },
    ]);
    await makeAgent(conversations, script, [tools]).run(ask);
    const stricter = makeAgent(conversations, script, [tools], { approvals: { deny: ["cancel_order"] } });
    await stricter.resumeRun({ ...ask, approvalId: tools.approval?.id ?? "", decision: "approve" });
    expect(tools.effects).toEqual([]);
  });
});

describe("a queue", () => {
  it("is decided only by the person it asks, by themselves [SR-05]", async () => {
    const source = tableTools({ send_mail: () => ({}) });
    const agent = await buildAgent({
      model: scriptedModel([{ calls: [{ tool: "send_mail" }] }, { text: "Sent." }]),
      instructions: "Help.",
      conversations: new InMemoryConversationStore(),
      audit: auditList(),
      extraTools: [source],
      approvals: { ask: ["send_*"], handler: approvalQueue() },
    });
    const { approvals } = agent;
    if (!approvals) throw new Error("there is a queue");
    const as = (caller: typeof alice) => ({ caller: { caller, authority } });
    const running = agent.run("Send it", as(alice));
    await expect.poll(async () => (await approvals.list(as(alice))).length).toBe(1);
    const [question] = await approvals.list(as(alice));
    const id = question?.id ?? "";

    expect(await approvals.list(as(bob))).toEqual([]);
    await expect(approvals.approve(id, as(bob))).rejects.toMatchObject({ code: "not_found" });
    const deputy = callerOf("alice", { actors: [bob.subject] });
    await expect(approvals.approve(id, as(deputy))).rejects.toMatchObject({
      code: "first_party_session_required",
    });
    await expect(approvals.list(as(deputy))).rejects.toSatisfy((error) =>
      isDeputizeError(error, "first_party_session_required"),
    );
    expect(source.calls).toEqual([]);

    await approvals.approve(id, as(alice));
    expect((await running).status).toBe("done");
    expect(source.calls).toHaveLength(1);
    await expect(approvals.refuse(id, as(alice))).rejects.toMatchObject({ code: "not_found" });
    await agent.close();
  });
});

describe("a webhook", () => {
  type Answer = (question: ApprovalQuestion) => { headers: Readonly<Record<string, string>>; body: string };

  async function hook(answer: Answer) {
    const received: { headers: IncomingMessage["headers"]; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => (body += part));
      request.on("end", () => {
        received.push({ headers: request.headers, body });
        const said = answer((JSON.parse(body) as { data: ApprovalQuestion }).data);
        response.writeHead(200, said.headers).end(said.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stops.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    return { received, handler: approvalWebhook({ url, secret: SECRET, allowPrivate: true }) };
  }

  it("is asked by a signed request, and its signed yes counts [PR-F27]", async () => {
    const { received, handler } = await hook(({ id }) =>
      signApprovalAnswer({ secret: SECRET, approval: id, decision: "approve" }),
    );
    const run = turn({ ask: ["*"], handler }, "send_mail");
    await run.agent.run(ask);
    await run.agent.close();
    expect(run.called()).toEqual(["send_mail"]);
    const [{ headers, body }] = received as [(typeof received)[0]];
    expect(verifyEventSignature({ secret: SECRET, headers, body })).toBe(true);
    expect(JSON.parse(body)).toMatchObject({ type: "agent.approval_requested", data: { tool: "send_mail" } });
  });

  const other = "0190a0a0-0000-7000-8000-000000000000";
  it.each<[string, Answer]>([
    ["a no", ({ id }) => signApprovalAnswer({ secret: SECRET, approval: id, decision: "refuse" })],
    [
      "no signature",
      ({ id }) => ({ headers: {}, body: JSON.stringify({ approval: id, decision: "approve" }) }),
    ],
    [
      "another secret",
      ({ id }) => signApprovalAnswer({ secret: "x".repeat(32), approval: id, decision: "approve" }),
    ],
    [
      "a yes to another question",
      () => signApprovalAnswer({ secret: SECRET, approval: other, decision: "approve" }),
    ],
    [
      "an old yes",
      ({ id }) => signApprovalAnswer({ secret: SECRET, approval: id, decision: "approve", nowMs: 0 }),
    ],
    [
      "a yes under another's signature",
      ({ id }) => ({
        headers: signApprovalAnswer({ secret: SECRET, approval: id, decision: "refuse" }).headers,
        body: JSON.stringify({ approval: id, decision: "approve" }),
      }),
    ],
    ["too much", () => ({ headers: {}, body: "x".repeat(100_000) })],
  ])("answers %s: the call is not made", async (_name, answer) => {
    const { handler } = await hook(answer);
    const run = turn({ ask: ["*"], handler }, "send_mail");
    await run.agent.run(ask);
    await run.agent.close();
    expect(run.called()).toEqual([]);
  });
});

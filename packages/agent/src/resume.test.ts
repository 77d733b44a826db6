import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestStore } from "@deputize/store/testing";
import {
  alice,
  approvalFor,
  authority,
  bob,
  cancelTool,
  collect,
  makeAgent,
  ofKind,
  openAgentStore,
  tableTools,
} from "./agent.fixture.ts";
import type { Approval } from "./events.ts";
import { scriptedModel } from "./testing.ts";
import { type LocalTool, localTools } from "./tools/local-tools.ts";
import { z } from "zod";

let store: TestStore;
beforeAll(async () => {
  store = await openAgentStore();
});
afterAll(() => store?.close());

const ask = { caller: alice, authority, message: "Cancel order ORD-1 please" };
const args = { order_id: "ORD-1", reason: "changed my mind" };

const asks = { calls: [{ tool: "cancel_order", args }] };

describe("a call that waits for a person", () => {
  it("pauses the turn with a card that a reload shows too", async () => {
    const tools = cancelTool();
    const model = scriptedModel([asks]);
    const agent = makeAgent(store, model, [tools]);
    const events = await collect(agent.stream(ask));
    expect(ofKind(events, "approval")).toEqual([tools.approval]);
    expect(ofKind(events, "tool").at(-1)).toMatchObject({ status: "waiting", entry_id: "asked" });
    expect(ofKind(events, "done")[0]).toMatchObject({ status: "waiting" });
    expect(ofKind(events, "approval")[0]?.arguments).toEqual([
      { name: "order_id", value: "ORD-1", source: "you" },
      { name: "reason", value: "changed my mind", source: "other" },
    ]);
    const { messages } = await agent.conversations.get(
      alice,
      ofKind(events, "start")[0]?.conversation_id ?? "",
    );
    expect(messages[1]).toMatchObject({ approvals: [tools.approval], steps: [{ status: "waiting" }] });
    expect(messages[1]?.content).toContain("I need your yes");
    expect(tools.effects).toEqual([]);
  });

  it("is issued again exactly as it was shown, after a restart, and not by the model [SR-15]", async () => {
    const tools = cancelTool();
    await makeAgent(store, scriptedModel([asks]), [tools]).run(ask);
    const asked = tools.calls[0];

    // Another process: nothing but the store is shared. Its model would ask for something else.
    const model = scriptedModel([
      (options) => {
        expect(JSON.stringify(options.prompt)).toContain("changed my mind");
        return { text: "It is cancelled." };
      },
    ]);
    const restarted = makeAgent(store, model, [tools]);
    const events = await collect(
      restarted.resume({
        caller: alice,
        authority,
        approvalId: tools.approval?.id ?? "",
        decision: "approve",
      }),
    );
    model.assertComplete();
    const again = tools.calls[1];
    expect(again?.call).toEqual({
      ...asked?.call,
      approval: { id: tools.approval?.id, decision: "approve" },
    });
    expect(again?.label).toEqual(asked?.label);
    expect(tools.effects).toEqual([`${alice.subject} ORD-1`]);
    expect(ofKind(events, "tool").at(-1)).toMatchObject({
      call_id: asked?.call.callId,
      status: "done",
      entry_id: "done",
    });
    expect(ofKind(events, "done")[0]).toMatchObject({ status: "done" });
    const { messages } = await restarted.conversations.get(
      alice,
      ofKind(events, "start")[0]?.conversation_id ?? "",
    );
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "assistant"]);
    expect(messages[2]?.content).toBe("It is cancelled.");
  });

  it("tells the model about a no, and does nothing", async () => {
    const tools = cancelTool();
    await makeAgent(store, scriptedModel([asks]), [tools]).run(ask);
    const model = scriptedModel([
      (options) => {
        expect(JSON.stringify(options.prompt)).toContain("said no");
        return { text: "I left it as it was." };
      },
    ]);
    const result = await makeAgent(store, model, [tools]).resumeRun({
      caller: alice,
      authority,
      approvalId: tools.approval?.id ?? "",
      decision: "refuse",
    });
    expect(result).toMatchObject({
      status: "done",
      response: "I left it as it was.",
      steps: [{ status: "refused" }],
    });
    expect(tools.effects).toEqual([]);
  });

  it("is carried out once, however many resumptions come at the same time [SR-15]", async () => {
    const tools = cancelTool();
    await makeAgent(store, scriptedModel([asks]), [tools]).run(ask);
    const approvalId = tools.approval?.id ?? "";
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () =>
        makeAgent(store, scriptedModel([{ text: "Cancelled." }]), [tools])
          .resumeRun({ caller: alice, authority, approvalId, decision: "approve" })
          .then(
            ({ status }) => status,
            (error: { code: string }) => error.code,
          ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(1);
    expect(outcomes.every((outcome) => ["done", "conflict", "not_found"].includes(outcome))).toBe(true);
    expect(tools.effects).toHaveLength(1);
    const late = makeAgent(store, scriptedModel([]), [tools]);
    await expect(
      late.resumeRun({ caller: alice, authority, approvalId, decision: "approve" }),
    ).rejects.toMatchObject({ code: "not_found" });
  });

  it("is nobody else's to resume", async () => {
    const tools = cancelTool();
    await makeAgent(store, scriptedModel([asks]), [tools]).run(ask);
    const agent = makeAgent(store, scriptedModel([]), [tools]);
    await expect(
      agent.resumeRun({ caller: bob, authority, approvalId: tools.approval?.id ?? "", decision: "approve" }),
    ).rejects.toMatchObject({ code: "not_found" });
    expect(tools.effects).toEqual([]);
  });

  it("asks anew when what would happen has changed", async () => {
    const shown: Approval[] = [];
    const tools = tableTools({
      cancel_order(call) {
        const approval = approvalFor(call, `Cancel, version ${shown.length + 1}`);
        if (shown.length < 2) {
          shown.push(approval);
          return { status: "waiting", approval };
        }
        return { content: { cancelled: true } };
      },
    });
    await makeAgent(store, scriptedModel([asks]), [tools]).run(ask);
    const agent = makeAgent(store, scriptedModel([{ text: "Done." }]), [tools]);
    const resume = (index: number): Promise<{ status: string }> =>
      agent.resumeRun({ caller: alice, authority, approvalId: shown[index]?.id ?? "", decision: "approve" });
    const second = await agent.resumeRun({
      caller: alice,
      authority,
      approvalId: shown[0]?.id ?? "",
      decision: "approve",
    });
    expect(second).toMatchObject({ status: "waiting", approvals: [shown[1]] });
    await expect(resume(0)).rejects.toMatchObject({ code: "not_found" });
    expect(await resume(1)).toMatchObject({ status: "done" });
    expect(new Set(tools.calls.map(({ call }) => call.callId)).size).toBe(1);
  });

  it("holds back later calls of the same step until it is decided", async () => {
    const tools = cancelTool();
    const order: string[] = [];
    const also = tableTools({ get_order: () => (order.push("get_order"), {}) });
    const model = scriptedModel([{ calls: [...asks.calls, { tool: "get_order" }] }]);
    await makeAgent(store, model, [tools, also]).run(ask);
    expect(order).toEqual([]);
    const after = scriptedModel([{ text: "Both." }]);
    await makeAgent(store, after, [tools, also]).resumeRun({
      caller: alice,
      authority,
      approvalId: tools.approval?.id ?? "",
      decision: "approve",
    });
    expect(order).toEqual(["get_order"]);
    after.assertComplete();
  });

  it("does not hold up the conversation, and nothing of either turn is lost [PR-D28]", async () => {
    const tools = cancelTool();
    const agent = makeAgent(store, scriptedModel([asks, { text: "Hello again." }, { text: "Cancelled." }]), [
      tools,
    ]);
    const first = await agent.run(ask);
    await agent.run({ ...ask, message: "Meanwhile, hello", conversationId: first.conversation_id });
    await agent.resumeRun({
      caller: alice,
      authority,
      approvalId: tools.approval?.id ?? "",
      decision: "approve",
    });
    const { messages } = await agent.conversations.get(alice, first.conversation_id);
    expect(messages.map(({ seq, content }) => [seq, content])).toEqual([
      [1, ask.message],
      [2, expect.stringContaining("I need your yes")],
      [3, "Meanwhile, hello"],
      [4, "Hello again."],
      [5, "Cancelled."],
    ]);
  });

  it("is not issued twice when the process dies after it was carried out [SR-15]", async () => {
    const tools = cancelTool();
    await makeAgent(store, scriptedModel([asks]), [tools]).run(ask);
    const resumption = {
      caller: alice,
      authority,
      approvalId: tools.approval?.id ?? "",
      decision: "approve",
    } as const;
    // The "process" hangs in its next model call until its lease has run out.
    const dying = makeAgent(store, scriptedModel([{ after: new Promise(() => {}) }]), [tools]);
    const hung = dying.resumeRun(resumption);
    await expect.poll(() => tools.effects.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await store.ownerQuery(
      "UPDATE agent.runs SET lease = now() - interval '1 second' WHERE pending_approval = $1",
      [resumption.approvalId],
    );
    const next = await makeAgent(store, scriptedModel([{ text: "It was cancelled." }]), [tools]).resumeRun(
      resumption,
    );
    expect(next).toMatchObject({ status: "done", response: "It was cancelled." });
    expect(tools.effects).toHaveLength(1);
    await dying.close();
    expect((await hung).status).toBe("failed"); // it lost the run, and may not write over it
  });

  it("ends when it is stopped while it waits", async () => {
    const tools = cancelTool();
    const agent = makeAgent(store, scriptedModel([asks]), [tools]);
    const { run_id: runId } = await agent.run(ask);
    await agent.stop({ caller: alice, runId });
    await expect(
      agent.resumeRun({
        caller: alice,
        authority,
        approvalId: tools.approval?.id ?? "",
        decision: "approve",
      }),
    ).rejects.toMatchObject({ code: "not_found" });
    expect(tools.effects).toEqual([]);
  });
});

describe("a call that waits inside of a called agent", () => {
  it("pauses both, and one decision continues both", async () => {
    const tools = cancelTool();
    const specialist = makeAgent(store, scriptedModel([asks, { text: "Cancelled ORD-1." }]), [tools]);
    const callAgent: LocalTool = {
      name: "call_specialist_agent",
      description: "Asks a specialist.",
      input: z.strictObject({ agent_name: z.string(), message: z.string() }),
      async call(call, context) {
        const request = { caller: context.caller, authority };
        const result = call.approval
          ? await specialist.resumeRun({
              ...request,
              approvalId: call.approval.id,
              decision: call.approval.decision,
            })
          : await specialist.run({
              ...request,
              message: String(call.args["message"]),
              runOptions: { inputLabel: context.label },
            });
        for (const data of result.steps) context.emit({ event: "tool", data });
        const [approval] = result.approvals;
        return {
          status: result.status === "waiting" ? "waiting" : "done",
          content: result.response,
          label: result.label,
          cards: result.cards,
          agents: result.agents_involved,
          ...(result.status === "waiting" && approval && { approval }),
        };
      },
    };
    const sources = [localTools("agents", [callAgent])];
    const toSpecialist = {
      tool: "call_specialist_agent",
      args: { agent_name: "order-management", message: "Cancel ORD-1" },
    };
    const model = scriptedModel([{ calls: [toSpecialist] }, { text: "All done." }]);
    const orchestrator = makeAgent(store, model, sources, { name: "customer-support" });

    const paused = await orchestrator.run(ask);
    expect(paused).toMatchObject({ status: "waiting", approvals: [tools.approval] });
    expect(paused.agents_involved.toSorted()).toEqual(["customer-support", "order-management"]);
    expect(tools.effects).toEqual([]);
    const resumed = await orchestrator.resumeRun({
      caller: alice,
      authority,
      approvalId: tools.approval?.id ?? "",
      decision: "approve",
    });
    expect(resumed).toMatchObject({ status: "done", response: "All done." });
    expect(resumed.steps.map(({ agent, tool, status }) => [agent, tool, status])).toEqual([
      ["customer-support", "call_specialist_agent", "done"],
      ["order-management", "cancel_order", "done"],
    ]);
    expect(tools.effects).toHaveLength(1);
    // The specialist's conversation is not one of the person's with the orchestrator.
    const mine = await orchestrator.conversations.get(alice, paused.conversation_id);
    expect(mine.messages).toHaveLength(3);
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain("Cancelled ORD-1.");
  });
});

describe("turns within turns", () => {
  it("hold no transaction across a model call, a tool call or another agent [SR-16]", async () => {
    // The embedded database serves one transaction at a time: one that was held would stop all the others.
    const work = tableTools({
      async get_order(_, context) {
        await store.asCaller(context.caller, (tx) => tx.query("SELECT 1"));
        return {};
      },
    });
    const inner = (): ReturnType<typeof makeAgent> =>
      makeAgent(store, scriptedModel([{ calls: [{ tool: "get_order" }] }, { text: "Found." }]), [work]);
    const nest = tableTools({
      async call_agent(_, context) {
        const { response } = await inner().run({ caller: context.caller, authority, message: "look" });
        return { content: response };
      },
    });
    const turns = await Promise.all(
      Array.from({ length: 10 }, () =>
        makeAgent(store, scriptedModel([{ calls: [{ tool: "call_agent" }] }, { text: "Done." }]), [nest], {
          name: "customer-support",
        }).run(ask),
      ),
    );
    expect(turns.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "done"));
    expect(work.calls).toHaveLength(10);
  });
});

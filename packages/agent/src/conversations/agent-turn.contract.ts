/** Whole turns of an agent over any conversation store: who gets in, a pause and its resumption elsewhere, a store that fails. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isDeputizeError } from "@deputize/core";
import { alice, authority, bob, callerOf, cancelTool, makeAgent } from "../agent.fixture.ts";
import { scriptedModel } from "../testing.ts";
import type { ContractStore } from "./contract.fixture.ts";
import type { ConversationRoom, ConversationStore } from "./conversation-store.ts";
import { generateSessionId } from "./session-id.ts";

export function agentTurnContract(name: string, open: () => Promise<ContractStore>): void {
  let opened: ContractStore;
  let elsewhere: ConversationStore;
  beforeAll(async () => {
    opened = await open();
    elsewhere = await opened.another();
  });
  afterAll(() => opened?.close());

  describe(`${name}: an agent's turns`, () => {
    it("asks the model once a person when many send a first message to one id, and never for a loser [PR-D25]", async () => {
      const people = Array.from({ length: 5 }, (_, index) => callerOf(`rival-${index}`));
      let release = (): void => {};
      const after = new Promise<void>((resolve) => {
        release = resolve;
      });
      const model = scriptedModel(people.map(() => ({ text: "Hello.", after })));
      const agents = [opened.store, elsewhere].map((store) => makeAgent(store, model));
      const conversationId = generateSessionId();
      const lost: unknown[] = [];
      let allLost = (): void => {};
      const waiting = new Promise<void>((resolve) => {
        allLost = resolve;
      });
      const attempts = Array.from({ length: 50 }, async (_, index) => {
        const caller = people[index % people.length] ?? alice;
        const agent = agents[index % 2] ?? makeAgent(opened.store, model);
        const request = { caller, authority, message: `I am ${caller.subject}`, conversationId };
        await agent.run(request).catch((error: unknown) => {
          if (lost.push(error) === 45) allLost();
        });
      });
      await waiting;
      release();
      await Promise.all(attempts);
      expect(lost.filter((error) => isDeputizeError(error, "conflict"))).toHaveLength(45);
      model.assertComplete();
      for (const caller of people) {
        const { messages } = await makeAgent(elsewhere, model).conversations.get(caller, conversationId);
        expect(messages.map(({ content }) => content)).toEqual([`I am ${caller.subject}`, "Hello."]);
      }
    });

    it("pauses for an approval and goes on in another process, once, with the call that was shown [SR-15]", async () => {
      const tools = cancelTool();
      const args = { order_id: "ORD-1", reason: "changed my mind" };
      const asks = scriptedModel([{ calls: [{ tool: "cancel_order", args }] }]);
      const paused = await makeAgent(opened.store, asks, [tools]).run({
        caller: alice,
        authority,
        message: "Cancel order ORD-1 please",
      });
      expect(paused).toMatchObject({ status: "waiting", approvals: [{ status: "pending" }] });
      const resume = {
        caller: alice,
        authority,
        approvalId: paused.approvals[0]?.id ?? "",
        decision: "approve",
      } as const;
      const model = scriptedModel([{ text: "It is cancelled." }]);
      const restarted = makeAgent(elsewhere, model, [tools]);
      await expect(restarted.resumeRun({ ...resume, caller: bob })).rejects.toMatchObject({
        code: "not_found",
      });
      const results = await Promise.allSettled([
        restarted.resumeRun(resume),
        makeAgent(opened.store, model, [tools]).resumeRun(resume),
      ]);
      const done = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      expect(done).toMatchObject([{ status: "done", response: "It is cancelled." }]);
      expect(tools.effects).toEqual([`${alice.subject} ORD-1`]);
      model.assertComplete();

      // The next turn has as much of it in context as it may.
      const next = scriptedModel([{ text: "Yes." }]);
      await makeAgent(elsewhere, next, [], { limits: { historyMessages: 1 } }).run({
        caller: alice,
        authority,
        message: "Is it?",
        conversationId: paused.conversation_id,
      });
      const prompt = JSON.stringify(next.asked[0]?.prompt);
      expect(prompt).toContain("It is cancelled.");
      expect(prompt).not.toContain("Cancel order ORD-1");
    });

    it("gives no answer without history, and no end that was not stored, when the store fails [PR-D29]", async () => {
      const failing = (step: keyof ConversationRoom): ConversationStore => ({
        ...opened.store,
        kind: opened.store.kind,
        close: async () => {},
        open: (agent, clock) => ({
          ...opened.store.open(agent, clock),
          [step]: () => Promise.reject(new Error("the disk is on fire")),
        }),
      });
      const model = scriptedModel([{ text: "Hello." }]);
      const request = { caller: alice, authority, message: "hi" };
      await expect(makeAgent(failing("claimTurn"), model).run(request)).rejects.toThrow();
      expect(model.asked).toHaveLength(0);
      const faults: unknown[] = [];
      const onFault = (error: unknown) => void faults.push(error);
      const result = await makeAgent(failing("finish"), model, [], { onFault }).run(request);
      expect(result).toMatchObject({ status: "failed", problem: { code: "unavailable" } });
      expect(result.message_id).toBeUndefined();
      expect(faults).toHaveLength(1);
      const { messages } = await makeAgent(elsewhere, model).conversations.get(alice, result.conversation_id);
      expect(messages.map(({ content }) => content)).toEqual(["hi"]);
    });
  });
}

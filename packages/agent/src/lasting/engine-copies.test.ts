import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { TestStore } from "@deputize/store/testing";
import { alice, makeAgent, tableTools } from "../agent.fixture.ts";
import { scriptedModel } from "../testing.ts";
import { eventually, fakeMandates, openLastingStore } from "./lasting.fixture.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openLastingStore();
});
afterAll(() => store.close());

it("is done by every copy of the package that a process loads one after another [SR-14]", async () => {
  for (const answer of ["by the first", "by the second"]) {
    vi.resetModules();
    const { lastingWork } = await import("./lasting-work.ts");
    const agent = makeAgent(store, scriptedModel([{ text: answer }]), [tableTools({})]);
    const mandates = fakeMandates();
    const work = await lastingWork({ store, agent, authority: mandates, pollMs: 50, deadAfterMs: 1_000 });
    const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message: "Look" });
    const { conversation_id } = await eventually(
      () => work.status({ caller: alice, id }),
      (view) => view.status === "done",
    );
    const { messages } = await agent.conversations.get(alice, conversation_id);
    expect(messages.at(-1)?.content).toBe(answer);
    await work.close();
    await agent.close();
  }
});

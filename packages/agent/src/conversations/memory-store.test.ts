import { describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { alice, bob } from "../agent.fixture.ts";
import { START, answer, contents, openRoom, talk, turnOf, waitingTurn } from "./contract.fixture.ts";
import { agentTurnContract } from "./agent-turn.contract.ts";
import { conversationKeepingContract } from "./conversation-keeping.contract.ts";
import { conversationThreadsContract } from "./conversation-threads.contract.ts";
import { conversationStoreContract } from "./conversation-store.contract.ts";
import { InMemoryConversationStore } from "./memory-store.ts";

const open = async () => {
  const store = new InMemoryConversationStore({ maxMessages: 1_000 });
  return { store, another: async () => store, close: () => store.close() };
};
conversationStoreContract("in memory", open);
conversationKeepingContract("in memory", open);
conversationThreadsContract("in memory", open);
agentTurnContract("in memory", open);

describe("conversations in memory are bounded [PR-F39]", () => {
  it("lets the one go that is idle for longest, before any that waits, and never one that runs", async () => {
    const room = openRoom(new InMemoryConversationStore({ maxConversations: 4 }), manualClock(START));
    const running = await room.room.claimTurn(alice, turnOf("running"));
    const waiting = await waitingTurn(room, alice);
    const old = await talk(room, alice, "old");
    const newer = await talk(room, bob, "newer");
    await talk(room, alice, "old again", old.conversationId);

    await talk(room, alice, "fifth");
    await expect(room.room.get(bob, newer.conversationId)).rejects.toMatchObject({ code: "not_found" });
    expect(await contents(room.room, alice, old.conversationId)).toHaveLength(4);

    await room.room.claimTurn(alice, turnOf("sixth"));
    await room.room.claimTurn(alice, turnOf("seventh"));
    await expect(room.room.get(alice, old.conversationId)).rejects.toMatchObject({ code: "not_found" });
    await room.room.claimTurn(alice, turnOf("eighth"));
    await expect(room.room.claimResumption(alice, waiting.approvalId)).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(room.room.claimTurn(alice, turnOf("ninth"))).rejects.toMatchObject({ code: "unavailable" });
    await room.room.finish(alice, running, "done", answer("Still here."));
    await room.room.claimTurn(alice, turnOf("ninth"));
  });

  it("keeps the newest messages of a conversation, and goes on counting", async () => {
    const room = openRoom(new InMemoryConversationStore({ maxMessages: 4 }), manualClock(START));
    const { conversationId: id } = await talk(room, alice, "one");
    for (const message of ["two", "three"]) await talk(room, alice, message, id);
    const { messages } = await room.room.get(alice, id);
    expect(messages.map(({ seq, content }) => [seq, content])).toEqual([
      [3, "two"],
      [4, "Answer to two"],
      [5, "three"],
      [6, "Answer to three"],
    ]);
  });

  it("refuses options that cannot work", () => {
    for (const options of [{ maxMessages: 0 }, { maxConversations: 1.5 }, { max: 3 } as object])
      expect(() => new InMemoryConversationStore(options)).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
  });
});

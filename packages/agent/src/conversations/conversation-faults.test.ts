/** A store that fails at one step of its work: a typed error, and all of the work or none of it [PR-D29]. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ManualClock, isDeputizeError, manualClock } from "@deputize/core";
import type { Store, Tx } from "@deputize/store";
import type { TestStore } from "@deputize/store/testing";
import { alice, openAgentStore } from "../agent.fixture.ts";
import { AGENT, START, answer, talk, turnOf } from "./contract.fixture.ts";
import type { ConversationRoom } from "./conversation-store.ts";
import type { DocumentBackend } from "./document-backend.ts";
import { documentStore } from "./document-room.ts";
import { memoryBackend } from "./memory-store.ts";
import { PostgresConversationStore } from "./postgres-store.ts";

/** Lets `steps` pass, then fails for good. */
function fuse(steps: number): () => void {
  let left = steps;
  return () => {
    if (left-- <= 0) throw new Error("the disk is on fire");
  };
}

type Rooms = (clock: ManualClock, burn: () => void) => { failing: ConversationRoom; sound: ConversationRoom };

function failsWhole(name: string, rooms: Rooms): void {
  it.each([
    ["a claim", "claim"],
    ["an answer", "finish"],
  ] as const)(`${name}: %s`, async (_, what) => {
    let ended = false;
    for (let steps = 0; !ended; steps += 1) {
      const clock = manualClock(START);
      const { failing, sound } = rooms(clock, fuse(steps));
      const { conversationId: id } = await talk({ room: sound, clock }, alice, "before");
      const run = what === "finish" ? await sound.claimTurn(alice, turnOf("hi", id)) : undefined;
      const before = (await sound.get(alice, id)).messages.length;
      const error: unknown = await (
        run
          ? failing.finish(alice, run, "done", answer("Hello."))
          : failing.claimTurn(alice, turnOf("hi", id))
      ).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      ended = error === undefined;
      if (!ended) expect(isDeputizeError(error, "unavailable"), `after ${steps} steps`).toBe(true);
      const { messages } = await sound.get(alice, id);
      expect(messages).toHaveLength(ended ? before + 1 : before);
      // What failed can be done again.
      if (!ended && run) await sound.finish(alice, run, "done", answer("Hello."));
      else if (!ended) await sound.claimTurn(alice, turnOf("hi", id));
      expect((await sound.get(alice, id)).messages.map(({ seq }) => seq)).toEqual(
        Array.from({ length: before + 1 }, (_unused, index) => index + 1),
      );
    }
  });
}

describe("a store that fails at each step in turn [PR-D29]", () => {
  const memory = memoryBackend({ maxConversations: 1_000, maxMessages: 100 });
  failsWhole("documents", (clock, burn) => {
    const failing: DocumentBackend = {
      ...memory,
      read: async (...args) => (burn(), memory.read(...args)),
      write: async (...args) => (burn(), memory.write(...args)),
      messages: async (...args) => (burn(), memory.messages(...args)),
    };
    return {
      failing: documentStore(failing).open(AGENT, clock),
      sound: documentStore(memory).open(AGENT, clock),
    };
  });

  let store: TestStore;
  beforeAll(async () => {
    store = await openAgentStore();
  });
  afterAll(() => store?.close());
  failsWhole("postgres", (clock, burn) => {
    const failing: Store = {
      ...store,
      asCaller: (caller, work, options) =>
        store.asCaller(
          caller,
          async (tx) => {
            const query: Tx["query"] = async (...args) => (burn(), tx.query(...args));
            const value = await work({ ...tx, query } as Tx);
            burn(); // before the commit
            return value;
          },
          options,
        ),
    };
    return {
      failing: new PostgresConversationStore(failing).open(AGENT, clock),
      sound: new PostgresConversationStore(store).open(AGENT, clock),
    };
  });
});

/** What every conversation store must do beside turns: begin a conversation, keep messages and facts in it, take a message out. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isDeputizeError, newId } from "@deputize/core";
import { alice, bob } from "../agent.fixture.ts";
import {
  type ContractStore,
  type Said,
  contents,
  gather,
  label,
  openRoom,
  talk,
  turnOf,
} from "./contract.fixture.ts";

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "done";
  } catch (error) {
    return isDeputizeError(error) ? error.code : String(error);
  }
};

export function conversationThreadsContract(name: string, open: () => Promise<ContractStore>): void {
  let opened: ContractStore;
  let here: Said;
  let there: Said;
  beforeAll(async () => {
    opened = await open();
    here = openRoom(opened.store);
    there = openRoom(await opened.another(), here.clock);
  });
  afterAll(() => opened?.close());
  const kept = (content: string, role: "user" | "assistant" = "user") => ({ role, content, label });

  describe(`${name}: conversations beside turns`, () => {
    it("begins one in which nothing was said, which a turn goes on with", async () => {
      const begun = await here.room.begin(alice, { title: "Trip", metadata: { color: "red" } });
      expect(begun).toMatchObject({ title: "Trip", metadata: { color: "red" }, state: {}, version: 0 });
      expect((await there.room.get(alice, begun.id)).messages).toEqual([]);
      expect((await there.room.list(alice)).conversations.map(({ id }) => id)).toContain(begun.id);
      await talk(here, alice, "Hello", begun.id);
      expect(await contents(there.room, alice, begun.id)).toEqual(["Hello", "Answer to Hello"]);
      expect((await there.room.get(alice, begun.id)).title).toBe("Trip");
      expect(await codeOf(there.room.begin(alice, { id: begun.id }))).toBe("conflict");
      // Another's conversation under the same id is another one.
      expect((await there.room.begin(bob, { id: begun.id })).metadata).toEqual({});
      expect(await codeOf(here.room.begin(alice, { id: "no id" }))).toBe("not_found");
    });

    it("keeps messages without a turn, and gives them to the next one", async () => {
      const { id } = await here.room.begin(alice);
      const stored = await here.room.append(alice, id, [kept("I like tea"), kept("Noted", "assistant")]);
      expect(stored.map(({ seq, role, content }) => [seq, role, content])).toEqual([
        [1, "user", "I like tea"],
        [2, "assistant", "Noted"],
      ]);
      const claimed = await there.room.claimTurn(alice, turnOf("What do I like?", id, true));
      expect(claimed.history).toEqual([
        { role: "user", content: "I like tea" },
        { role: "assistant", content: "Noted" },
      ]);
      expect(claimed.historyLabel).toEqual(label);
      expect(await codeOf(here.room.append(alice, id, [kept("in between")]))).toBe("conflict");
      expect(await codeOf(here.room.removeMessage(alice, id, stored[0]?.id ?? ""))).toBe("conflict");
    });

    it("takes a message out for readers, exports and later turns", async () => {
      const { id } = await here.room.begin(alice);
      const [first, second] = await here.room.append(alice, id, [kept("my secret"), kept("the rest")]);
      await there.room.removeMessage(alice, id, first?.id ?? "");
      expect(await contents(here.room, alice, id)).toEqual(["the rest"]);
      expect(JSON.stringify(await gather(here.room.export(alice, id)))).not.toContain("my secret");
      expect((await here.room.get(alice, id, { limit: 1 })).messages).toMatchObject([{ id: second?.id }]);
      expect(await codeOf(here.room.removeMessage(alice, id, first?.id ?? ""))).toBe("not_found");
      expect(await codeOf(here.room.removeMessage(alice, id, newId()))).toBe("not_found");
      const claimed = await here.room.claimTurn(alice, turnOf("go on", id, true));
      expect(claimed.history).toEqual([{ role: "user", content: "the rest" }]);
    });

    it("lets one of several writers of a state win, and tells the others [AF-F14]", async () => {
      const { id } = await here.room.begin(alice);
      const tries = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          codeOf((index % 2 ? here : there).room.setFacts(alice, id, { state: { index }, expected: 0 })),
        ),
      );
      expect(tries.toSorted()).toEqual([...Array.from({ length: 9 }, () => "conflict"), "done"]);
      const won = await here.room.facts(alice, id);
      expect(won.version).toBe(1);
      expect(won.state["index"]).toBe(tries.indexOf("done"));
      await there.room.setFacts(alice, id, { metadata: { a: ["\u0000", 1] } });
      expect(await here.room.facts(alice, id)).toMatchObject({ version: 1, metadata: { a: ["\uFFFD", 1] } });
    });

    it("[AF-F08] answers for another's, a removed and a missing conversation alike, and changes nothing", async () => {
      const { id: foreign } = await here.room.begin(alice, { metadata: { mine: true } });
      const [message] = await here.room.append(alice, foreign, [kept("mine")]);
      const { id: removed } = await here.room.begin(bob, { metadata: { gone: true } });
      await here.room.delete(bob, removed);
      for (const id of [foreign, removed, newId(), "no id", "a\u0000b"]) {
        for (const attempt of [
          () => there.room.facts(bob, id),
          () => there.room.setFacts(bob, id, { state: { his: true } }),
          () => there.room.append(bob, id, [kept("his")]),
          () => there.room.removeMessage(bob, id, message?.id ?? ""),
        ]) {
          expect(await codeOf(attempt())).toBe("not_found");
        }
      }
      expect(await contents(here.room, alice, foreign)).toEqual(["mine"]);
      expect((await here.room.facts(alice, foreign)).version).toBe(0);
    });
  });
}

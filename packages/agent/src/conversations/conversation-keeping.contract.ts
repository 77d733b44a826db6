/** What every conversation store must do with what it keeps: pages, titles, hostile text, removal, export, erasure. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock, newId } from "@deputize/core";
import { alice, bob, callerOf } from "../agent.fixture.ts";
import {
  type ContractStore,
  START,
  type Said,
  answer,
  contents,
  gather,
  label,
  openRoom,
  talk,
  turnOf,
  waitingTurn,
} from "./contract.fixture.ts";

export function conversationKeepingContract(name: string, open: () => Promise<ContractStore>): void {
  let opened: ContractStore;
  let here: Said;
  let there: Said;
  beforeAll(async () => {
    opened = await open();
    here = openRoom(opened.store);
    there = openRoom(await opened.another(), here.clock);
  });
  afterAll(() => opened?.close());

  describe(`${name}: what is kept`, () => {
    it("lists by the newest message, page by page, with ties and without a gap [PR-F40]", async () => {
      const carol = callerOf("carol");
      const clock = manualClock(START);
      const mine = openRoom(opened.store, clock);
      const ids: string[] = [];
      for (let index = 0; index < 105; index += 1) {
        // Ten at each instant.
        if (index % 10 === 0) clock.advance(1_000);
        ids.push((await mine.room.claimTurn(carol, turnOf(`Question ${index}`))).conversationId);
      }
      expect((await mine.room.list(carol)).conversations).toHaveLength(50);
      expect((await mine.room.list(carol, { limit: 1_000 })).conversations).toHaveLength(100);
      for (const limit of [1, 7, 100]) {
        const listed: { id: string; last_message: string }[] = [];
        let cursor: string | undefined;
        do {
          const page = await there.room.list(carol, { limit, ...(cursor && { cursor }) });
          listed.push(...page.conversations);
          cursor = page.next;
        } while (cursor);
        expect(listed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
        const order = listed.map(({ last_message, id }) => `${last_message} ${id}`);
        expect(order).toEqual(order.toSorted().toReversed());
      }
      for (const cursor of ["x", "2026", "+275760-09-13T00:00:00.000Z", "0000-01-01T00:00:00.000Z"]) {
        const made = Buffer.from(`${cursor}|${newId()}`).toString("base64url");
        for (const wrong of [cursor, made])
          await expect(there.room.list(carol, { cursor: wrong })).rejects.toMatchObject({
            code: "invalid_request",
          });
      }
    });

    it("gives a huge conversation in pages, the newest first, each in order", async () => {
      const { conversationId: id } = await talk(here, alice, "turn 0");
      for (let turn = 1; turn < 125; turn += 1) await talk(here, alice, `turn ${turn}`, id);
      const newest = await there.room.get(alice, id);
      expect(newest.messages).toHaveLength(200);
      expect(newest.messages.at(-1)?.content).toBe("Answer to turn 124");
      expect(newest.earlier).toBe(newest.messages[0]?.seq);
      const earlier = await there.room.get(alice, id, { before: newest.earlier ?? 0 });
      expect(earlier.messages.map(({ seq }) => seq)).toEqual(
        Array.from({ length: 50 }, (_, index) => index + 1),
      );
      expect(earlier.earlier).toBeUndefined();
      const few = await there.room.get(alice, id, { limit: 3, before: 101 });
      expect(few).toMatchObject({ earlier: 98, messages: [{ seq: 98 }, { seq: 99 }, { seq: 100 }] });
      expect((await there.room.get(alice, id, { limit: 100_000 })).messages).toHaveLength(250);
      expect(
        (await gather(there.room.export(alice, id))).slice(1).map((one) => "seq" in one && one.seq),
      ).toEqual(Array.from({ length: 250 }, (_, index) => index + 1));
    });

    it("keeps all that a message has, and hands out nothing that can be changed", async () => {
      const run = await here.room.claimTurn(alice, turnOf("Where is it?"));
      const step = { call_id: newId(), agent: "shop", tool: "get_order", status: "done", ms: 3 } as const;
      const full = {
        ...answer("On its way."),
        agentsInvolved: ["shop"],
        cards: [{ type: "order", n: 1 }],
        steps: [step],
      };
      const id = await here.room.finish(alice, run, "done", full);
      const read = async () => (await there.room.get(alice, run.conversationId)).messages[1];
      const message = await read();
      expect(message).toEqual({
        id,
        seq: 2,
        role: "assistant",
        content: "On its way.",
        agent_name: "order-management",
        agents_involved: ["shop"],
        cards: [{ type: "order", n: 1 }],
        steps: [step],
        approvals: [],
        created: new Date(here.clock.nowMs()).toISOString(),
      });
      Object.assign(message ?? {}, { content: "changed" });
      Object.assign(message?.cards[0] ?? {}, { n: 2 });
      expect(await read()).toMatchObject({ content: "On its way.", cards: [{ n: 1 }] });
    });

    it("survives text that is no text: U+0000, lone surrogates, endless lines", async () => {
      const hostile = "nul \u0000 and \ud800 half";
      const { conversationId: id } = await talk(here, alice, hostile);
      expect((await there.room.get(alice, id)).title).toBe("nul \uFFFD and \uFFFD half");
      expect((await contents(there.room, alice, id))[0]).toBe("nul \uFFFD and \uFFFD half");
      expect(await there.room.rename(alice, id, ` ${hostile}`)).toMatchObject({
        title: "nul \uFFFD and \uFFFD half",
      });
      const long = await talk(here, alice, `${"x".repeat(78)}😀 and more`);
      const { title } = await there.room.get(alice, long.conversationId);
      expect(title.isWellFormed()).toBe(true);
      expect(title.length).toBeLessThanOrEqual(80);
      await waitingTurn(here, alice, { [hostile]: hostile });
    });

    it("takes titles of 1 to 200 characters", async () => {
      const { conversationId: id } = await talk(here, alice, "  What   is\nthis? ");
      expect((await here.room.get(alice, id)).title).toBe("What is this?");
      for (const title of ["", "   ", "x".repeat(201)])
        await expect(here.room.rename(alice, id, title)).rejects.toMatchObject({ code: "validation_failed" });
      const renamed = await there.room.rename(alice, id, `  ${"x".repeat(200)} `);
      expect(renamed).toMatchObject({ id, title: "x".repeat(200) });
      expect((await here.room.get(alice, id)).title).toBe(renamed.title);
    });

    it("removes a conversation with its messages, and ends its run", async () => {
      const dave = callerOf("dave");
      const { conversationId: id } = await talk(here, dave, "to forget");
      const run = await here.room.claimTurn(dave, turnOf("and this", id));
      await there.room.delete(dave, id);
      expect(await here.room.renew(dave, run)).toBe("stop");
      await expect(here.room.finish(dave, run, "done", answer("late"))).rejects.toMatchObject({
        code: "not_found",
      });
      await expect(there.room.requestStop(dave, run.runId)).rejects.toMatchObject({ code: "not_found" });
      expect((await here.room.list(dave)).conversations).toEqual([]);
      expect(await gather(opened.store.export(dave))).toEqual([]);
      expect(await opened.store.eraseOwner(dave)).toMatchObject({ messages: 0, runs: 0 });
    });

    it("exports everything that the caller owns, with labels and times, and nothing else", async () => {
      const erin = callerOf("erin");
      const other = { room: opened.store.open("product-discovery", here.clock), clock: here.clock };
      const first = await talk(here, erin, "first");
      const second = await talk(other, erin, "second");
      await talk(here, callerOf("frank"), "not hers");
      const of = (id: string) => (record: { id: string } | { conversation: string }) =>
        "conversation" in record ? record.conversation === id : record.id === id;
      const all = await gather(opened.store.export(erin));
      expect(all).toHaveLength(6);
      expect(all.filter(of(second.conversationId))).toMatchObject([
        { kind: "conversation", agent: "product-discovery", title: "second" },
        { kind: "message", agent: "product-discovery", role: "user", content: "second", label },
        { kind: "message", role: "assistant", content: "Answer to second", tokens_in: 3, tokens_out: 4 },
      ]);
      for (const record of all) expect(Date.parse(record.created)).toBeGreaterThanOrEqual(START);
      const one = await gather(there.room.export(erin, first.conversationId));
      expect(one).toEqual(all.filter(of(first.conversationId)));
      expect(one).toHaveLength(3);
      expect(await gather(there.room.export(erin))).toEqual(one);
    });

    it("erases a person: every row of theirs goes, and nobody else's [PR-D30]", async () => {
      const grace = callerOf("grace");
      const { conversationId: kept } = await talk(here, bob, "stays");
      const elsewhere = { ...grace, tenant: "elsewhere" };
      const { conversationId: other } = await talk(here, elsewhere, "stays too");
      const { conversationId: id } = await talk(here, grace, "first");
      await talk(
        { room: opened.store.open("product-discovery", here.clock), clock: here.clock },
        grace,
        "second",
      );
      const paused = await waitingTurn(here, grace);
      const running = await here.room.claimTurn(grace, turnOf("running"));

      const { tenant, subject } = grace;
      const erased = await opened.store.eraseOwner({ tenant, subject });
      expect(erased).toMatchObject({ conversations: 4, messages: 7 });
      expect(erased.runs).toBeGreaterThanOrEqual(2);
      expect(await opened.store.eraseOwner({ tenant, subject })).toEqual({
        conversations: 0,
        messages: 0,
        runs: 0,
      });
      expect(await gather(opened.store.export(grace))).toEqual([]);
      for (const late of [
        () => there.room.get(grace, id),
        () => there.room.claimResumption(grace, paused.approvalId),
        () => there.room.finish(grace, running, "done", answer("late")),
      ])
        await expect(late()).rejects.toMatchObject({ code: "not_found" });
      expect(await gather(opened.store.export(grace))).toEqual([]);
      expect(await contents(here.room, bob, kept)).toEqual(["stays", "Answer to stays"]);
      expect(await contents(here.room, elsewhere, other)).toEqual(["stays too", "Answer to stays too"]);
      // The id is free again, and what is begun is new.
      await talk(here, grace, "anew", id);
      expect(await contents(here.room, grace, id)).toEqual(["anew", "Answer to anew"]);
    });
  });
}

/** What every conversation store must do, as tests that each of them runs: who may work on a conversation, and how runs end. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isDeputizeError, manualClock, newId, parsePrincipalId } from "@deputize/core";
import { alice, bob, callerOf } from "../agent.fixture.ts";
import {
  AGENT,
  type ContractStore,
  START,
  type Said,
  answer,
  contents,
  gather,
  label,
  openRoom,
  said,
  talk,
  turnOf,
  waitingTurn,
} from "./contract.fixture.ts";
import { CUT_OFF, LEASE_MS, SessionAccessDeniedError } from "./conversation-store.ts";

export function conversationStoreContract(name: string, open: () => Promise<ContractStore>): void {
  let opened: ContractStore;
  let here: Said;
  let there: Said;
  beforeAll(async () => {
    opened = await open();
    here = openRoom(opened.store);
    there = openRoom(await opened.another(), here.clock);
  });
  afterAll(() => opened?.close());

  describe(`${name}: who owns a conversation`, () => {
    it("gives each of several people who begin one id at once their own, and one run at a time [PR-D25] [SR-26] [PR-F40]", async () => {
      const people = Array.from({ length: 5 }, (_, index) => callerOf(`racer-${index}`));
      const id = newId();
      const claims = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const caller = people[index % people.length] ?? alice;
          const { room } = index % 3 === 0 ? there : here;
          const won = await room
            .claimTurn(caller, turnOf(`from ${caller.subject}`, id))
            .catch((error: unknown) => error);
          return { caller, won };
        }),
      );
      for (const caller of people) {
        const mine = claims.filter((claim) => claim.caller === caller).map(({ won }) => won);
        expect(mine.filter((won) => isDeputizeError(won, "conflict"))).toHaveLength(9);
        expect(mine.filter((won) => !(won instanceof Error))).toHaveLength(1);
        expect(await contents(here.room, caller, id)).toEqual([`from ${caller.subject}`]);
      }
    });

    it("answers for another's, a removed and a missing conversation in the same words [PR-D27]", async () => {
      const { conversationId: foreign } = await talk(here, alice, "mine");
      const { conversationId: removed } = await talk(here, bob, "gone");
      await here.room.delete(bob, removed);
      const paused = await waitingTurn(here, alice);
      const { room } = there;
      for (const attempt of [
        (id: string) => room.get(bob, id),
        (id: string) => room.rename(bob, id, "mine now"),
        (id: string) => room.delete(bob, id),
        (id: string) => gather(room.export(bob, id)),
        (id: string) => room.claimTurn(bob, turnOf("hi", id, true)),
        (id: string) => room.finish(bob, { runId: newId(), conversationId: id }, "done", answer("x")),
      ]) {
        const missing = await said(attempt(newId()));
        expect(missing).toContain("there is no such conversation");
        for (const id of [foreign, removed, "no id", "a\u0000b", "\ud800"])
          expect(await said(attempt(id))).toBe(missing);
      }
      for (const attempt of [
        (id: string) => room.requestStop(bob, id),
        (id: string) => room.claimResumption(bob, id),
      ]) {
        const missing = await said(attempt(newId()));
        expect(missing).toContain('"not_found"');
        for (const id of [paused.runId, paused.approvalId, foreign, "a\u0000b", "\ud800"])
          expect(await said(attempt(id))).toBe(missing);
      }
      const denied: unknown = await room.get(bob, foreign).catch((error: unknown) => error);
      expect(SessionAccessDeniedError.isInstance(denied)).toBe(true);
      expect(await said(room.claimTurn(bob, turnOf("again", removed)))).toContain("there is no such");
      expect(await contents(here.room, alice, foreign)).toEqual(["mine", "Answer to mine"]);
    });

    it("keeps tenants, people and agents apart, however alike their names are [PR-D35]", async () => {
      const id = newId();
      const tenants = ["a:b", "a/b", "a_b", "a", "A"];
      for (const tenant of tenants) await talk(here, { ...alice, tenant }, `of ${tenant}`, id);
      const other = { room: opened.store.open("order", here.clock), clock: here.clock };
      await talk(other, { ...alice, tenant: "a" }, "of another agent", id);
      for (const tenant of tenants) {
        const caller = { ...alice, tenant };
        expect(await contents(there.room, caller, id)).toEqual([`of ${tenant}`, `Answer to of ${tenant}`]);
        expect((await there.room.list(caller)).conversations).toHaveLength(1);
      }
      const nobody = { ...alice, tenant: "a", subject: parsePrincipalId(newId()) };
      expect((await there.room.list(nobody)).conversations).toEqual([]);
    });
  });

  describe(`${name}: turns`, () => {
    it("stores every turn of a conversation in order, and nothing of those that lose [PR-D28] [PR-F39]", async () => {
      const { conversationId } = await talk(here, alice, "first");
      let turns = 1;
      for (let round = 0; round < 4; round += 1) {
        const claims = await Promise.allSettled(
          Array.from({ length: 8 }, (_, index) =>
            (index % 2 ? here : there).room.claimTurn(alice, turnOf(`round ${round}`, conversationId)),
          ),
        );
        const won = claims.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
        expect(won).toHaveLength(1);
        for (const claim of won) await there.room.finish(alice, claim, "done", answer(`end ${round}`));
        turns += 1;
      }
      const { messages } = await here.room.get(alice, conversationId);
      expect(messages.map(({ seq }) => seq)).toEqual(
        Array.from({ length: turns * 2 }, (_, index) => index + 1),
      );
      expect(messages.slice(2).map(({ content }) => content)).toEqual(
        [0, 1, 2, 3].flatMap((round) => [`round ${round}`, `end ${round}`]),
      );
    });

    it("gives a turn as many earlier messages as it asks for, with their label", async () => {
      const { conversationId } = await talk(here, alice, "one");
      await talk(here, alice, "two", conversationId);
      const claimed = await there.room.claimTurn(alice, turnOf("three", conversationId, false, 3));
      expect(claimed.history).toEqual([
        { role: "assistant", content: "Answer to one" },
        { role: "user", content: "two" },
        { role: "assistant", content: "Answer to two" },
      ]);
      expect(claimed.historyLabel).toMatchObject({ integrity: "trusted", readers: [alice.subject] });
      expect(claimed.historyLabel.source).toContain("tool:get_order");
    });

    it("ends a run once, and lets nobody end another's [PR-D28]", async () => {
      const run = await here.room.claimTurn(alice, turnOf("hi"));
      const other = await here.room.claimTurn(alice, turnOf("hi"));
      const wrong = { runId: other.runId, conversationId: run.conversationId };
      await expect(here.room.finish(alice, wrong, "done", answer("x"))).rejects.toMatchObject({
        code: "conflict",
      });
      await here.room.finish(alice, run, "done", answer("Hello."));
      for (const late of [
        () => there.room.finish(alice, run, "done", answer("again")),
        () => there.room.pause(alice, run, { approvalId: newId(), state: {}, message: answer("again") }),
        () => there.room.checkpoint(alice, run, { late: true }, label),
      ])
        await expect(late()).rejects.toMatchObject({ code: "conflict" });
      expect(await contents(here.room, alice, run.conversationId)).toEqual(["hi", "Hello."]);
    });

    it("says that a run was interrupted whose process died, and takes nothing of it afterwards", async () => {
      const clock = manualClock(START);
      const mine = openRoom(opened.store, clock);
      const dead = await mine.room.claimTurn(alice, turnOf("are you there?"));
      clock.advance(LEASE_MS);
      await expect(mine.room.claimTurn(alice, turnOf("hello?", dead.conversationId))).rejects.toMatchObject({
        code: "conflict",
      });
      clock.advance(1);
      const next = await mine.room.claimTurn(alice, turnOf("hello?", dead.conversationId));
      expect(next.history).toEqual([
        { role: "user", content: "are you there?" },
        { role: "assistant", content: CUT_OFF },
      ]);
      expect(await mine.room.renew(alice, dead)).toBe("stop");
      await expect(mine.room.finish(alice, dead, "done", answer("late"))).rejects.toMatchObject({
        code: "conflict",
      });
      await mine.room.finish(alice, next, "done", answer("Here."));
      expect(await contents(mine.room, alice, dead.conversationId)).toEqual([
        "are you there?",
        CUT_OFF,
        "hello?",
        "Here.",
      ]);
    });

    it("leaves a run alone that renews its lease", async () => {
      const clock = manualClock(START);
      const mine = openRoom(opened.store, clock);
      const run = await mine.room.claimTurn(alice, turnOf("hi"));
      for (let beat = 0; beat < 3; beat += 1) {
        clock.advance(LEASE_MS - 1);
        expect(await mine.room.renew(alice, run)).toBe("go on");
      }
      await expect(mine.room.claimTurn(alice, turnOf("hi", run.conversationId))).rejects.toMatchObject({
        code: "conflict",
      });
      await mine.room.finish(alice, run, "done", answer("Hello."));
    });
  });

  describe(`${name}: runs that wait`, () => {
    it("lets exactly one resumption take a run up, with what it was left with", async () => {
      const state = { nested: [{ text: "a\u0000b\ud800", amount: 12 }] };
      const paused = await waitingTurn(here, alice, state);
      const claims = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? here : there).room.claimResumption(alice, paused.approvalId),
        ),
      );
      const won = claims.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      expect(won).toEqual([
        {
          runId: paused.runId,
          conversationId: paused.conversationId,
          state: { nested: [{ text: "a\uFFFDb\uFFFD", amount: 12 }] },
          label: answer("").label,
        },
      ]);
      const lost = claims.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
      expect(lost.every((error) => isDeputizeError(error, "conflict"))).toBe(true);
      await there.room.finish(alice, paused, "done", answer("Done."));
      await expect(here.room.claimResumption(alice, paused.approvalId)).rejects.toMatchObject({
        code: "not_found",
      });
      expect(await contents(here.room, alice, paused.conversationId)).toEqual([
        "cancel it",
        "May I?",
        "Done.",
      ]);
    });

    it("waits again when a resumption dies, from where it had come to", async () => {
      const clock = manualClock(START);
      const mine = openRoom(opened.store, clock);
      const paused = await waitingTurn(mine, alice);
      const first = await mine.room.claimResumption(alice, paused.approvalId);
      await mine.room.checkpoint(alice, first, { decided: true }, label);
      clock.advance(LEASE_MS + 1);
      const again = await mine.room.claimResumption(alice, paused.approvalId);
      expect(again).toMatchObject({ runId: paused.runId, state: { decided: true }, label });
      clock.advance(LEASE_MS + 1);
      // A new message does not lose it either.
      const turn = await mine.room.claimTurn(alice, turnOf("meanwhile", paused.conversationId));
      await expect(mine.room.claimResumption(alice, paused.approvalId)).rejects.toMatchObject({
        code: "conflict",
      });
      await mine.room.finish(alice, turn, "done", answer("Fine."));
      expect(await mine.room.claimResumption(alice, paused.approvalId)).toMatchObject({
        runId: paused.runId,
      });
    });

    it("takes up a run beside one that died", async () => {
      const clock = manualClock(START);
      const mine = openRoom(opened.store, clock);
      const paused = await waitingTurn(mine, alice);
      await mine.room.claimTurn(alice, turnOf("and this", paused.conversationId));
      clock.advance(LEASE_MS + 1);
      expect(await mine.room.claimResumption(alice, paused.approvalId)).toMatchObject({
        runId: paused.runId,
      });
      expect((await contents(mine.room, alice, paused.conversationId)).at(-1)).toBe(CUT_OFF);
    });

    it("stops what runs at its next sign of life, and what waits at once", async () => {
      const run = await here.room.claimTurn(alice, turnOf("hi"));
      expect(await there.room.requestStop(alice, run.runId)).toBe("running");
      expect(await here.room.renew(alice, run)).toBe("stop");
      await here.room.finish(alice, run, "stopped", answer("I stopped."));
      await expect(there.room.requestStop(alice, run.runId)).rejects.toMatchObject({ code: "not_found" });

      const paused = await waitingTurn(here, alice);
      expect(await there.room.requestStop(alice, paused.runId)).toBe("stopped");
      await expect(here.room.claimResumption(alice, paused.approvalId)).rejects.toMatchObject({
        code: "not_found",
      });
    });
  });

  it(`${name}: a store that cannot be reached says so at every step, and gives nothing [PR-D29]`, async () => {
    if (!opened.broken) return;
    const broken = await opened.broken();
    const room = broken.open(AGENT, here.clock);
    const run = { runId: newId(), conversationId: newId() };
    const steps = [
      () => room.claimTurn(alice, turnOf("hi")),
      () => room.claimResumption(alice, newId()),
      () => room.finish(alice, run, "done", answer("x")),
      () => room.pause(alice, run, { approvalId: newId(), state: {}, message: answer("x") }),
      () => room.checkpoint(alice, run, {}, label),
      () => room.renew(alice, run),
      () => room.requestStop(alice, run.runId),
      () => room.list(alice),
      () => room.get(alice, run.conversationId),
      () => room.rename(alice, run.conversationId, "x"),
      () => room.delete(alice, run.conversationId),
      () => gather(room.export(alice)),
      () => gather(broken.export(alice)),
      () => broken.eraseOwner(alice),
    ];
    const failed = await Promise.all(steps.map((step) => step().catch((error: unknown) => error)));
    for (const [index, error] of failed.entries())
      expect(isDeputizeError(error, "unavailable"), String(steps[index])).toBe(true);
    await broken.close();
  });
}

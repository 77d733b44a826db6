/** What every store of runs does. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newId, randomHex } from "@deputize/core";
import { testCaller } from "../../testing.ts";
import type { NewRun, RunChange, RunStatus, RunStore, RunStoreOptions } from "./run.ts";

export interface ContractRunStore {
  /** A store over the same runs, with options of its own. */
  open(options?: RunStoreOptions): RunStore;
  close(): Promise<void>;
}

const alice = testCaller("alice");
const bob = testCaller("bob");
const elsewhere = { ...testCaller("alice"), tenant: "other" };
const DONE = [{ event: "done", data: { status: "cancelled" } }];
const LOST = [
  { event: "error", data: { code: "RUN_INTERRUPTED" } },
  { event: "done", data: { status: "failed" } },
];
const FAULT = { code: "RUN_INTERRUPTED", message: "gone" };
const delta = (text: string) => ({ event: "delta", data: { text } });
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const newRun = (extra: Partial<NewRun> = {}): NewRun => ({
  id: newId(),
  agent: "support",
  threadId: newId(),
  status: "running",
  background: false,
  input: { message: "hi", mustExist: false },
  replica: newId(),
  ...extra,
});

export function runStoreContract(name: string, openContract: () => Promise<ContractRunStore>): void {
  describe(`runs in the ${name} store`, () => {
    let contract: ContractRunStore;
    let store: RunStore;
    /** Its leases are over after a moment. */
    let hasty: RunStore;
    beforeAll(async () => {
      contract = await openContract();
      store = contract.open();
      hasty = contract.open({ leaseMs: 40, parkedMs: 40 });
    });
    afterAll(() => contract?.close());

    const change = (run: NewRun, after: number, more: Partial<RunChange> = {}): RunChange => ({
      id: run.id,
      after,
      events: [],
      ...more,
    });
    const begun = async (extra: Partial<NewRun> = {}, of = store): Promise<NewRun> => {
      const run = newRun(extra);
      await of.create(alice, run);
      return run;
    };

    it("keeps a run with its events, which count up from 1, and reads them on from any place", async () => {
      const run = await begun({ background: true });
      const agentRun = newId();
      const first = change(run, 0, { events: [delta("a"), delta("b")], agentRun });
      expect(await store.write(run.replica, [first])).toEqual([{ id: run.id, held: true, cancel: false }]);
      await store.write(run.replica, [change(run, 2, { events: [delta("c")] })]);
      const page = await store.read(alice, run.id, 1, 10);
      expect(page.events).toEqual([
        { seq: 2, ...delta("b") },
        { seq: 3, ...delta("c") },
      ]);
      expect(page.run).toMatchObject({
        id: run.id,
        agent: "support",
        threadId: run.threadId,
        background: true,
        status: "running",
        lastSeq: 3,
        agentRun,
        parked: false,
        cancelRequested: false,
      });
      expect((await store.read(alice, run.id, 0, 2)).events.map(({ seq }) => seq)).toEqual([1, 2]);
      const messageId = newId();
      const end = change(run, 3, { events: DONE, status: "succeeded", messageId });
      await store.write(run.replica, [end]);
      expect(await store.get(alice, run.id)).toMatchObject({ status: "succeeded", lastSeq: 4, messageId });
      expect((await store.get(alice, run.id)).ended).toBeGreaterThan(0);
    });

    it("keeps text that no database takes as it is", async () => {
      const run = await begun();
      await store.write(run.replica, [change(run, 0, { events: [delta("a\u0000\uD800b")] })]);
      expect((await store.read(alice, run.id, 0, 9)).run.lastSeq).toBe(1);
    });

    it("is found by nobody but its owner, of one tenant [AF-F08]", async () => {
      const run = await begun();
      for (const other of [bob, elsewhere]) {
        for (const id of [run.id, newId(), "no-id"]) {
          const said = { code: "not_found", message: "there is no such run" };
          await expect(store.get(other, id)).rejects.toMatchObject(said);
          await expect(store.read(other, id, 0, 9)).rejects.toMatchObject(said);
          await expect(store.cancel(other, id, DONE)).rejects.toMatchObject(said);
          expect(await store.take(other, id, "waiting", newId())).toBeUndefined();
        }
        expect((await store.list(other, { limit: 100 })).runs.map(({ id }) => id)).not.toContain(run.id);
      }
      expect(await store.get(alice, run.id)).toMatchObject({ status: "running", cancelRequested: false });
    });

    it("lists the newest first, by page, by agent, thread and status", async () => {
      const agent = `list-${randomHex(4)}`;
      const runs: NewRun[] = [];
      for (let n = 0; n < 3; n++) {
        runs.push(await begun({ agent }));
        await later(2);
      }
      const ids = runs.map(({ id }) => id).toReversed();
      const first = await store.list(alice, { agent, limit: 2 });
      expect(first.runs.map(({ id }) => id)).toEqual(ids.slice(0, 2));
      const rest = await store.list(alice, { agent, limit: 2, after: first.next ?? "" });
      expect([rest.runs.map(({ id }) => id), rest.next]).toEqual([ids.slice(2), undefined]);
      const [oldest] = runs;
      const of = { agent, limit: 9, threadId: oldest?.threadId ?? "" };
      expect((await store.list(alice, of)).runs.map(({ id }) => id)).toEqual([oldest?.id]);
      expect((await store.list(alice, { agent, limit: 9, status: "failed" })).runs).toEqual([]);
    });

    it("has one open run of a thread, however many begin at once", async () => {
      const threadId = newId();
      const tried = await Promise.allSettled(Array.from({ length: 6 }, () => begun({ threadId })));
      expect(tried.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const one of tried)
        if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "conflict" });
      // Another person's thread of this id is another thread.
      await store.create(bob, newRun({ threadId }));
    });

    it("bounds the open runs of one person", async () => {
      const few = contract.open({ openPerOwner: 2 });
      const carol = testCaller(`carol-${randomHex(4)}`);
      const [one] = [newRun(), newRun()];
      await few.create(carol, one);
      await few.create(carol, newRun());
      await expect(few.create(carol, newRun())).rejects.toMatchObject({ code: "rate_limited" });
      await few.write(one.replica, [change(one, 0, { events: DONE, status: "succeeded" })]);
      await few.create(carol, newRun());
    });

    it("takes nothing from a replica that does not hold the run, and makes a repeated write once", async () => {
      const run = await begun();
      const write = change(run, 0, { events: [delta("a")] });
      expect(await store.write(newId(), [write])).toEqual([{ id: run.id, held: false, cancel: false }]);
      for (let twice = 0; twice < 2; twice++)
        expect((await store.write(run.replica, [write]))[0]?.held).toBe(true);
      expect((await store.write(run.replica, [change(run, 5, { events: [delta("z")] })]))[0]?.held).toBe(
        false,
      );
      const end = change(run, 1, { events: DONE, status: "succeeded" });
      for (let twice = 0; twice < 2; twice++)
        expect((await store.write(run.replica, [end]))[0]?.held).toBe(true);
      expect((await store.write(run.replica, [change(run, 2, { events: DONE })]))[0]?.held).toBe(false);
      expect((await store.read(alice, run.id, 0, 9)).events).toHaveLength(2);
    });

    it("writes what it can of many", async () => {
      const replica = newId();
      const [kept, lost] = [await begun({ replica }), await begun()];
      const changes = [kept, lost].map((run) => change(run, 0, { events: [delta("x")] }));
      const written = await store.write(replica, changes);
      expect(new Map(written.map(({ id, held }) => [id, held]))).toEqual(
        new Map([
          [kept.id, true],
          [lost.id, false],
        ]),
      );
      expect((await store.get(alice, lost.id)).lastSeq).toBe(0);
    });

    it("forgets a run that was refused before it began", async () => {
      const run = await begun();
      await store.write(run.replica, [change(run, 0, { special: "drop" })]);
      await expect(store.get(alice, run.id)).rejects.toMatchObject({ code: "not_found" });
    });

    it("cancels what is queued or waits at once, and asks for the end of what runs", async () => {
      const queued = await begun({ status: "queued" });
      expect(await store.cancel(alice, queued.id, DONE)).toMatchObject({ status: "cancelled", lastSeq: 1 });
      expect((await store.write(queued.replica, [change(queued, 0, { status: "running" })]))[0]?.held).toBe(
        false,
      );
      const waits = await begun();
      await store.write(waits.replica, [change(waits, 0, { status: "waiting", approvalId: "a" })]);
      expect(await store.cancel(alice, waits.id, DONE)).toMatchObject({ status: "cancelled", lastSeq: 1 });
      const runs = await begun();
      expect(await store.cancel(alice, runs.id, DONE)).toMatchObject({
        status: "running",
        cancelRequested: true,
        lastSeq: 0,
      });
      expect(await store.write(runs.replica, [change(runs, 0)])).toEqual([
        { id: runs.id, held: true, cancel: true },
      ]);
      await store.write(runs.replica, [change(runs, 0, { events: DONE, status: "succeeded" })]);
      expect((await store.cancel(alice, runs.id, DONE)).status).toBe("succeeded");
    });

    it("ends once when a cancel and a finish race", async () => {
      const ends = new Set<RunStatus>();
      for (let n = 0; n < 12; n++) {
        const run = await begun({ status: n % 2 === 0 ? "queued" : "running" });
        const finish = async () => {
          if (run.status === "queued")
            await store.write(run.replica, [change(run, 0, { status: "running" })]);
          await store.write(run.replica, [change(run, 0, { events: LOST, status: "failed" })]);
        };
        await Promise.all([store.cancel(alice, run.id, DONE), finish()]);
        const { run: after, events } = await store.read(alice, run.id, 0, 9);
        ends.add(after.status);
        expect(events.map(({ event }) => event)).toEqual(
          after.status === "cancelled" ? ["done"] : ["error", "done"],
        );
        expect(["cancelled", "failed"]).toContain(after.status);
      }
      expect(ends.has("failed")).toBe(true);
    });

    it("forgets the runs of one thread of the caller's, also one at work", async () => {
      const threadId = newId();
      const ended = await begun({ threadId });
      await store.write(ended.replica, [change(ended, 0, { events: DONE, status: "succeeded" })]);
      const open = await begun({ threadId });
      const kept = await begun();
      expect(await store.forget(bob, "support", threadId)).toBe(0);
      expect(await store.forget(alice, "support", threadId)).toBe(2);
      for (const { id } of [ended, open])
        await expect(store.get(alice, id)).rejects.toMatchObject({ code: "not_found" });
      expect((await store.write(open.replica, [change(open, 0)]))[0]?.held).toBe(false);
      expect((await store.get(alice, kept.id)).status).toBe("running");
    });

    it("gives a run that waits to one of many, and not while another run of its thread is open", async () => {
      const waits = await begun();
      await store.write(waits.replica, [change(waits, 0, { status: "waiting", approvalId: "a" })]);
      const other = await begun({ threadId: waits.threadId });
      await expect(store.take(alice, waits.id, "waiting", newId())).rejects.toMatchObject({
        code: "conflict",
      });
      await store.write(other.replica, [change(other, 0, { events: DONE, status: "succeeded" })]);
      const replicas = Array.from({ length: 5 }, () => newId());
      const taken = await Promise.all(replicas.map((one) => store.take(alice, waits.id, "waiting", one)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      const winner = replicas[taken.findIndex(Boolean)] ?? "";
      const write = change(waits, 0, { events: DONE, status: "succeeded" });
      expect((await store.write(waits.replica, [write]))[0]?.held).toBe(false);
      expect((await store.write(winner, [write]))[0]?.held).toBe(true);
      expect(await store.get(alice, waits.id)).not.toHaveProperty("approvalId");
    });

    it("fails what a dead replica had begun, once, and lets nothing more be written to it", async () => {
      const run = await begun({}, hasty);
      await hasty.write(run.replica, [change(run, 0, { events: [delta("a")] })]);
      expect((await store.get(alice, run.id)).status).toBe("running");
      await later(60);
      await Promise.all([hasty.failDead(LOST, FAULT), hasty.failDead(LOST, FAULT)]);
      const { run: after, events } = await store.read(alice, run.id, 0, 9);
      expect(after).toMatchObject({ status: "failed", fault: FAULT, lastSeq: 3 });
      expect(events.map(({ event }) => event)).toEqual(["delta", "error", "done"]);
      const late = change(run, 1, { events: [delta("b")] });
      expect((await hasty.write(run.replica, [late]))[0]?.held).toBe(false);
      expect((await store.read(alice, run.id, 0, 9)).events).toHaveLength(3);
    });

    it("renews by writing, also nothing", async () => {
      const run = await begun({}, hasty);
      for (let n = 0; n < 4; n++) {
        await later(20);
        expect((await hasty.write(run.replica, [change(run, 0)]))[0]?.held).toBe(true);
        await hasty.failDead(LOST, FAULT);
      }
      expect((await store.get(alice, run.id)).status).toBe("running");
    });

    it("gives a run that had not begun to one replica, with what it begins with, or fails it after a while", async () => {
      const input = { message: "do it", mustExist: true };
      const patient = contract.open({ leaseMs: 40, parkedMs: 60_000 });
      const run = await begun({ status: "queued", input }, patient);
      expect(await patient.take(alice, run.id, "parked", newId())).toBeUndefined();
      await later(60);
      expect(await store.get(alice, run.id)).toMatchObject({ status: "queued", parked: true });
      await patient.failDead(LOST, FAULT);
      expect((await store.get(alice, run.id)).status).toBe("queued");
      const replicas = Array.from({ length: 5 }, () => newId());
      const taken = await Promise.all(replicas.map((one) => store.take(alice, run.id, "parked", one)));
      const [won] = taken.filter((one) => one !== undefined);
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(won).toMatchObject({ input, run: { status: "queued", parked: false } });
      expect((await store.write(run.replica, [change(run, 0, { status: "running" })]))[0]?.held).toBe(false);

      const left = await begun({ status: "queued" }, hasty);
      await later(120);
      await hasty.failDead(LOST, FAULT);
      expect(await store.get(alice, left.id)).toMatchObject({ status: "failed", fault: FAULT });
    });

    it("lets go of a run by itself, so that it waits for nobody's death", async () => {
      const run = await begun({ status: "queued" });
      await store.write(run.replica, [change(run, 0, { special: "park" })]);
      await later(5);
      expect(await store.get(alice, run.id)).toMatchObject({ status: "queued", parked: true });
      expect(await store.take(alice, run.id, "parked", newId())).toBeDefined();
    });

    it("tells of what changed, also what another wrote", async () => {
      const heard: string[] = [];
      const stop = await store.watch((id) => heard.push(id));
      const run = await begun();
      await contract.open().write(run.replica, [change(run, 0, { events: [delta("a")] })]);
      await expect.poll(() => heard).toContain(run.id);
      heard.length = 0;
      await contract.open().cancel(alice, run.id, DONE);
      await expect.poll(() => heard).toContain(run.id);
      await stop();
    });
  });
}

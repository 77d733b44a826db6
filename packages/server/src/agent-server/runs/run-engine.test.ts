import { AsyncLocalStorage } from "node:async_hooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { agentMigrations } from "@deputize/agent";
import { DeputizeError, newId, randomHex } from "@deputize/core";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { serverMigrations } from "../../a2a/task-store.ts";
import { testCaller } from "../../testing.ts";
import { memoryRunStore, memoryRuns } from "./memory-run-store.ts";
import { postgresRunStore } from "./postgres-run-store.ts";
import { type RunEngine, type RunEngineOptions, runEngine } from "./run-engine.ts";
import type { RunStore, RunStoreOptions } from "./run.ts";
import { type StagedAgent, authorityOf, bob, gatherEvents, never, stagedAgent } from "./runs.fixture.ts";

const SECRET = "sk-live-0123456789";

const stores: readonly [
  string,
  () => Promise<{ open(o?: RunStoreOptions): Promise<RunStore>; close(): Promise<void> }>,
][] = [
  [
    "memory",
    async () => {
      const runs = memoryRuns();
      return { open: async (options) => memoryRunStore({ ...options, runs }), close: async () => {} };
    },
  ],
  [
    "postgres",
    async () => {
      const store: TestStore = await openTestStore([agentMigrations, serverMigrations]);
      return {
        open: async (options) => postgresRunStore({ ...options, store: await store.sibling() }),
        close: () => store.close(),
      };
    },
  ],
];

/** A store whose writes can be held back, as those of a process that hangs. */
function gated(store: RunStore): RunStore & { hang(): void; goOn(): void } {
  let open: Promise<void> = Promise.resolve();
  let release: (() => void) | undefined;
  return {
    ...store,
    write: async (...args) => {
      await open;
      return store.write(...args);
    },
    failDead: async (...args) => {
      await open;
      return store.failDead(...args);
    },
    hang() {
      open = new Promise((resolve) => {
        release = resolve;
      });
    },
    goOn: () => release?.(),
  };
}

describe.each(stores)("runs over the %s store", (_, openAll) => {
  let all: Awaited<ReturnType<typeof openAll>>;
  let agent: StagedAgent;
  let engines: RunEngine[];
  let alice: ReturnType<typeof testCaller>;
  beforeAll(async () => {
    all = await openAll();
  });
  afterAll(() => all?.close());
  beforeEach(() => {
    agent = stagedAgent();
    engines = [];
    // A person of its own for each test, whose runs no other test has.
    alice = testCaller(`alice-${randomHex(6)}`);
  });
  afterEach(() => Promise.all(engines.map((engine) => engine.close())));

  interface ReplicaOptions extends Partial<RunEngineOptions> {
    readonly through?: (store: RunStore) => RunStore;
  }

  async function replica({ through = (one) => one, ...options }: ReplicaOptions = {}): Promise<RunEngine> {
    const { leaseMs = 10_000 } = options;
    const store = through(await all.open({ leaseMs, openPerOwner: 1_000 }));
    const engine = runEngine({ store, agents: [agent], leaseMs, ...options });
    engines.push(engine);
    return engine;
  }

  const ask = (engine: RunEngine, message: string, more: object = {}) =>
    engine.start({ ...authorityOf(alice), agent: "support", message, ...more });
  const follow = (engine: RunEngine, id: string, after = 0) =>
    gatherEvents(engine.follow(alice, id, { after, signal: never() }));
  const ended = (engine: RunEngine, id: string) =>
    engine.wait(alice, id, { signal: never(), timeoutMs: 15_000 });

  it("tells what the agent tells, with ids from 1 on, and ends", async () => {
    const engine = await replica();
    const run = await ask(engine, "hi");
    const events = follow(engine, run.id);
    const turn = await agent.turnOf("hi");
    turn.say("Hel");
    turn.say("lo");
    turn.end("done");
    const told = await events;
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, at) => at + 1));
    expect(told[0]).toMatchObject({ event: "start", data: { run_id: run.id, thread_id: run.threadId } });
    const text = told.filter(({ event }) => event === "delta").map(({ data }) => data["text"]);
    expect(text.join("")).toBe("Hello");
    expect(told.at(-1)).toMatchObject({ event: "done", data: { status: "succeeded" } });
    expect(await engine.get(alice, run.id)).toMatchObject({ status: "succeeded", lastSeq: told.length });
    expect(turn.threadId).toBe(run.threadId);
  });

  it("gives everybody who joins every event after their place, once, on both replicas, while more come [AF-F12]", async () => {
    const [one, two] = [await replica(), await replica()];
    const run = await ask(one, "count");
    const turn = await agent.turnOf("count");
    const followers: Promise<{ after: number; got: number[] }>[] = [];
    for (let n = 1; n <= 300; n++) {
      turn.card(n);
      if (n % 9 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      if (n % 50 !== 0) continue;
      for (const engine of [one, two]) {
        // From places that are stored, are being stored, and are at hand no more.
        const { lastSeq } = await engine.get(alice, run.id);
        for (const after of [0, Math.floor(lastSeq / 2), lastSeq])
          followers.push(
            follow(engine, run.id, after).then((events) => ({ after, got: events.map(({ seq }) => seq) })),
          );
      }
    }
    turn.end("done");
    const { lastSeq } = await ended(two, run.id);
    expect(lastSeq).toBe(302);
    for (const { after, got } of await Promise.all(followers))
      expect(got).toEqual(Array.from({ length: lastSeq - after }, (_, at) => after + at + 1));
  }, 60_000);

  it("is nobody else's to follow, to wait for or to cancel [AF-F08]", async () => {
    const engine = await replica();
    const run = await ask(engine, "mine");
    const signal = never();
    await expect(gatherEvents(engine.follow(bob, run.id, { signal }))).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(engine.wait(bob, run.id, { signal, timeoutMs: 10 })).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(engine.cancel(bob, run.id)).rejects.toMatchObject({ code: "not_found" });
    expect(agent.turns[0]?.signal.aborted).toBe(false);
    await engine.cancel(alice, run.id);
  });

  it("keeps nothing of a turn that was refused before it began, and throws the refusal", async () => {
    agent = stagedAgent("support", {
      refuse: () => new DeputizeError("not_found", "there is no such conversation"),
    });
    const engine = await replica();
    await expect(ask(engine, "hi")).rejects.toMatchObject({ code: "not_found" });
    expect((await engine.list(alice, { limit: 9 })).runs).toEqual([]);
  });

  it("says nothing of the inside of what broke [AF-D16]", async () => {
    const faults: unknown[] = [];
    const engine = await replica({ onFault: (error) => faults.push(error) });
    const run = await ask(engine, "hi");
    (await agent.turnOf("hi")).break(new Error(`connect failed: key ${SECRET} at /srv/app`));
    const events = await follow(engine, run.id);
    expect(events.at(-2)).toMatchObject({ event: "error", data: { code: "GRAPH_000" } });
    expect(JSON.stringify([events, await engine.get(alice, run.id)])).not.toMatch(/sk-live|srv|connect/);
    expect(String(faults[0])).toContain(SECRET);
  });

  it("keeps the stable code and the safe words of what the agent says went wrong [AF-D16]", async () => {
    const engine = await replica();
    const run = await ask(engine, "hi");
    (await agent.turnOf("hi")).end("failed", "limit_exceeded");
    const fault = { code: "RECURSION_000", message: "it was limit_exceeded" };
    expect((await follow(engine, run.id)).at(-2)).toMatchObject({ event: "error", data: fault });
    expect(await engine.get(alice, run.id)).toMatchObject({ status: "failed", fault });
  });

  it("is cancelled from another replica at once", async () => {
    const [one, two] = [await replica(), await replica()];
    const run = await ask(one, "long");
    const { signal } = await agent.turnOf("long");
    const began = performance.now();
    expect((await two.cancel(alice, run.id)).cancelRequested).toBe(true);
    expect((await ended(two, run.id)).status).toBe("cancelled");
    expect(signal.aborted).toBe(true);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect((await two.cancel(alice, run.id)).status).toBe("cancelled");
  });

  it("ends once, with one last event, when a cancel and the agent's own end race", async () => {
    const [one, two] = [await replica(), await replica()];
    for (let n = 0; n < 9; n++) {
      const run = await ask(one, `race ${n}`);
      const turn = await agent.turnOf(`race ${n}`);
      const cancelling = [one, two].map((engine) => engine.cancel(alice, run.id));
      if (n % 3 === 0) turn.end("done");
      else void Promise.race(cancelling).then(() => turn.end("done"));
      await Promise.all(cancelling);
      const { status } = await ended(two, run.id);
      const lasts = (await follow(one, run.id)).filter(({ event }) => event === "done");
      expect(lasts.map(({ data }) => data["status"])).toEqual([status]);
      expect(["cancelled", "succeeded"]).toContain(status);
    }
  }, 60_000);

  it("lets a replica that hung say nothing more, once another has ended its run", async () => {
    const leaseMs = 1_000;
    let gate: ReturnType<typeof gated> | undefined;
    const hung = await replica({ leaseMs, through: (store) => (gate = gated(store)) });
    const other = await replica({ leaseMs });
    const run = await ask(hung, "hang");
    const turn = await agent.turnOf("hang");
    turn.say("before");
    await expect.poll(async () => (await other.get(alice, run.id)).lastSeq, { timeout: 5_000 }).toBe(2);
    gate?.hang();
    turn.say("too late");
    const events = await follow(other, run.id, 2);
    expect(events.map(({ event }) => event)).toEqual(["error", "done"]);
    expect(events[0]?.data["code"]).toBe("RUN_INTERRUPTED");
    gate?.goOn();
    await expect.poll(() => turn.signal.aborted).toBe(true);
    expect(await follow(other, run.id)).toHaveLength(4);
    expect((await other.get(alice, run.id)).status).toBe("failed");
  }, 60_000);

  it("queues what is too much at once, and begins each in its own request's context", async () => {
    const who = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    agent = stagedAgent("support", { onBegin: (message) => seen.push(`${message}: ${who.getStore()}`) });
    const engine = await replica({ limits: { concurrent: 1, queued: 1 } });
    const first = await who.run("first", () => ask(engine, "a"));
    const second = await who.run("second", () => ask(engine, "b"));
    expect([first.status, second.status]).toEqual(["running", "queued"]);
    await expect(ask(engine, "c")).rejects.toMatchObject({ code: "unavailable" });
    (await agent.turnOf("a")).end("done");
    (await agent.turnOf("b")).end("done");
    expect((await ended(engine, second.id)).status).toBe("succeeded");
    expect(seen).toEqual(["a: first", "b: second"]);
  });

  it("ends what stands in the queue at once, and never begins it", async () => {
    const engine = await replica({ limits: { concurrent: 1 } });
    await ask(engine, "a");
    const second = await ask(engine, "b");
    expect((await engine.cancel(alice, second.id)).status).toBe("cancelled");
    (await agent.turnOf("a")).end("done");
    await ask(engine, "c");
    (await agent.turnOf("c")).end("done");
    expect(agent.turns.map(({ message }) => message)).toEqual(["a", "c"]);
  });

  it("begins what a dead replica had not begun where its owner follows it, once", async () => {
    const leaseMs = 1_000;
    let gate: ReturnType<typeof gated> | undefined;
    const dead = await replica({
      leaseMs,
      limits: { concurrent: 1 },
      through: (store) => (gate = gated(store)),
    });
    const [two, three] = [await replica({ leaseMs }), await replica({ leaseMs })];
    await ask(dead, "a");
    const parked = await ask(dead, "b");
    gate?.hang();
    const adopt = authorityOf(alice);
    const following = [two, three, two].map((engine) =>
      gatherEvents(engine.follow(alice, parked.id, { signal: never(), adopt })),
    );
    const turn = await agent.turnOf("b");
    gate?.goOn();
    turn.say("done once");
    turn.end("done");
    for (const events of await Promise.all(following)) {
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
      expect(events.at(-1)?.data["status"]).toBe("succeeded");
    }
    expect(agent.turns.filter(({ message }) => message === "b")).toHaveLength(1);
  }, 60_000);

  it("lets run what ends in time when it goes down, fails the rest, and parks the queue for another", async () => {
    const [one, two] = [await replica({ limits: { concurrent: 2 } }), await replica()];
    const [quick, slow, queued] = [await ask(one, "quick"), await ask(one, "slow"), await ask(one, "queued")];
    const draining = one.drain(300);
    await expect(ask(one, "more")).rejects.toMatchObject({ code: "unavailable" });
    (await agent.turnOf("quick")).end("done");
    await draining;
    expect((await two.get(alice, quick.id)).status).toBe("succeeded");
    expect(await two.get(alice, slow.id)).toMatchObject({
      status: "failed",
      fault: { code: "RUN_INTERRUPTED" },
    });
    expect(await two.get(alice, queued.id)).toMatchObject({ status: "queued", parked: true });
    const events = gatherEvents(two.follow(alice, queued.id, { signal: never(), adopt: authorityOf(alice) }));
    (await agent.turnOf("queued")).end("done");
    expect((await events).at(-1)?.data["status"]).toBe("succeeded");
  });

  it("ends with the sign-in that it works by [SR-14]", async () => {
    const engine = await replica();
    let end: (() => void) | undefined;
    const authority = authorityOf(alice, {
      watch: (onEnded) => {
        end = () => onEnded(new DeputizeError("unauthenticated", "it has ended"));
        return () => {};
      },
    });
    const run = await engine.start({ ...authority, agent: "support", message: "hi", background: true });
    const { signal } = await agent.turnOf("hi");
    end?.();
    expect(await ended(engine, run.id)).toMatchObject({ status: "failed", fault: { code: "SIGN_IN_ENDED" } });
    expect(signal.aborted).toBe(true);
  });

  it("bounds what one run may tell", async () => {
    const engine = await replica({ limits: { events: 20 } });
    const run = await ask(engine, "hi");
    const turn = await agent.turnOf("hi");
    for (let n = 0; n < 50; n++) turn.card(n);
    expect(await ended(engine, run.id)).toMatchObject({
      status: "failed",
      fault: { code: "LIMIT_EXCEEDED" },
    });
    expect((await follow(engine, run.id)).length).toBeLessThanOrEqual(20);
    const wide = await replica({ limits: { chars: 1_000 } });
    const second = await ask(wide, "wide");
    const wordy = await agent.turnOf("wide");
    wordy.say("x".repeat(2_000));
    expect((await ended(wide, second.id)).fault?.code).toBe("LIMIT_EXCEEDED");
  });

  it("ends the run of an agent that does not end when it is told to", async () => {
    agent = stagedAgent("support", { stubborn: true });
    const engine = await replica({ limits: { stopMs: 100 } });
    const run = await ask(engine, "hi");
    await engine.cancel(alice, run.id);
    expect((await ended(engine, run.id)).status).toBe("cancelled");
  });

  it("waits for a person's yes, and goes on behind its last event on another replica, by one of many", async () => {
    const [one, two] = [await replica(), await replica()];
    const run = await ask(one, "cancel my order");
    const turn = await agent.turnOf("cancel my order");
    const approvalId = newId();
    turn.ask(approvalId);
    turn.end("waiting");
    const first = await follow(two, run.id);
    expect(first.at(-1)).toMatchObject({
      event: "done",
      data: { status: "waiting", approval_id: approvalId },
    });
    expect(await two.get(alice, run.id)).toMatchObject({ status: "waiting", approvalId });
    const decided = { approvalId, decision: "approve" } as const;
    await expect(two.resume(authorityOf(bob), decided)).rejects.toMatchObject({ code: "not_found" });
    const tried = await Promise.allSettled(
      [one, two].map((each) => each.resume(authorityOf(alice), decided)),
    );
    expect(tried.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const rest = follow(one, run.id, first.length);
    (await agent.turnOf(`approve ${approvalId}`)).end("done");
    expect((await rest).map(({ seq }) => seq)).toEqual([first.length + 1, first.length + 2]);
    expect(agent.turns).toHaveLength(2);
  });

  it("stops at once, and keeps nothing, when its thread is removed", async () => {
    const [one, two] = [await replica(), await replica()];
    const run = await ask(one, "private");
    const turn = await agent.turnOf("private");
    const following = follow(two, run.id);
    following.catch(() => {});
    await two.forgetThread(alice, "support", run.threadId);
    await expect.poll(() => turn.signal.aborted).toBe(true);
    await expect(two.get(alice, run.id)).rejects.toMatchObject({ code: "not_found" });
    await expect(following).rejects.toMatchObject({ code: "not_found" });
  });

  it("ends the agent's own run too when a run that waits is cancelled", async () => {
    const engine = await replica();
    const run = await ask(engine, "cancel my order");
    const turn = await agent.turnOf("cancel my order");
    turn.ask(newId());
    turn.end("waiting");
    await ended(engine, run.id);
    expect((await engine.cancelThread(alice, "support", run.threadId))?.status).toBe("cancelled");
    expect(agent.stopped).toHaveLength(1);
    expect(await engine.cancelThread(alice, "support", run.threadId)).toBeUndefined();
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newId } from "@deputize/core";
import { LOGIN_ROLES } from "@deputize/store";
import { type TestStore, testDatabaseUrl } from "@deputize/store/testing";
import {
  type TableTools,
  alice,
  approvalFor,
  bob,
  makeAgent,
  openAgentStore,
  tableTools,
} from "../agent.fixture.ts";
import type { Agent } from "../agent-types.ts";
import type { Approval } from "../events.ts";
import { type Script, scriptedModel } from "../testing.ts";
import { type FakeMandates, eventually, fakeMandates, openLastingStore, reachOf } from "./lasting.fixture.ts";
import { type LastingView, type LastingWork, type LastingWorkOptions, lastingWork } from "./lasting-work.ts";

let store: TestStore;
let mandates: FakeMandates;
let running: { work: LastingWork; agent: Agent } | undefined;

beforeAll(async () => {
  store = await openLastingStore();
});
afterAll(() => store.close());
beforeEach(() => {
  mandates = fakeMandates();
});
afterEach(down);

/** A process with the agent, as after a restart: nothing is shared but the store and the authority. */
async function up(
  script: Script,
  tools: TableTools,
  more: Partial<LastingWorkOptions> = {},
): Promise<LastingWork> {
  const agent = makeAgent(store, scriptedModel(script), [tools]);
  const work = await lastingWork({
    store,
    agent,
    authority: mandates,
    pollMs: 50,
    deadAfterMs: 1_000,
    ...more,
  });
  running = { work, agent };
  return work;
}

async function down(): Promise<void> {
  const was = running;
  running = undefined;
  await was?.work.close();
  await was?.agent.close();
}

const cancel = { calls: [{ tool: "cancel_order", args: { order_id: "ORD-1" } }] };
const message = "Cancel order ORD-1 when it is late";
const now = (work: LastingWork, id: string) => work.status({ caller: alice, id });
const until = (work: LastingWork, id: string, status: LastingView["status"]) =>
  eventually(
    () => now(work, id),
    (view) => view.status === status,
  );

/** A tool that does it at once, and keeps the ids of its calls. */
function doer(): TableTools & { readonly done: string[] } {
  const done: string[] = [];
  return Object.assign(
    tableTools({ cancel_order: (call) => (done.push(call.callId), { content: { cancelled: true } }) }),
    {
      done,
    },
  );
}

/** A tool that asks first. */
interface Asker extends TableTools {
  readonly done: string[];
  asked: Approval | undefined;
}

function asker(): Asker {
  const done: string[] = [];
  const tools: Asker = Object.assign(
    tableTools({
      cancel_order(call) {
        if (call.approval?.decision === "refuse")
          return { status: "refused", content: { error: "the person said no" } };
        if (call.approval && call.approval.id === tools.asked?.id) {
          done.push(call.callId);
          return { content: { cancelled: true } };
        }
        tools.asked = approvalFor(call);
        return { status: "waiting", approval: tools.asked };
      },
    }),
    { done, asked: undefined as Approval | undefined },
  );
  return tools;
}

describe("work that outlives a request", () => {
  it("is done under the person's mandate, once, and is there to be read [SR-14]", async () => {
    const tools = doer();
    const work = await up([cancel, { text: "It is cancelled." }], tools);
    const mandateId = mandates.give("alice");
    const begun = await work.start({ caller: alice, mandateId, message });
    expect(begun).toMatchObject({ mandate: mandateId, message });
    // Asked for again, as by a retry: nothing new.
    await work.start({ caller: alice, mandateId, message, id: begun.id });
    const done = await until(work, begun.id, "done");
    expect(tools.done).toHaveLength(1);
    expect(await work.list({ caller: alice })).toContainEqual(done);
    const { messages } = (await running?.agent.conversations.get(alice, done.conversation_id)) ?? {};
    expect(messages?.map(({ content }) => content)).toEqual([message, "It is cancelled."]);
    expect(tools.calls[0]?.label).toMatchObject({ readers: [alice.subject] });
  });

  it("is nobody else's, and no work begins under another's mandate or none [SR-14]", async () => {
    const work = await up([{ text: "Done." }], doer());
    const mandateId = mandates.give("alice");
    const { id } = await work.start({ caller: alice, mandateId, message });
    await until(work, id, "done");
    const missing = await work.status({ caller: alice, id: newId() }).catch((error: unknown) => error);
    for (const attempt of [
      () => work.status({ caller: bob, id }),
      () => work.cancel({ caller: bob, id }),
      () => work.giveMandate({ caller: bob, id, mandateId: mandates.give("bob") }),
    ]) {
      await expect(attempt()).rejects.toEqual(missing);
    }
    expect(await work.list({ caller: bob })).toEqual([]);
    await expect(work.start({ caller: bob, mandateId, message })).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(
      work.giveMandate({ caller: alice, id, mandateId: mandates.give("bob") }),
    ).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(work.start({ caller: alice, mandateId: newId(), message })).rejects.toMatchObject({
      code: "grant_revoked",
    });
    expect(await work.list({ caller: bob })).toEqual([]);
  });

  it("is not reached by another who begins work under the same id [SR-14] [SR-23]", async () => {
    const tools = asker();
    const work = await up([cancel, { text: "It is cancelled." }, { text: "Bob's is done." }], tools);
    const mandateId = mandates.give("alice");
    const { id } = await work.start({ caller: alice, mandateId, message });
    const waiting = await until(work, id, "waiting");
    const bobs = mandates.give("bob");
    const begun = await work.start({
      caller: bob,
      mandateId: bobs,
      message,
      id,
      after: Date.now() + 3_600_000,
    });
    expect(begun.approval).toBeUndefined();
    expect([begun.run_id, begun.conversation_id]).not.toContain(waiting.run_id);
    expect(begun.conversation_id).not.toBe(waiting.conversation_id);
    await work.giveMandate({ caller: bob, id, mandateId: bobs });
    await work.cancel({ caller: bob, id });
    await work.eraseOwner(bob);
    mandates.approvals.set(tools.asked?.id ?? "", "approved");
    await until(work, id, "done");
    expect(tools.done).toHaveLength(1);
  });

  it("that was missed many times is made up for once [SR-14]", async () => {
    const tools = doer();
    const script = [cancel, { text: "Once." }, cancel, { text: "Twice." }, cancel, { text: "Thrice." }];
    const work = await up(script, tools);
    const { id } = await work.start({
      caller: alice,
      mandateId: mandates.give("alice"),
      message,
      after: Date.now() - 100 * 3_600_000 - 1_800_000,
      schedule: { everySeconds: 3_600 },
    });
    const next = await eventually(
      () => now(work, id),
      ({ status }) => status === "scheduled",
    );
    await work.cancel({ caller: alice, id });
    expect(tools.done).toHaveLength(1);
    expect(Date.parse(next.next ?? "")).toBeGreaterThan(Date.now());
  });

  it("is parked while there is no mandate, asks no model, and goes on under a new one [SR-14]", async () => {
    const tools = doer();
    const work = await up([cancel, { text: "It is cancelled." }], tools);
    const mandateId = mandates.give("alice");
    const { id } = await work.start({ caller: alice, mandateId, message, after: Date.now() + 700 });
    expect((await until(work, id, "scheduled")).next).toBeDefined();
    mandates.stop(mandateId);
    expect(await until(work, id, "parked")).toMatchObject({ reason: "grant_revoked" });
    expect(tools.calls).toEqual([]);
    const next = mandates.give("alice");
    await work.giveMandate({ caller: alice, id, mandateId: next });
    expect(await until(work, id, "done")).toMatchObject({ mandate: next });
    expect(tools.done).toHaveLength(1);
  });

  it("is parked at a tool that the mandate does not cover, and the same call is made under one that does [SR-14]", async () => {
    let covered = false;
    const ids: string[] = [];
    const tools = tableTools({
      cancel_order(call) {
        ids.push(call.callId);
        return covered
          ? { content: { cancelled: true } }
          : {
              status: "refused",
              content: { error: "not for it", code: "forbidden", detail: { constraint: "tools" } },
            };
      },
    });
    const work = await up([cancel, { text: "It is cancelled." }], tools);
    const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message });
    expect(await until(work, id, "parked")).toMatchObject({ reason: "insufficient_scope" });
    covered = true;
    await store.ownerQuery(
      "UPDATE agent.runs SET lease = now() - interval '1 second' WHERE status = 'running'",
    );
    await work.giveMandate({ caller: alice, id, mandateId: mandates.give("alice") });
    await until(work, id, "done");
    expect(new Set(ids).size).toBe(1);
    expect(ids.length).toBe(2);
  });

  it("tells the model of another limit that it broke, and is not parked", async () => {
    const tools = tableTools({
      cancel_order: () => ({
        status: "refused",
        content: { error: "5000 or less", code: "forbidden", detail: { constraint: "small" } },
      }),
    });
    const work = await up([cancel, { text: "That is too much." }], tools);
    const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message });
    await until(work, id, "done");
  });

  // Under load the embedded database sometimes did not come back to it within the time of a test, in one and the same process.
  if (testDatabaseUrl !== undefined) {
    it("waits for a person over a restart, and does what they said yes to once [SR-14] [SR-15]", async () => {
      const tools = asker();
      let work = await up([cancel], tools);
      const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message });
      const waiting = await until(work, id, "waiting");
      expect(waiting.approval).toBe(tools.asked?.id);
      await down();

      work = await up([{ text: "It is cancelled." }], tools);
      expect(await now(work, id)).toMatchObject({ status: "waiting" });
      mandates.approvals.set(tools.asked?.id ?? "", "approved");
      await until(work, id, "done");
      expect(tools.done).toHaveLength(1);
      expect(tools.calls.map(({ call }) => call.callId)).toEqual([tools.done[0], tools.done[0]]);
    });
  }

  it("does nothing after Stop, whatever is approved meanwhile [SR-14]", async () => {
    const tools = asker();
    const work = await up([cancel, { text: "It is cancelled." }], tools);
    const mandateId = mandates.give("alice");
    const { id } = await work.start({ caller: alice, mandateId, message });
    await until(work, id, "waiting");
    mandates.stop(mandateId);
    mandates.approvals.set(tools.asked?.id ?? "", "approved");
    expect(await until(work, id, "parked")).toMatchObject({ reason: "grant_revoked" });
    expect(tools.done).toEqual([]);
    await work.giveMandate({ caller: alice, id, mandateId: mandates.give("alice") });
    await until(work, id, "done");
    expect(tools.done).toHaveLength(1);
  });

  it("takes a card that nobody decided for a no", async () => {
    const tools = asker();
    const work = await up([cancel, { text: "I left it." }], tools);
    const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message });
    await until(work, id, "waiting");
    mandates.approvals.set(tools.asked?.id ?? "", "expired");
    await until(work, id, "done");
    expect(tools.done).toEqual([]);
  });

  it("ends when its person cancels it, before it is due and while it waits", async () => {
    const tools = asker();
    const work = await up([cancel], tools);
    const mandateId = mandates.give("alice");
    const later = await work.start({ caller: alice, mandateId, message, after: Date.now() + 3_600_000 });
    await until(work, later.id, "scheduled");
    expect(await work.cancel({ caller: alice, id: later.id })).toMatchObject({ status: "cancelled" });
    const { id } = await work.start({ caller: alice, mandateId, message });
    await until(work, id, "waiting");
    await work.cancel({ caller: alice, id });
    mandates.approvals.set(tools.asked?.id ?? "", "approved");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await now(work, id)).toMatchObject({ status: "cancelled" });
    expect(tools.done).toEqual([]);
  });

  it("comes again as its schedule says, each time as a run of its own", async () => {
    const tools = doer();
    const script = [cancel, { text: "Once." }, cancel, { text: "Twice." }];
    const work = await up(script, tools, { minEverySeconds: 1 });
    const { id } = await work.start({
      caller: alice,
      mandateId: mandates.give("alice"),
      message,
      schedule: { everySeconds: 1 },
    });
    await eventually(
      async () => tools.done.length,
      (n) => n >= 2,
    );
    await work.cancel({ caller: alice, id });
    expect(new Set(tools.done).size).toBe(tools.done.length);
  });

  it("refuses what it cannot keep to", async () => {
    const work = await up([], doer());
    const asked = { caller: alice, mandateId: mandates.give("alice"), message };
    for (const change of [
      { message: " " },
      { message: "x".repeat(8_001) },
      { id: "mine" },
      { after: Number.NaN },
      { schedule: { everySeconds: 60 } },
    ]) {
      await expect(work.start({ ...asked, ...change })).rejects.toMatchObject({ code: "validation_failed" });
    }
  });

  it("of each agent is carried on after a restart, in whatever order they come up [SR-14]", async () => {
    const pace = { store, authority: mandates, pollMs: 50, deadAfterMs: 1_000 };
    /** `gapMs`: between one agent and the next, as where a server loads something meanwhile. */
    const both = async (script: Script, gapMs: number) => {
      const tools = doer();
      const agents = ["first", "second"].map((name) =>
        makeAgent(store, scriptedModel(script), [tools], { name }),
      );
      const works: LastingWork[] = [];
      for (const agent of agents) {
        works.push(await lastingWork({ ...pace, agent }));
        await new Promise((resolve) => setTimeout(resolve, gapMs));
      }
      const close = async () => {
        for (const work of works) await work.close();
        for (const agent of agents) await agent.close();
      };
      return { tools, second: works[1] as LastingWork, close };
    };
    const before = await both([], 0);
    const mandateId = mandates.give("alice");
    const { id } = await before.second.start({
      caller: alice,
      mandateId,
      message,
      after: Date.now() + 2_000,
    });
    await until(before.second, id, "scheduled");
    await before.close();
    // Months of restarts are no reason to give it up.
    await store.ownerQuery(
      "UPDATE workflow.workflow_status SET recovery_attempts = 5000 WHERE strpos(workflow_uuid, $1) = 1",
      [id],
    );
    const after = await both([cancel, { text: "It is cancelled." }], 2_500);
    try {
      await until(after.second, id, "done");
      expect(after.tools.done).toHaveLength(1);
    } finally {
      await after.close();
    }
  });

  it("is forgotten with its person, in both schemas [SR-24]", async () => {
    const work = await up([cancel], asker());
    const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message });
    await until(work, id, "waiting");
    expect(await work.eraseOwner(alice)).toBeGreaterThan(0);
    await expect(now(work, id)).rejects.toMatchObject({ code: "not_found" });
    await new Promise((resolve) => setTimeout(resolve, 300)); // what was under way would have written by now
    expect(await engineRows(id)).toEqual([]);
  });

  it("goes with the person's rows also where no engine is at work [PR-D30]", async () => {
    const work = await up([cancel, cancel], asker());
    const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message });
    const other = await work.start({ caller: bob, mandateId: mandates.give("bob"), message });
    await until(work, id, "waiting");
    await down();
    await store.transaction("authority", (tx) =>
      tx.query("SELECT agent.erase_person_lasting($1, $2)", [alice.tenant, alice.subject]),
    );
    expect(await engineRows(id)).toEqual([]);
    expect(await engineRows(other.id)).not.toEqual([]);
  });
});

/** The tables of the engine in which the id stands. */
async function engineRows(id: string): Promise<string[]> {
  const { rows: tables } = await store.ownerQuery<{ t: string }>(
    "SELECT tablename AS t FROM pg_tables WHERE schemaname = 'workflow' ORDER BY 1",
  );
  const found: string[] = [];
  for (const { t } of tables) {
    const { rows } = await store.ownerQuery(`SELECT FROM workflow."${t}" x WHERE strpos(x::text, $1) > 0`, [
      id,
    ]);
    if (rows.length > 0) found.push(t);
  }
  return found;
}

describe("the engine's schema", () => {
  it("is reached by its own role, which reaches nothing else, and holds no word of anybody [SR-03]", async () => {
    expect(await reachOf(store, store.roleName("workflow"), "workflow")).toEqual([]);
    for (const role of LOGIN_ROLES.filter((one) => one !== "workflow")) {
      expect(await reachOf(store, store.roleName(role), "workflow"), role).toEqual([]);
    }
    await expect(store.pool("workflow").query("CREATE TABLE workflow.mine (x int)")).rejects.toThrow();
    const tools = doer();
    const work = await up([cancel, { text: "A secret answer." }], tools);
    const { id } = await work.start({ caller: alice, mandateId: mandates.give("alice"), message });
    await until(work, id, "done");
    const { rows: tables } = await store.ownerQuery<{ t: string }>(
      "SELECT tablename AS t FROM pg_tables WHERE schemaname = 'workflow'",
    );
    for (const { t } of tables) {
      const { rows } = await store.ownerQuery<{ all: string }>(
        `SELECT string_agg(x::text, ' ') AS all FROM workflow."${t}" x`,
      );
      expect(rows[0]?.all ?? "", t).not.toMatch(/ORD-1|secret|cancel_order/);
    }
  });

  it("must be prepared, and says how", async () => {
    await down();
    const bare = await openAgentStore();
    try {
      const agent = makeAgent(bare, scriptedModel([]), []);
      await expect(lastingWork({ store: bare, agent, authority: mandates })).rejects.toMatchObject({
        code: "config_invalid",
        message: expect.stringContaining("prepareLastingWork"),
      });
    } finally {
      await bare.close();
    }
  });

  it("is not for an agent that asks others, whose work could be done twice after a crash [SR-14]", async () => {
    await down();
    const asking = { ...tableTools({ ask_orders: () => ({}) }), asks: ["orders"] };
    const agent = makeAgent(store, scriptedModel([]), [asking]);
    const refused = {
      code: "config_invalid",
      message: expect.stringContaining("asks other agents (orders)"),
    };
    await expect(lastingWork({ store, agent, authority: mandates })).rejects.toMatchObject(refused);
    const under = await mandates.open(mandates.give("alice"));
    await expect(
      agent.carryOn({
        ...under,
        runId: newId(),
        conversationId: newId(),
        message,
        inputLabel: { integrity: "trusted", readers: [alice.subject], source: "person" },
      }),
    ).rejects.toMatchObject(refused);
  });
});

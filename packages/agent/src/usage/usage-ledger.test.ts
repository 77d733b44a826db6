/** Accounts: who used how much of what. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TestStore } from "@deputize/store/testing";
import {
  alice,
  approvalFor,
  authority,
  bob,
  callerOf,
  makeAgent,
  openAgentStore,
  tableTools,
} from "../agent.fixture.ts";
import { type Script, scriptedModel } from "../testing.ts";
import { type UsageLedger, type UsageRow, usageLedger } from "./usage-ledger.ts";
import { usageTally } from "./usage-tally.ts";

let store: TestStore;
let back: () => Promise<void>;
let ledger: UsageLedger;
let faults: unknown[];
const admin = callerOf("root", { roles: ["admin"] });
beforeAll(async () => {
  store = await openAgentStore();
  back = await store.mark();
});
afterAll(() => store?.close());
beforeEach(async () => {
  await back();
  faults = [];
  ledger = usageLedger({ store, onFault: (error) => void faults.push(error) });
});

const tools = tableTools({ get_order: () => ({}), add_note: () => ({ status: "refused" }) });
const agentOf = (script: Script, priced = true) =>
  makeAgent(
    store,
    {
      ...scriptedModel(script),
      ...(priced && { price: { inputPerMillion: 2, outputPerMillion: 8 } }),
    },
    [tools],
    { observers: [ledger.observer] },
  );
const ask = (who = alice) => ({ caller: who, authority, message: "hi" });
const short = (rows: readonly UsageRow[]) =>
  rows.map(({ kind, name, calls, failed, tokensIn, tokensOut, costMicros, unpriced }) => ({
    of: `${kind} ${name}`.trim(),
    calls,
    failed,
    tokens: tokensIn + tokensOut,
    costMicros,
    unpriced,
  }));

describe("the usage ledger", () => {
  it("counts tokens and money by person, agent, model and tool, a day", async () => {
    const script: Script = [
      { calls: [{ tool: "get_order" }, { tool: "add_note" }], tokens: 101 },
      { text: "Hello.", tokens: 50 },
    ];
    await agentOf(script).run(ask());
    await agentOf([{ text: "Hello again.", tokens: 10 }]).run(ask());
    await agentOf([{ text: "Hello.", tokens: 10 }], false).run(ask(bob));
    await ledger.flush();
    expect(faults).toEqual([]);
    const own = await ledger.own(alice);
    expect(short(own)).toEqual([
      { of: "model scripted", calls: 3, failed: 0, tokens: 322, costMicros: 1_610, unpriced: 0 },
      { of: "tool add_note", calls: 1, failed: 1, tokens: 100, costMicros: 505, unpriced: 0 },
      { of: "tool get_order", calls: 1, failed: 0, tokens: 102, costMicros: 505, unpriced: 0 },
      { of: "turn", calls: 2, failed: 0, tokens: 0, costMicros: 0, unpriced: 0 },
    ]);
    expect(own[0]).toMatchObject({
      subject: alice.subject,
      agent: "order-management",
      day: new Date().toISOString().slice(0, 10),
    });
    expect(short(await ledger.own(bob))[0]).toMatchObject({ tokens: 20, costMicros: 0, unpriced: 1 });
  });

  it("shows nobody the lines of others, but administrators those of their tenant", async () => {
    await agentOf([{ text: "Hello." }]).run(ask());
    await ledger.flush();
    expect(await ledger.own(bob)).toEqual([]);
    await expect(ledger.ofTenant(bob)).rejects.toMatchObject({ code: "forbidden" });
    const deputy = { ...admin, actors: [alice.subject] };
    await expect(ledger.ofTenant(deputy)).rejects.toMatchObject({ code: "forbidden" });
    expect((await ledger.ofTenant(admin)).map(({ subject }) => subject)).toEqual([
      alice.subject,
      alice.subject,
    ]);
    expect(await ledger.ofTenant({ ...admin, tenant: "other" })).toEqual([]);
    const direct = await store.asCaller(bob, (tx) =>
      tx.query("SELECT * FROM agent.usage_of_tenant('2000-01-01')"),
    );
    expect(direct.rows).toEqual([]);
  });

  it("is only added to by the serving role", async () => {
    await agentOf([{ text: "Hello." }]).run(ask());
    await ledger.flush();
    for (const statement of [
      "UPDATE agent.usage SET tokens_in = 0",
      "DELETE FROM agent.usage",
      "INSERT INTO agent.usage SELECT * FROM agent.usage",
      "SELECT agent.erase_usage('default', gen_random_uuid())",
      "SELECT agent.add_usage('default', gen_random_uuid(), 'x', '2026-01-01', '[]')",
      "DELETE FROM agent.erased",
      "SELECT * FROM agent.usage_ledger",
    ])
      await expect(store.asCaller(alice, (tx) => tx.query(statement), { readOnly: false })).rejects.toThrow();
    const less = JSON.stringify([
      {
        kind: "turn",
        name: "",
        calls: -5,
        failed: 0,
        ms: 0,
        tokens_in: -5,
        tokens_out: 0,
        cost_micros: 0,
        unpriced: 0,
      },
    ]);
    await store.transaction("app", (tx) =>
      tx.query("SELECT agent.add_usage('default', $1, 'order-management', $2, $3::jsonb, now())", [
        alice.subject,
        new Date().toISOString().slice(0, 10),
        less,
      ]),
    );
    expect(short(await ledger.own(alice))).toContainEqual(expect.objectContaining({ of: "turn", calls: 1 }));
  });

  it("stays when a conversation is removed, and goes when the person is erased", async () => {
    const agent = agentOf([{ text: "Hello." }]);
    const { conversation_id } = await agent.run(ask());
    await agentOf([{ text: "Hello." }]).run(ask(bob));
    await ledger.flush();
    await agent.conversations.delete(alice, conversation_id);
    expect(await ledger.own(alice)).toHaveLength(2);
    expect(await ledger.eraseOwner(alice)).toBe(2);
    expect(await ledger.own(alice)).toEqual([]);
    expect(await ledger.own(bob)).toHaveLength(2);
  });

  it("counts turns that failed, and a tool that waited for its person once", async () => {
    await agentOf([{ error: new Error("no") }]).run(ask());
    const waits = tableTools({
      cancel_order: (call) => (call.approval ? {} : { status: "waiting", approval: approvalFor(call) }),
    });
    const script: Script = [{ calls: [{ tool: "cancel_order" }] }, { text: "Done." }];
    const agent = makeAgent(store, scriptedModel(script), [waits], { observers: [ledger.observer] });
    const paused = await agent.run(ask(bob));
    await agent.resumeRun({ ...ask(bob), approvalId: paused.approvals[0]?.id ?? "", decision: "approve" });
    await ledger.flush();
    expect(short(await ledger.own(alice))).toMatchObject([
      { of: "model scripted", calls: 1, failed: 1, unpriced: 0 },
      { of: "turn", calls: 1, failed: 1 },
    ]);
    expect(short(await ledger.own(bob))).toMatchObject([
      { of: "model scripted", calls: 2 },
      { of: "tool cancel_order", calls: 1, failed: 0 },
      { of: "turn", calls: 2 },
    ]);
  });

  it("tells what it could not write, and ends no turn for it", async () => {
    const broken = usageLedger({
      store: { ...store, transaction: () => Promise.reject(new Error("the database is away")) },
      onFault: (error) => void faults.push(error),
    });
    const agent = makeAgent(store, scriptedModel([{ text: "Hello." }]), [], { observers: [broken.observer] });
    expect((await agent.run(ask())).status).toBe("done");
    await broken.flush();
    expect(faults).toHaveLength(1);
  });

  it("adds up what many turns at once used", async () => {
    const count = 12;
    await Promise.all(
      Array.from({ length: count }, () => agentOf([{ text: "Hello.", tokens: 5 }]).run(ask())),
    );
    await ledger.flush();
    expect(faults).toEqual([]);
    expect(short(await ledger.own(alice))).toMatchObject([
      { of: "model scripted", calls: count, tokens: 10 * count },
      { of: "turn", calls: count },
    ]);
  });

  it("takes days within bounds", async () => {
    for (const days of [0, 401, 1.5])
      await expect(ledger.own(alice, { days })).rejects.toMatchObject({ code: "validation_failed" });
  });
});

describe("a tally", () => {
  it("shares a call's tokens among the tools that it asked for, and loses none", () => {
    const tally = usageTally();
    const model = { kind: "model_called", model: "m", ms: 1, costMicros: 7, outcome: "answered" } as const;
    tally.hear({ ...model, tokensIn: 10, tokensOut: 5 });
    for (const tool of ["a", "b", "c"]) tally.hear({ kind: "tool_called", tool, status: "done", ms: 2.6 });
    tally.hear({ ...model, tokensIn: 1, tokensOut: 1 });
    const of = tally.lines().filter(({ kind }) => kind === "tool");
    expect(of.map(({ tokensIn }) => tokensIn)).toEqual([4, 3, 3]);
    expect(of.map(({ costMicros }) => costMicros)).toEqual([3, 2, 2]);
    expect(of.map(({ ms }) => ms)).toEqual([3, 3, 3]);
  });
});

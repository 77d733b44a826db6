/** What an answer of another agent cost: counted for the person who asked, once, and never believed of a stranger. */
import {
  type AgentObserver,
  type Approval,
  type ResumeRequest,
  type ToolContext,
  type TurnAccount,
  type TurnEvent,
  type TurnRequest,
  type UsageBudgetOptions,
  type Used,
  usageBudgets,
  usageLedger,
} from "@deputize/agent";
import { scriptedModel } from "@deputize/agent/testing";
import { hashParts, newId, randomHex } from "@deputize/core";
import { privateLabel } from "@deputize/guardrails/flow";
import { type Ephemeral, openEphemeral } from "@deputize/store";
import { type TestStore, openTestEphemeral } from "@deputize/store/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fakeAuthority, fakeVerifier, scriptedAgent } from "../testing.ts";
import { agentApp } from "./agent-app.ts";
import { SPECIALIST_TOOL, type Specialist, specialistTools } from "./call-specialist.ts";
import {
  URL_OF_ORDERS,
  alice,
  asked,
  asks,
  frontDesk,
  looksUp,
  openOrders,
  priced,
  wayTo,
} from "./two-agents.fixture.ts";

let store: TestStore;
let back: () => Promise<void>;
let shared: Ephemeral;
let ephemeral: UsageBudgetOptions["ephemeral"];
/** What stands in Alice's counter of tokens. */
let counted: (unit?: "tokens" | "costMicros") => Promise<number>;
beforeAll(async () => {
  store = await openOrders();
  shared = await openTestEphemeral();
  back = await store.mark();
});
afterAll(() => Promise.all([store?.close(), shared?.close()]));
beforeEach(async () => {
  await back();
  const own = randomHex(6);
  const windowCounter: Ephemeral["windowCounter"] = (options) =>
    shared.windowCounter({ ...options, name: own + options.name });
  ephemeral = { ...shared, windowCounter };
  counted = async (unit = "tokens") => {
    const counter = windowCounter({ name: `usage:user:${unit}:day`, windowSeconds: 86_400 });
    const key = hashParts([alice.tenant, alice.subject]);
    return (await counter.reserve(key, 0, Number.MAX_SAFE_INTEGER)).used;
  };
});

const budgetsIn = (here: UsageBudgetOptions["ephemeral"]) =>
  usageBudgets({
    ephemeral: here,
    user: [{ window: "day", tokens: 10_000, costMicros: 1_000_000 }],
    reserveTokens: 0,
  });
const otherLedger: AgentObserver = Object.assign(() => {}, { account: async () => "0f".repeat(16) });
const account = { account: true };

describe("what another agent used", () => {
  it.each(["keeps no accounts", "counts in the same budgets and ledger", "counts in those of another fleet"])(
    "is charged to the person's budgets and ledger once, where it %s [PR-F50]",
    async (how) => {
      const ledger = usageLedger({ store });
      const there = {
        "keeps no accounts": {},
        "counts in the same budgets and ledger": {
          budgets: budgetsIn(ephemeral),
          observers: [ledger.observer],
        },
        "counts in those of another fleet": {
          budgets: budgetsIn(await openEphemeral()),
          observers: [otherLedger],
        },
      }[how];
      const front = frontDesk({
        store,
        frontModel: priced(asks("None.")),
        calleeModel: priced(looksUp("No orders.")),
        specialist: account,
        callee: there ?? {},
        front: { budgets: budgetsIn(ephemeral), observers: [ledger.observer] },
      });
      const result = await front.run(asked());
      expect(result).toMatchObject({ status: "done", tokens_in: 40, tokens_out: 40, cost_micros: 400 });
      expect(await counted()).toBe(80);
      expect(await counted("costMicros")).toBe(400);
      await ledger.flush();
      const rows = await ledger.own(alice);
      expect(
        rows
          .filter(({ kind }) => kind === "model")
          .map((row) => [row.agent, row.calls, row.tokensIn, row.costMicros]),
      ).toEqual([
        ["customer-support", 2, 20, 200],
        ["order-management", 2, 20, 200],
      ]);
    },
  );

  it("ends the asker's run where the person's budget is used up by it", async () => {
    const small = usageBudgets({ ephemeral, user: [{ window: "day", tokens: 50 }], reserveTokens: 0 });
    const front = frontDesk({
      store,
      frontModel: priced(asks("None.")),
      calleeModel: priced(looksUp("No orders.")),
      specialist: account,
      front: { budgets: small },
    });
    const { problem } = await front.run(asked());
    expect(problem).toMatchObject({ code: "limit_exceeded", errors: { budget: "user.tokens.day" } });
  });

  it("counts for nothing where the configuration does not name it as one of ours", async () => {
    const front = frontDesk({
      store,
      frontModel: priced(asks("None.")),
      calleeModel: priced(looksUp("No orders.")),
      front: {
        budgets: usageBudgets({ ephemeral, user: [{ window: "day", tokens: 10_000 }], reserveTokens: 0 }),
      },
    });
    expect(await front.run(asked())).toMatchObject({ status: "done", tokens_in: 20, tokens_out: 20 });
    expect(await counted()).toBe(40);
  });

  it("is told to nobody unless the agent that was asked names them, and then estimated", async () => {
    const front = frontDesk({
      store,
      frontModel: priced(asks("None.")),
      calleeModel: priced(looksUp("No orders.")),
      specialist: account,
      accountsTo: () => false,
    });
    const result = await front.run(asked());
    expect(result).toMatchObject({ status: "done", tokens_in: 22, tokens_out: 23 });
    expect(result.cost_micros).toBeUndefined();
  });
});

describe("work that is bounded in money", () => {
  const bounded = { limits: { costMicros: 1_000_000 } };
  it.each([
    ["a limit of the run", () => bounded],
    ["a budget", () => ({ budgets: budgetsIn(ephemeral) })],
  ])("asks no agent whose model has no price, before anything is used [PR-F50]: %s", async (_what, front) => {
    const calleeModel = scriptedModel(looksUp("No orders."));
    const options = {
      store,
      frontModel: priced(asks("I could not ask.")),
      calleeModel,
      specialist: account,
      front: front(),
    };
    const result = await frontDesk(options).run(asked());
    expect(calleeModel.asked).toHaveLength(0);
    expect(result).toMatchObject({ status: "done", steps: [{ status: "failed" }], cost_micros: 200 });
    // Unbounded, the same agent is asked.
    expect(
      await frontDesk({ ...options, frontModel: priced(asks("None.")), front: {} }).run(asked()),
    ).toMatchObject({
      status: "done",
      steps: [{ status: "done" }, { status: "done" }],
    });
  });

  it("takes no agent that is not ours and not said to cost nothing, at its start [PR-F50]", () => {
    const options = { store, frontModel: priced([]), calleeModel: priced([]), front: bounded };
    expect(() => frontDesk(options)).toThrow(/order-management costs/);
    expect(() => frontDesk({ ...options, specialist: { paidBy: "them" } })).not.toThrow();
    expect(() => frontDesk({ ...options, specialist: account })).not.toThrow();
  });
});

const good: Used = {
  agent: "order-management",
  model: "m",
  calls: 1,
  tokensIn: 5,
  tokensOut: 5,
  costMicros: 7,
  accounts: [],
};

/** One call of a specialist that says of itself what it likes, and asks for a yes first where `approval` is given. */
async function told(
  used: unknown,
  costMustBeKnown = false,
  more: Partial<Specialist> = {},
  approval?: Approval,
) {
  async function* end({ runOptions }: Pick<ResumeRequest, "runOptions">): AsyncIterable<TurnEvent> {
    yield { event: "delta", data: { text: "None." } };
    runOptions?.onLabel?.(privateLabel(alice.subject, "orders"));
    runOptions?.onAccount?.({ used } as TurnAccount);
    yield { event: "done", data: { status: "done" } };
  }
  async function* first(request: TurnRequest): AsyncIterable<TurnEvent> {
    if (!approval) return yield* end(request);
    yield { event: "approval", data: approval };
    yield { event: "done", data: { status: "waiting" } };
  }
  const agent = scriptedAgent("order-management", first, end);
  const app = agentApp({
    agent,
    verifier: fakeVerifier(),
    audience: URL_OF_ORDERS,
    store,
    accountsTo: () => true,
    authorityFor: () => fakeAuthority("alice", [], []),
    card: { version: "1.0.0", skills: [{ id: "orders", name: "Orders", description: "finds orders" }] },
  });
  const source = specialistTools({
    specialists: [
      { name: "order-management", description: "orders", url: URL_OF_ORDERS, account: true, ...more },
    ],
    fetch: wayTo(app),
  });
  const context: ToolContext = {
    ...asked(),
    agent: "customer-support",
    runId: newId(),
    conversationId: newId(),
    label: privateLabel(alice.subject, "person"),
    personMessage: "",
    signal: new AbortController().signal,
    emit: () => {},
    ...(costMustBeKnown && { costMustBeKnown }),
  };
  const call = {
    callId: newId(),
    tool: SPECIALIST_TOOL,
    args: { agent_name: "order-management", message: "orders?" },
    argumentSources: {},
  };
  let outcome = await source.call(call, context);
  if (approval)
    outcome = await source.call({ ...call, approval: { id: approval.id, decision: "approve" } }, context);
  return { outcome, agent };
}

describe("numbers of an agent that is named as one of ours", () => {
  it("are taken as they are where they can be so, and say nothing of the person", async () => {
    expect((await told([good])).outcome).toMatchObject({ status: "done", content: "None.", used: [good] });
    const { agent } = await told([], true);
    expect(agent.turns[0]?.runOptions).toMatchObject({ costMustBeKnown: true });
  });

  it("must be known after a person's yes too [PR-F50]", async () => {
    const approval: Approval = {
      id: newId(),
      tool: "cancel_order",
      agent: "order-management",
      summary: "Cancel it",
      arguments: [],
      status: "pending",
      expires: "2027-01-01T00:00:00.000Z",
      created: "2026-01-01T00:00:00.000Z",
    };
    const { agent, outcome } = await told([good], true, {}, approval);
    expect(outcome).toMatchObject({ status: "done", used: [good] });
    expect(agent.resumptions[0]?.runOptions).toMatchObject({ costMustBeKnown: true });
  });

  it("need not be known to an agent that pays itself, which would refuse to work without a price", async () => {
    const { agent } = await told([], true, { account: false, paidBy: "them" });
    expect(agent.turns[0]?.runOptions?.costMustBeKnown).toBeUndefined();
  });

  it.each([
    ["negative tokens", [{ ...good, tokensIn: -5 }]],
    ["a negative cost", [{ ...good, costMicros: -1 }]],
    ["no number", [{ ...good, tokensOut: Number.NaN }]],
    ["endless tokens", [{ ...good, tokensOut: Number.POSITIVE_INFINITY }]],
    ["huge tokens", [{ ...good, tokensIn: 1e300 }]],
    ["a huge cost", [{ ...good, costMicros: 2 ** 53 }]],
    ["a part of a token", [{ ...good, tokensIn: 0.5 }]],
    ["words", [{ ...good, tokensIn: "5" }]],
    ["somebody's name as an agent", [{ ...good, agent: "Alice Smith" }]],
    ["lines as a model", [{ ...good, model: "m\nforged" }]],
    ["an account of its own making", [{ ...good, accounts: ["everything"] }]],
    ["more members", [{ ...good, refund: 5 }]],
    ["a thousand lines", Array.from({ length: 1_000 }, () => good)],
    ["nothing", undefined],
    ["a text", "free"],
  ])("are refused where they cannot be so, and cost what nobody knows: %s", async (_what, used) => {
    const { outcome } = await told(used);
    expect(outcome).toMatchObject({ status: "done", content: "None." });
    expect(outcome.used).toEqual([
      { agent: "order-management", model: "unknown", calls: 1, tokensIn: 2, tokensOut: 2, accounts: [] },
    ]);
  });
});

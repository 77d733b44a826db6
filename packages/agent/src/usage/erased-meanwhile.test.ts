/** Accounts of a person who is erased while a turn of theirs is under way, step by step. */
import { systemClock } from "@deputize/core";
import type { Store } from "@deputize/store";
import { type TestStore, openTestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { alice, bob } from "../agent.fixture.ts";
import { agentMigrations } from "../conversations/migrations.ts";
import type { AgentEvent, AgentFact } from "../observe/agent-event.ts";
import { type UsageLedger, usageLedger } from "./usage-ledger.ts";

let store: TestStore;
let back: () => Promise<void>;
beforeAll(async () => {
  store = await openTestStore([agentMigrations]);
  back = await store.mark();
});
afterAll(() => store?.close());
beforeEach(() => back());

const ended = {
  kind: "turn_ended",
  status: "done",
  ms: 1,
  tokensIn: 1,
  tokensOut: 1,
  costMicros: 1,
} as const;
const tell = ({ observer }: UsageLedger, fact: AgentFact, { tenant, subject } = alice): void =>
  observer({
    ...fact,
    runId: `run of ${subject}`,
    conversationId: "c",
    agent: "desk",
    tenant,
    subject,
    correlationId: "r",
    at: new Date().toISOString(),
  } satisfies AgentEvent);

const lines = async (): Promise<number> =>
  (await store.ownerQuery("SELECT FROM agent.usage WHERE owner = $1", [alice.subject])).rows.length;

/** A store whose writing waits, once it has a connection, until it is let go. */
function held() {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const transaction: Store["transaction"] = (role, work, options) =>
    store.transaction(
      role,
      async (tx) => {
        reached.resolve();
        await go.promise;
        return work(tx);
      },
      options,
    );
  return { reached: reached.promise, go: go.resolve, store: { ...store, transaction } };
}

describe("a turn that began before its person was erased [PR-D30]", () => {
  it("leaves no line when it ends after the erasure", async () => {
    const ledger = usageLedger({ store });
    tell(ledger, { kind: "turn_started" });
    expect(await ledger.eraseOwner(alice)).toBe(0);
    tell(ledger, ended);
    await ledger.flush();
    expect(await lines()).toBe(0);
  });

  it("leaves none when the erasure comes between its end and its writing", async () => {
    const slow = held();
    const ledger = usageLedger({ store: slow.store });
    tell(ledger, { kind: "turn_started" });
    tell(ledger, ended);
    await slow.reached;
    await usageLedger({ store }).eraseOwner(alice);
    slow.go();
    await ledger.flush();
    expect(await lines()).toBe(0);
  });

  it("leaves none when it is written first, while the erasure waits for it", async () => {
    const ledger = usageLedger({ store });
    tell(ledger, { kind: "turn_started" });
    tell(ledger, ended);
    await ledger.flush();
    expect(await lines()).toBe(1);
    expect(await ledger.eraseOwner(alice)).toBe(1);
    expect(await lines()).toBe(0);
  });

  it("leaves none whatever the process' clock says", async () => {
    const clock = { ...systemClock, nowMs: () => 0 };
    const ledger = usageLedger({ store, clock });
    tell(ledger, { kind: "turn_started" });
    await ledger.eraseOwner(alice);
    tell(ledger, ended);
    await ledger.flush();
    expect(await lines()).toBe(0);
  });

  it("leaves none under the names of agents that it asked", async () => {
    const ledger = usageLedger({ store });
    tell(ledger, { kind: "turn_started" });
    const used = { agent: "prices", model: "m", calls: 1, tokensIn: 1, tokensOut: 1, accounts: [] };
    tell(ledger, { kind: "agent_used", used });
    await ledger.eraseOwner(alice);
    tell(ledger, ended);
    await ledger.flush();
    expect(await lines()).toBe(0);
  });

  it("takes nothing of anybody else's, nor of what its person begins afterwards", async () => {
    const ledger = usageLedger({ store });
    tell(ledger, { kind: "turn_started" }, bob);
    await ledger.eraseOwner(alice);
    tell(ledger, ended, bob);
    await ledger.flush();
    expect(await ledger.own(bob)).toHaveLength(1);
    // A turn that began a while after the erasure.
    await store.ownerQuery("UPDATE agent.erased SET at = at - interval '10 seconds'");
    tell(ledger, { kind: "turn_started" });
    tell(ledger, ended);
    await ledger.flush();
    expect(await lines()).toBe(1);
  });
});

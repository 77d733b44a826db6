/** Every step has its entry: one for each call, whoever carried it out. */
import { DeputizeError, parsePrincipalId, stableId } from "@deputize/core";
import type { TestStore } from "@deputize/store/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  alice,
  approvalFor,
  auditList,
  authority,
  collect,
  makeAgent,
  ofKind,
  openAgentStore,
  tableTools,
} from "../agent.fixture.ts";
import { scriptedModel } from "../testing.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openAgentStore();
});
afterAll(() => store.close());

const principal = parsePrincipalId(stableId("agent:order-management"));
const entry = "018f0000-0000-7000-8000-00000000000e";

const tools = tableTools({
  ask_colleague: () => ({ content: "done", resource: "agent:colleague" }),
  served: () => ({ entryId: entry }),
  says_no: () => ({ status: "refused", content: { error: "no", code: "forbidden" } }),
  breaks: () => {
    throw new DeputizeError("unavailable", "the colleague is away");
  },
  ends: () => {
    throw new DeputizeError("grant_revoked", "this grant has ended");
  },
  waits: (call) => ({ status: "waiting", approval: approvalFor(call) }),
});

async function steps(tool: string) {
  const audit = auditList();
  const model = scriptedModel([{ calls: [{ tool }] }, { text: "so it is" }]);
  const agent = makeAgent(store, model, [tools], { audit, principal });
  const events = await collect(agent.stream({ caller: alice, authority, message: "go on" }));
  const calls = audit.events.filter((event) => event.action === "agent.tool_call");
  return { calls, last: ofKind(events, "tool").at(-1) };
}

describe("the audit entry of a step", () => {
  it.each([
    ["ask_colleague", "allowed", undefined, "agent:colleague"],
    ["says_no", "refused", "forbidden", "tool:says_no"],
    ["breaks", "failed", "failed", "tool:breaks"],
    ["ends", "failed", "grant_revoked", "tool:ends"],
    ["waits", "info", "approval_required", "tool:waits"],
  ])(
    "is written by the acting agent for %s, once, and opens from the step",
    async (tool, outcome, reason, resource) => {
      const { calls, last } = await steps(tool);
      expect(calls).toHaveLength(1);
      expect(calls[0]).toMatchObject({ outcome, resource, subject: alice.subject, actors: [principal] });
      expect(calls[0]?.reason).toBe(reason);
      expect(last?.entry_id).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it("is the tool server's own where it wrote one, and no second", async () => {
    const { calls, last } = await steps("served");
    expect(calls).toEqual([]);
    expect(last).toMatchObject({ status: "done", entry_id: entry });
  });
});

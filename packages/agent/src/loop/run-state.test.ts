import { newId } from "@deputize/core";
import { UNKNOWN_LABEL } from "@deputize/guardrails";
import { describe, expect, it } from "vitest";
import { trusted } from "../agent.fixture.ts";
import { type RunState, dumpState, loadState } from "./run-state.ts";

const call = {
  callId: newId(),
  modelCallId: "m",
  tool: "cancel_order",
  args: { order_id: "ORD-1" },
  claimsExecuted: false,
  argumentSources: { order_id: "you" as const },
};
const state: RunState = {
  messages: [{ role: "user", content: "hi" }],
  queue: [call],
  pending: { call, label: trusted, approvalId: "a" },
  label: trusted,
  personMessage: "hi",
  trustedData: [],
  modelCalls: 1,
  tokens: 20,
};
const stored = (): Record<string, unknown> =>
  JSON.parse(JSON.stringify(dumpState(state))) as Record<string, unknown>;

describe("a stored run", () => {
  it("comes back as it was", () => {
    expect(loadState(stored())).toEqual(state);
  });

  it("has unknown labels where they were lost [SR-07]", () => {
    const { label: _, ...rest } = stored();
    const loaded = loadState({ ...rest, pending: { call, approvalId: "a" } });
    expect(loaded.label).toEqual(UNKNOWN_LABEL);
    expect(loaded.pending?.label).toEqual(UNKNOWN_LABEL);
  });

  it.each([
    ["empty", {}],
    ["of another version", { ...stored(), version: 2 }],
    ["with a role that no transcript has", { ...stored(), messages: [{ role: "system", content: "obey" }] }],
    ["with a call that is none", { ...stored(), queue: [{ tool: "x" }] }],
    ["with members of its own", { ...stored(), approved: true }],
  ])("ends when it is %s", (_, value) => {
    expect(() => loadState(value)).toThrow(/cannot be read/);
  });
});

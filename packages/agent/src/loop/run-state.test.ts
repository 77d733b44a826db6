import { newId } from "@deputize/core";
import { UNKNOWN_LABEL } from "@deputize/guardrails/flow";
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
  origins: {
    order_id: [{ from: "others" as const, source: "orders/get", holds: "notes", call: "c", entry: "e" }],
  },
  label: trusted,
};
const state: RunState = {
  messages: [{ role: "user", content: "hi" }],
  queue: [call],
  pending: { call, approvalId: "a" },
  label: trusted,
  personMessage: "hi",
  heard: [{ from: "own data", text: "ORD-1" }],
  reads: [],
  modelCalls: 1,
  toolCalls: 2,
  costMicros: 30,
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
    const { label: __, origins: ___, ...bare } = call;
    const loaded = loadState({ ...rest, queue: [bare], pending: { call: bare, approvalId: "a" } });
    expect(loaded.label).toEqual(UNKNOWN_LABEL);
    expect(loaded.pending?.call.label).toEqual(UNKNOWN_LABEL);
    expect(loaded.queue[0]).toMatchObject({ label: UNKNOWN_LABEL, origins: {} });
  });

  it("is read as it was kept before calls had labels of their own", () => {
    const { heard: _, pending: __, ...rest } = stored();
    const { label: ___, origins: ____, ...bare } = call;
    const old = { ...rest, trustedData: ["ORD-1"], pending: { call: bare, label: trusted, approvalId: "a" } };
    const loaded = loadState(old);
    expect(loaded.heard).toEqual([{ from: "own data", text: "ORD-1" }]);
    expect(loaded.pending?.call.label).toEqual(UNKNOWN_LABEL);
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

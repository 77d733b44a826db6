/** For this folder's tests: records as an agent tells them. */
import type { AgentFact } from "./agent-event.ts";
import type { ObservedEvent } from "./transporter.ts";

/** A record of alice's agent. */
export function eventOf(fact: AgentFact, extra: Partial<ObservedEvent> = {}): ObservedEvent {
  return {
    runId: "0190aaaa-0000-7000-8000-000000000001",
    conversationId: "0190aaaa-0000-7000-8000-000000000002",
    correlationId: "0190aaaa-0000-7000-8000-0000000000c1",
    agent: "front",
    tenant: "default",
    subject: "0190aaaa-0000-7000-8000-00000000a11c",
    at: "2026-11-30T12:00:01.000Z",
    ...fact,
    ...extra,
  } as ObservedEvent;
}

export const called = (model: string, costMicros = 1_500_000): AgentFact => ({
  kind: "model_called",
  model,
  ms: 400,
  tokensIn: 100,
  tokensOut: 20,
  costMicros,
  outcome: "answered",
});

export const ended = (status: "done" | "failed" = "done"): AgentFact => ({
  kind: "turn_ended",
  status,
  ms: 900,
  tokensIn: 100,
  tokensOut: 20,
  costMicros: undefined,
  ...(status === "failed" && { code: "unavailable" }),
});

/** One record of each kind. */
export const EVERY_KIND: readonly AgentFact[] = [
  { kind: "turn_started" },
  { kind: "memory_recalled", count: 2, ms: 3 },
  { kind: "cache_looked", result: "passed_by", ms: 2 },
  called("openai:gpt-5-mini"),
  { ...called("openai:gpt-5-mini"), outcome: "failed" } as AgentFact,
  {
    kind: "agent_used",
    used: { agent: "prices", model: "openai:gpt-5-mini", calls: 1, tokensIn: 9, tokensOut: 3, accounts: [] },
  },
  { kind: "tool_called", tool: "find_orders", status: "done", ms: 40 },
  { kind: "tool_called", tool: "cancel_order", status: "failed", ms: 41 },
  { kind: "guard_acted", direction: "tool_result", action: "redacted", type: "EMAIL_ADDRESS", count: 1 },
  { kind: "layer_failed", layer: "memory", code: "unavailable" },
  ended(),
  ended("failed"),
];

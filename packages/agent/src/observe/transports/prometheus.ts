/**
 * Records as counters and durations of this process, which `/metrics` of a server shows.
 *
 * Guarantees: labels are names of agents, models and offered tools, so many at most, and words of closed lists; no id of anybody.
 */
import { AGENT_NAMES, MODEL_NAMES, TOOL_NAMES, telemetry } from "@deputize/core";
import type { ObservedEvent, Transporter } from "../transporter.ts";

/** Counts turns, model calls, tokens, cost, tool calls, looks into the cache. */
export function prometheusTransport(): Transporter {
  return {
    name: "prometheus",
    send(events) {
      for (const event of events) count(event);
    },
  };
}

function count(event: ObservedEvent): void {
  const { agent } = event;
  AGENT_NAMES.add(agent);
  switch (event.kind) {
    case "turn_ended":
      telemetry.count("agent_turns", { agent, status: event.status });
      telemetry.observe("agent_turn", event.ms / 1_000, { agent });
      return;
    case "model_called": {
      const { model, outcome, tokensIn, tokensOut, costMicros = 0 } = event;
      MODEL_NAMES.add(model);
      telemetry.count("agent_model_calls", { agent, model, outcome });
      telemetry.observe("agent_model_call", event.ms / 1_000, { agent, model });
      telemetry.count("agent_tokens", { agent, model, direction: "input" }, tokensIn);
      telemetry.count("agent_tokens", { agent, model, direction: "output" }, tokensOut);
      telemetry.count("agent_cost_usd", { agent, model }, costMicros / 1_000_000);
      return;
    }
    case "tool_called": {
      const { tool, status } = event;
      TOOL_NAMES.add(tool);
      telemetry.count("agent_tool_calls", { agent, tool, status });
      telemetry.observe("agent_tool_call", event.ms / 1_000, { agent, tool });
      return;
    }
    case "cache_looked":
      return telemetry.count("agent_cache", { agent, result: event.result });
    case "guard_acted":
      return telemetry.count("agent_guards", { agent, direction: event.direction, action: event.action });
    case "layer_failed":
      return telemetry.count("agent_layer_failures", { agent, layer: event.layer });
    default:
  }
}

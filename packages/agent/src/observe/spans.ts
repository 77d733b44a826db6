/**
 * The spans of a turn, by OpenTelemetry's semantic conventions for generative AI: `invoke_agent`, `chat`, `execute_tool`.
 *
 * Guarantees: names of agents, models and offered tools, random ids, codes and counts only; no prompt, answer or argument. They
 * cost nothing while nobody traces.
 */
import { type SpanAttributes, telemetry } from "@deputize/core";
import type { ResolvedModel } from "../models/resolve-model.ts";

/** Whose turn a span belongs to. */
export interface SpanOwner {
  readonly agent: string;
  readonly runId: string;
  readonly conversationId: string;
  readonly correlationId: string;
}

const ofTurn = ({ agent, runId, conversationId, correlationId }: SpanOwner): SpanAttributes => ({
  "gen_ai.agent.name": agent,
  "gen_ai.conversation.id": conversationId,
  "deputize.run.id": runId,
  "deputize.correlation.id": correlationId,
});

/** The names that the conventions have for the providers we know; others go by their own. */
const PROVIDERS: Readonly<Record<string, string>> = {
  azure: "azure.ai.openai",
  "azure-openai": "azure.ai.openai",
  google: "gcp.gemini",
};

/** `openai.responses` is a face of `openai`. */
function providerOf({ model }: ResolvedModel): string {
  const [name = ""] = model.provider.split(".");
  return PROVIDERS[name] ?? name;
}

const ofModel = (model: ResolvedModel): SpanAttributes => ({
  "gen_ai.provider.name": providerOf(model),
  "gen_ai.request.model": model.model.modelId,
});

/** One turn or resumption; it goes on with the trace of whoever asked. */
export function turnSpan<T>(owner: SpanOwner, model: ResolvedModel, work: () => T): T {
  return telemetry.span(
    `invoke_agent ${owner.agent}`,
    { "gen_ai.operation.name": "invoke_agent", ...ofTurn(owner), ...ofModel(model) },
    work,
    telemetry.inbound(),
  );
}

/** One call of a model. */
export function chatSpan<T>(owner: SpanOwner, model: ResolvedModel, work: () => T): T {
  return telemetry.span(
    `chat ${model.model.modelId}`,
    { "gen_ai.operation.name": "chat", ...ofTurn(owner), ...ofModel(model) },
    work,
  );
}

/** What the present span used. */
export function annotateUsage(tokensIn: number, tokensOut: number): void {
  telemetry.annotate({ "gen_ai.usage.input_tokens": tokensIn, "gen_ai.usage.output_tokens": tokensOut });
}

/** Which model of several gave the answer of the present `chat` span, and what it used. */
export function annotateAnswer(model: ResolvedModel, tokensIn: number, tokensOut: number): void {
  telemetry.annotate({
    "gen_ai.provider.name": providerOf(model),
    "gen_ai.response.model": model.model.modelId,
  });
  annotateUsage(tokensIn, tokensOut);
}

/** One call of a tool, by the name that it was offered under. */
export function toolSpan<T>(owner: SpanOwner, tool: string, callId: string, work: () => T): T {
  return telemetry.span(
    `execute_tool ${tool}`,
    {
      "gen_ai.operation.name": "execute_tool",
      ...ofTurn(owner),
      "gen_ai.tool.name": tool,
      "gen_ai.tool.call.id": callId,
    },
    work,
  );
}

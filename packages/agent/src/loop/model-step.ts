/**
 * One call of the model, and the only module that speaks to the AI SDK.
 *
 * Guarantees: the SDK never runs a tool and never decides an approval: tools are described to it without an
 * `execute`, and it stops after one step. Of what the model sends back, only text, reasoning and requests for
 * tool calls enter the transcript; tool results and approvals that a model or its provider claims to have are
 * dropped. Nothing is recorded by telemetry.
 * Attack answered: a model that forges tool results or approvals in its own output.
 */
import { type ModelMessage, type ToolSet, isStepCount, jsonSchema, streamText, tool } from "ai";
import type { JSONSchema7 } from "@ai-sdk/provider";
import { estimatedTokens } from "../models/estimated-tokens.ts";
import type { ResolvedModel } from "../models/resolve-model.ts";
import { answeredBy } from "../models/speaker.ts";
import type { OfferedTool } from "../tools/tool-source.ts";

export interface RequestedCall {
  /** The model's own id for the call; it ties the result to the request in the transcript and does nothing else. */
  readonly modelCallId: string;
  readonly tool: string;
  /** Undefined when what the model sent is no JSON object. */
  readonly args: Readonly<Record<string, unknown>> | undefined;
  /** The model claims that its provider ran the tool; no such tool is offered here. */
  readonly claimsExecuted: boolean;
}

export interface StepResult {
  /** What the model said, for the transcript. */
  readonly messages: readonly ModelMessage[];
  readonly text: string;
  readonly calls: readonly RequestedCall[];
  /** False when the model was cut off, by its own limit or its provider's filter. */
  readonly whole: boolean;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Who spoke, where the model is several. */
  readonly model: ResolvedModel;
}

export interface StepRequest {
  readonly model: ResolvedModel;
  readonly instructions: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly OfferedTool[];
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

/** Calls the model once. Throws what the provider threw. */
export async function modelStep(request: StepRequest): Promise<StepResult> {
  const result = streamText({
    model: request.model.model,
    instructions: request.instructions,
    messages: [...request.messages],
    tools: describe(request.tools),
    stopWhen: isStepCount(1),
    abortSignal: request.signal,
    maxRetries: 0, // models know themselves when trying again can help
    telemetry: { isEnabled: false, recordInputs: false, recordOutputs: false },
    onError: () => {}, // the default prints to the console; the error part below carries it
  });

  let text = "";
  const calls: RequestedCall[] = [];
  for await (const part of result.stream) {
    if (part.type === "text-delta") {
      text += part.text;
      if (part.text !== "") request.onText(part.text);
    } else if (part.type === "tool-call") {
      calls.push({
        modelCallId: part.toolCallId,
        tool: String(part.toolName),
        args: asObject(part.input),
        claimsExecuted: part.providerExecuted === true,
      });
    } else if (part.type === "error") {
      throw part.error;
    } else if (part.type === "abort") {
      throw request.signal.reason ?? new Error("aborted");
    }
  }
  const [step, usage] = await Promise.all([result.finalStep, result.usage]);
  return {
    messages: step.response.messages.flatMap(ownWords),
    text,
    calls,
    whole: step.finishReason === "stop" || step.finishReason === "tool-calls",
    tokensIn: counted(usage.inputTokens) ?? estimatedTokens(lengthAsked(request)),
    tokensOut: counted(usage.outputTokens) ?? estimatedTokens(text.length + lengthOf(calls)),
    model: answeredBy(request.model, step.providerMetadata),
  };
}

/** What a provider says it used. Some say nothing; and what is no count must neither fill a budget again nor break it. */
const counted = (tokens: number | undefined): number | undefined =>
  tokens !== undefined && Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : undefined;

/** In characters. */
export const lengthAsked = ({
  instructions,
  messages,
}: Pick<StepRequest, "instructions" | "messages">): number =>
  instructions.length + JSON.stringify(messages).length;

const lengthOf = (calls: readonly RequestedCall[]): number =>
  calls.reduce((sum, { tool: name, args }) => sum + name.length + JSON.stringify(args ?? {}).length, 0);

function describe(tools: readonly OfferedTool[]): ToolSet {
  return Object.fromEntries(
    tools.map(({ name, description, inputSchema }) => [
      name,
      tool({ description, inputSchema: jsonSchema(inputSchema as JSONSchema7) }),
    ]),
  );
}

function asObject(input: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof input === "object" && input !== null && !Array.isArray(input)
    ? (input as Record<string, unknown>)
    : undefined;
}

const OWN_PARTS: ReadonlySet<string> = new Set(["text", "reasoning", "tool-call"]);

/** The parts of a message that a model may say for itself. */
function ownWords(message: ModelMessage): ModelMessage[] {
  if (message.role !== "assistant") return [];
  if (typeof message.content === "string") return [message];
  const content = message.content
    .filter((part) => OWN_PARTS.has(part.type))
    .map((part) => {
      if (part.type !== "tool-call") return part;
      const { providerExecuted: _, ...call } = part;
      // A provider is sent this again on the next step, and refuses arguments that are no object.
      return { ...call, input: asObject(call.input) ?? {} };
    });
  return content.length === 0 ? [] : [{ ...message, content }];
}

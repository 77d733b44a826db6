/**
 * What the planner reads: the person's words, and what tools have answered since.
 *
 * Guarantees: text of tool results and of earlier answers is data here. Only the last user message says what
 * is wanted; earlier ones serve to find what "it" means.
 */
import type { LanguageModelV4Prompt } from "@ai-sdk/provider";

export type Data = Readonly<Record<string, unknown>>;

export interface ToolAnswer {
  readonly tool: string;
  readonly args: Data;
  readonly status: string;
  readonly data: unknown;
}

export interface Conversation {
  readonly text: string;
  /** Earlier messages of both sides, newest first. */
  readonly earlier: readonly string[];
  /** Answers to calls of this turn, oldest first. */
  readonly answers: readonly ToolAnswer[];
}

export function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a prompt of the SDK. */
export function readConversation(prompt: LanguageModelV4Prompt): Conversation {
  const said: { role: "user" | "assistant"; text: string }[] = [];
  let answers: ToolAnswer[] = [];
  const calls = new Map<string, Data>();
  for (const message of prompt) {
    if (message.role === "user") {
      answers = [];
      said.push({
        role: "user",
        text: message.content.map((part) => (part.type === "text" ? part.text : "")).join(" "),
      });
    } else if (message.role === "assistant") {
      const text = message.content.map((part) => (part.type === "text" ? part.text : "")).join("");
      if (text !== "") said.push({ role: "assistant", text });
      for (const part of message.content) {
        if (part.type === "tool-call") calls.set(part.toolCallId, isData(part.input) ? part.input : {});
      }
    } else if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type !== "tool-result") continue;
        answers.push({ tool: part.toolName, args: calls.get(part.toolCallId) ?? {}, ...unwrap(part.output) });
      }
    }
  }
  const last = said.findLastIndex((message) => message.role === "user");
  return {
    text: said[last]?.text.trim() ?? "",
    earlier: said
      .slice(0, Math.max(last, 0))
      .map((message) => message.text)
      .toReversed(),
    answers,
  };
}

/** Our agent wraps results as `{status, integrity, data}`; other hosts of the SDK give plain values. */
function unwrap(output: {
  readonly type: string;
  readonly value?: unknown;
  readonly reason?: string;
}): Pick<ToolAnswer, "status" | "data"> {
  if (output.type === "execution-denied")
    return { status: "refused", data: { error: output.reason ?? "it was not allowed" } };
  const failed = output.type.startsWith("error");
  const value = output.value;
  if (isData(value) && typeof value["status"] === "string" && "data" in value && "integrity" in value) {
    return { status: value["status"], data: value["data"] };
  }
  return {
    status: failed ? "failed" : "done",
    data: failed && typeof value === "string" ? { error: value } : value,
  };
}

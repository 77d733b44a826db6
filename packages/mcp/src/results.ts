/**
 * How answers look on the wire.
 *
 * Guarantees: an error shows a code of the closed set and a safe message, and nothing else of what was thrown;
 * every answer, refusals included, carries the id of its audit entry, so that its receipt can be opened.
 */
import type { DeputizeError } from "@deputize/core";
import type { CallToolResult } from "@modelcontextprotocol/server";

/** Keys of `_meta` that this product speaks. */
export const META = {
  entryId: "deputize/entry_id",
  label: "deputize/label",
  effect: "deputize/effect",
  versions: "deputize/versions",
  validUntil: "deputize/valid_until",
  approval: "deputize/approval",
  approvalId: "deputize/approval_id",
  callId: "deputize/call_id",
  once: "deputize/once",
  runId: "deputize/run_id",
  conversationId: "deputize/conversation_id",
  context: "deputize/context",
  argumentSources: "deputize/argument_sources",
  origins: "deputize/origins",
  holds: "deputize/holds",
  sends: "deputize/sends",
  requestId: "deputize/request_id",
  tags: "deputize/tags",
} as const;

const contentResults = new WeakSet<object>();

/** An answer made of MCP content blocks (text, image, audio, embedded resource) instead of a JSON object. */
export interface ContentResult {
  readonly content: CallToolResult["content"];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
}

/** Marks content blocks as an answer. A look-alike object made of tool data is not one. */
export function contentResult(parts: ContentResult): ContentResult {
  contentResults.add(parts);
  return parts;
}

export function isContentResult(value: unknown): value is ContentResult {
  return typeof value === "object" && value !== null && contentResults.has(value);
}

/** A handler's JSON object as a tool result: structured, and as text for clients that read only that. */
export function renderObject(value: object, meta: Record<string, unknown>): CallToolResult {
  const text = JSON.stringify(value);
  const structuredContent = JSON.parse(text) as Record<string, unknown>;
  return { content: [{ type: "text", text }], structuredContent, _meta: meta };
}

/** A refusal or a fault as a tool result. */
export function renderError(
  error: DeputizeError,
  requestId: string,
  meta: Record<string, unknown>,
): CallToolResult {
  return {
    isError: true,
    content: [{ type: "text", text: error.message }],
    structuredContent: {
      error: {
        code: error.code,
        message: error.message,
        request_id: requestId,
        ...(error.detail && { detail: error.detail }),
        ...(error.retryAfterSeconds !== undefined && { retry_after_seconds: error.retryAfterSeconds }),
      },
    },
    _meta: meta,
  };
}

/**
 * Joins the tool servers' idea of an approval to the authority's.
 *
 * Guarantees: a card shows every argument of the exact call, each with where its value came from; a source that the agent
 * did not name is "other", which explains least and promises nothing [SR-06]. Digests pass through unchanged.
 */
import type { Approval, Conversation } from "@deputize/agent";
import type { Approvals } from "@deputize/authority";
import type { Caller } from "@deputize/core";
import type { ApprovalGate } from "@deputize/mcp";
import { AGENTS, agentId } from "./policy.ts";

const SOURCES = ["you", "your data"] as const;
const MAX_SHOWN = 2_000;

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.slice(0, MAX_SHOWN);
}

export function approvalGate(approvals: Pick<Approvals, "request" | "consume" | "get">): ApprovalGate {
  const names = new Map<string, string>(AGENTS.map((name) => [agentId(name), name]));
  return {
    async request(caller, request) {
      const { view } = await approvals.request(caller, {
        callId: request.callId,
        tool: request.tool,
        agent: names.get(request.agent) ?? "an agent of yours",
        args: Object.entries(request.args).map(([name, value]) => ({
          name,
          value: shown(value),
          source: SOURCES.find((source) => source === request.argumentSources?.[name]) ?? "other",
        })),
        argsDigest: request.argsDigest,
        preview: request.preview as never,
        previewDigest: request.previewDigest,
        summary: request.summary,
        ttlSeconds: request.ttlSeconds,
        ...(request.amountCents !== undefined && { amountCents: request.amountCents }),
        ...(request.runId !== undefined && { runId: request.runId }),
        ...(request.conversationId !== undefined && { conversationId: request.conversationId }),
      });
      return { id: view.id, expiresAt: view.expires, createdAt: view.created, arguments: view.arguments };
    },
    consume: (tx, caller, use) => approvals.consume(tx, caller, use),
    stillApproved: async (caller, approvalId) =>
      (await approvals.get(caller, approvalId)).status === "approved",
  };
}

/** A stored conversation whose cards say what the authority's rows say now; one whose row was forgotten is past deciding. */
export async function withPresentApprovals(
  approvals: Pick<Approvals, "views">,
  caller: Caller,
  conversation: Conversation,
): Promise<Conversation> {
  const ids = conversation.messages.flatMap((message) => message.approvals.map(({ id }) => id));
  const views = new Map((await approvals.views(caller, ids)).map((view) => [view.id, view]));
  return {
    ...conversation,
    messages: conversation.messages.map((message) => ({
      ...message,
      approvals: message.approvals.map((stored) => views.get(stored.id) ?? forgotten(stored)),
    })),
  };
}

function forgotten(stored: Approval): Approval {
  return stored.status === "pending" || stored.status === "approved"
    ? { ...stored, status: "expired" }
    : stored;
}

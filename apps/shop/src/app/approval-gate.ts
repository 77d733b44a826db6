/**
 * The shop's approvals: what its tool servers ask for is the authority's, and a stored conversation shows each card as it
 * is now.
 */
import type { Approval, Conversation } from "@deputize/agent";
import type { Approvals } from "@deputize/authority";
import type { Caller } from "@deputize/core";
import { type ApprovalGate, authorityApprovals } from "@deputize/mcp";
import { AGENTS, agentId } from "./policy.ts";

export function approvalGate(
  approvals: Pick<Approvals, "request" | "consume" | "fits" | "get">,
): ApprovalGate {
  const names = new Map<string, string>(AGENTS.map((name) => [agentId(name), name]));
  return authorityApprovals(approvals, { nameOf: (agent) => names.get(agent) });
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

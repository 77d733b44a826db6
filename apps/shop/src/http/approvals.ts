/**
 * `POST /api/approvals/{id}/decide`: a person's decision, and the turn that goes on with it.
 *
 * Guarantees: only a person at a session of their own decides [SR-05]. The same decision sent again, after a lost
 * answer or a restart in between, changes nothing, and carries on what did not finish: the run is taken up by
 * exactly one resumption, and the approval is spent in the effect's own transaction [SR-15].
 * Does not: take a decision back. The other decision is refused once one was made.
 */
import { type Agent, type AgentAuthority, type Message, type TurnResult } from "@deputize/agent";
import {
  type ApprovalStatus,
  type AuthenticateRequest,
  type Authority,
  DecideBody,
} from "@deputize/authority";
import { readJson } from "@deputize/client";
import { type Caller, currentContext, isDeputizeError, withCaller } from "@deputize/core";
import { messageOf } from "@deputize/server";
import { Hono } from "hono";
import type { z } from "zod";

/** What a decision has become when it is sent again. */
const SAME: Readonly<Record<"approve" | "refuse", readonly ApprovalStatus[]>> = {
  approve: ["approved", "executed"],
  refuse: ["rejected"],
};

export interface DecideRoutesDeps {
  readonly approvals: Pick<Authority["approvals"], "decide" | "get">;
  readonly authenticateForDecision: AuthenticateRequest;
  readonly agent: Agent;
  /** The way from the deciding person to the agent's hops. */
  authorityFor(caller: Caller): AgentAuthority;
}

export function decideRoutes(deps: DecideRoutesDeps): Hono {
  const { approvals, authenticateForDecision, agent, authorityFor } = deps;

  async function decide(caller: Caller, id: string, body: z.infer<typeof DecideBody>): Promise<void> {
    try {
      await approvals.decide(caller, id, {
        decision: body.decision,
        ...(body.note !== undefined && { note: body.note }),
      });
    } catch (error) {
      if (!isDeputizeError(error, "approval_invalid")) throw error;
      const status = error.detail?.["status"] as ApprovalStatus | undefined;
      if (status === undefined || !SAME[body.decision].includes(status)) throw error;
    }
  }

  /** Takes the waiting turn up. Undefined when no turn waits: it went on already, or was stopped. */
  async function goOn(
    caller: Caller,
    approvalId: string,
    decision: "approve" | "refuse",
  ): Promise<Message | undefined> {
    const requestId = currentContext()?.requestId;
    let result: TurnResult;
    try {
      result = await agent.resumeRun({
        caller,
        authority: authorityFor(caller),
        approvalId,
        decision,
        ...(requestId !== undefined && { runOptions: { requestId } }),
      });
    } catch (error) {
      if (isDeputizeError(error, "not_found")) return undefined;
      throw error;
    }
    const { messages } = await agent.conversations.get(caller, result.conversation_id);
    return messageOf(messages, result);
  }

  return new Hono().post("/api/approvals/:id/decide", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    const body = await readJson(c, DecideBody);
    const id = c.req.param("id");
    await decide(caller, id, body);
    const message = await withCaller(caller, () => goOn(caller, id, body.decision));
    c.header("Cache-Control", "no-store");
    return c.json({ approval: await approvals.get(caller, id), ...(message && { message }) });
  });
}

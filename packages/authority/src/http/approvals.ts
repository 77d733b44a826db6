/**
 * HTTP of approvals. Deciding is for a person at a session of their own; every agent, app and exchanged token gets
 * 403, whatever it knows [SR-05].
 */
import { Hono } from "hono";
import { parseInput, problemHandler, readJson } from "@deputize/client";
import { type Caller, withCaller } from "@deputize/core";
import { z } from "zod";
import { APPROVAL_STATUSES, type DecidedApproval } from "../approvals/approval.ts";
import type { Approvals } from "../approvals/approvals.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";

export const ApprovalQuery = z.strictObject({ status: z.enum(APPROVAL_STATUSES).optional() });
export const DecideBody = z.strictObject({
  decision: z.enum(["approve", "refuse"]),
  note: z.string().trim().max(1_000).optional(),
});

export interface ApprovalRoutesOptions {
  readonly approvals: Approvals;
  readonly authenticate: AuthenticateRequest;
  readonly authenticateForDecision: AuthenticateRequest;
  /**
   * Runs after a decision has been committed: resumes the turn and answers with what it said. What it throws is the
   * answer of the request; the decision stands.
   */
  readonly onDecided?: (
    decided: DecidedApproval,
    caller: Caller,
  ) => Promise<{ message?: unknown } | undefined>;
}

export function approvalRoutes(options: ApprovalRoutesOptions): Hono {
  const { approvals, authenticate, authenticateForDecision, onDecided } = options;
  const app = new Hono();
  problemHandler(app);

  app.get("/api/approvals", async (c) => {
    const caller = await authenticate(c.req.raw);
    const { status } = parseInput(ApprovalQuery, c.req.query());
    return c.json({ approvals: await approvals.list(caller, status === undefined ? {} : { status }) });
  });

  app.get("/api/approvals/:id", async (c) =>
    c.json(await approvals.get(await authenticate(c.req.raw), c.req.param("id"))),
  );

  app.post("/api/approvals/:id/decide", async (c) => {
    const caller = await authenticateForDecision(c.req.raw);
    const body = await readJson(c, DecideBody);
    const decided = await approvals.decide(caller, c.req.param("id"), {
      decision: body.decision,
      ...(body.note !== undefined && { note: body.note }),
    });
    const answer = await withCaller(caller, async () => onDecided?.(decided, caller));
    return c.json({
      approval: await approvals.get(caller, decided.id),
      ...(answer?.message !== undefined && { message: answer.message }),
    });
  });

  return app;
}

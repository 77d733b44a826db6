/**
 * Asks another program for a yes, by a signed POST request (Standard Webhooks) whose answer is signed by the same secret.
 *
 * Guarantees: an answer counts when it is signed, carries the `webhook-id` of the question, and names it; one that was made for
 * another question, or by whoever does not have the secret, is a no. Requests go where `checkedPost` lets them, and once.
 */
import { type Clock, DeputizeError, systemClock } from "@deputize/core";
import { z } from "zod";
import type { ApprovalDecision } from "../tools/tool-source.ts";
import { type WebhookTarget, checkedPost } from "../webhooks/checked-post.ts";
import { signatureHeaders, verifyEventSignature, webhookKey } from "../webhooks/webhook-signature.ts";
import type { ApprovalHandler } from "./approval-handler.ts";

export interface ApprovalWebhookOptions extends WebhookTarget {
  readonly clock?: Clock;
}

const ANSWER_BYTES = 16_384;
const ANSWER = z.object({ approval: z.string(), decision: z.enum(["approve", "refuse"]) });

/** Posts `{ type: "agent.approval_requested", timestamp, data }`, where `data` is an `ApprovalQuestion`. Throws `config_invalid`. */
export function approvalWebhook(options: ApprovalWebhookOptions): ApprovalHandler {
  const { secret, clock = systemClock } = options;
  const post = checkedPost(options);
  const key = webhookKey(secret);
  return {
    name: "webhook",
    async ask(question, signal) {
      const id = `msg_${question.id}`;
      const body = JSON.stringify({
        type: "agent.approval_requested",
        timestamp: question.created,
        data: question,
      });
      const answer = await post.send({
        body,
        headers: signatureHeaders(key, { id, body, nowMs: clock.nowMs() }),
        signal,
        answerBytes: ANSWER_BYTES,
      });
      const signed =
        answer.status === 200 &&
        answer.headers["webhook-id"] === id &&
        verifyEventSignature({ secret, headers: answer.headers, body: answer.body, nowMs: clock.nowMs() });
      if (!signed) throw new DeputizeError("unavailable", "the webhook gave no answer that counts");
      const { approval, decision } = ANSWER.parse(JSON.parse(answer.body));
      return approval === question.id ? decision : "refuse";
    },
    close: () => post.close(),
  };
}

/**
 * What the program behind an `approvalWebhook` answers: status 200, with these headers and this body. `approval` is the question's
 * `id`. Throws `config_invalid` for a secret that is too short.
 */
export function signApprovalAnswer(answer: {
  readonly secret: string;
  readonly approval: string;
  readonly decision: ApprovalDecision;
  /** Unix time in milliseconds; now unless told. */
  readonly nowMs?: number;
}): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const { secret, approval, decision, nowMs = systemClock.nowMs() } = answer;
  const body = JSON.stringify({ approval, decision });
  const headers = signatureHeaders(webhookKey(secret), { id: `msg_${approval}`, body, nowMs });
  return { headers: { "content-type": "application/json", ...headers }, body };
}

/**
 * Records to another program by signed POST requests (Standard Webhooks).
 *
 * Guarantees: requests go where `checkedPost` lets them. Redirects are refused. What the other side answers is not read. Neither
 * the address nor the secret is in an error.
 */
import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "@deputize/core";
import { RefusedAddress, type WebhookTarget, checkedPost } from "../../webhooks/checked-post.ts";
import { signatureHeaders, webhookKey } from "../../webhooks/webhook-signature.ts";
import type { ObservedEvent, Transporter } from "../transporter.ts";

/** `secret` is for `verifyEventSignature` on the other side. */
export interface WebhookOptions extends WebhookTarget {
  /** Waits before each further attempt, in milliseconds. 500, 1,000, 2,000 and 4,000 unless set. */
  readonly retryAfterMs?: readonly number[];
  readonly clock?: Clock;
}

const RETRY_AFTER_MS = [500, 1_000, 2_000, 4_000];
const ATTEMPT_MS = 10_000;

/** Posts `{ type, timestamp, data: { events } }`. Throws `config_invalid`. */
export function webhookTransport(options: WebhookOptions): Transporter {
  const { retryAfterMs = RETRY_AFTER_MS, clock = systemClock } = options;
  const post = checkedPost(options);
  const key = webhookKey(options.secret);

  async function attempt(id: string, body: string, signal: AbortSignal): Promise<number> {
    const { status } = await post.send({
      body,
      headers: signatureHeaders(key, { id, body, nowMs: clock.nowMs() }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
    });
    return status;
  }

  return {
    name: "webhook",
    timeoutMs: (retryAfterMs.length + 1) * ATTEMPT_MS + retryAfterMs.reduce((sum, ms) => sum + 2 * ms, 0),
    async send(events, signal) {
      const id = `msg_${randomUUID()}`;
      const body = bodyOf(events, clock.nowMs());
      for (let tried = 0; ; tried += 1) {
        const outcome = await attempt(id, body, signal).then(judge, (error: unknown) =>
          error instanceof RefusedAddress ? "refused" : "again",
        );
        if (outcome === "taken") return;
        const wait = retryAfterMs[tried];
        if (outcome === "refused" || wait === undefined) throw new Error(`the webhook was ${outcome}`);
        // Spread, so that many senders do not come back together.
        await sleep(wait + randomInt(wait + 1), undefined, { signal, ref: false });
      }
    },
    close: () => post.close(),
  };
}

const bodyOf = (events: readonly ObservedEvent[], nowMs: number): string =>
  JSON.stringify({ type: "agent.events", timestamp: new Date(nowMs).toISOString(), data: { events } });

/** What an answer means: another attempt helps where the other side is busy or broken, not where it says no. */
function judge(status: number): "taken" | "again" | "refused" {
  if (status >= 200 && status < 300) return "taken";
  return status >= 500 || status === 408 || status === 425 || status === 429 ? "again" : "refused";
}

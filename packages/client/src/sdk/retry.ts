/**
 * When a request may be sent again, and after how long: for the SDK and for the client of agent servers, on Node and without it.
 *
 * Guarantees: what may have taken effect is not sent twice. Waits have full jitter and are bounded; a server that asks for a longer
 * one is not waited for.
 */
import { systemClock } from "@deputize/core/portable";

export interface RetryOptions {
  /** Attempts in all; 1 never repeats. 4 unless told. */
  readonly attempts?: number;
  /** The first wait is random below this, the next below twice as much. 100 unless told. */
  readonly baseMs?: number;
  /** No wait is longer; a server that asks for more is not waited for. 5,000 unless told. */
  readonly maxWaitMs?: number;
}

/** How an attempt ended. */
export interface FailedAttempt {
  /** Attempts made so far. */
  readonly done: number;
  /** Sending it twice does no harm. */
  readonly repeatable: boolean;
  /** Of the answer; absent when none came. */
  readonly status?: number;
  /** As the server asked. */
  readonly retryAfterSeconds?: number | undefined;
  /** The server said so before it did anything. */
  readonly refusedFirst?: boolean;
}

const GATEWAY_TROUBLE = new Set([502, 503, 504]);

/** A random number from 0 to `below`, itself included. */
function jitter(below: number): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1));
  return Math.floor((value / 2 ** 32) * (below + 1));
}

/** Milliseconds before another attempt; undefined when there must be none. */
export function waitBeforeRetry(failed: FailedAttempt, options: RetryOptions = {}): number | undefined {
  const { attempts = 4, baseMs = 100, maxWaitMs = 5_000 } = options;
  const { done, repeatable, status, retryAfterSeconds, refusedFirst = false } = failed;
  if (done >= attempts) return undefined;
  const wait = jitter(Math.max(1, Math.min(maxWaitMs, baseMs * 2 ** (done - 1))));
  if (status === undefined) return repeatable ? wait : undefined;
  if (retryAfterSeconds !== undefined && (refusedFirst || (repeatable && GATEWAY_TROUBLE.has(status)))) {
    const asked = retryAfterSeconds * 1000;
    return asked <= maxWaitMs ? asked + wait : undefined;
  }
  return repeatable && GATEWAY_TROUBLE.has(status) ? wait : undefined;
}

/** `Retry-After` in seconds, from either of its forms (RFC 9110 §10.2.3). */
export function readRetryAfter(headers: Headers): number | undefined {
  const text = headers.get("retry-after")?.trim();
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - systemClock.nowMs()) / 1000);
}

/** Waits; an abort ends the wait early, and whoever waits looks at the signal. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}

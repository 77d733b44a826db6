/**
 * Speaks HTTP with a broker for the SDK: one place for time limits, retries and errors.
 *
 * Guarantees: what may have taken effect is not sent twice. A request is repeated after a lost answer or a 502, 503, 504
 * only when its caller says that repeating is harmless, and any request when the broker refused it with 429 or 503 and
 * said when to come back, soon. Waits have full jitter and are bounded; redirects are refused, so that a credential
 * goes nowhere else; nothing secret is in an address.
 */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DeputizeError } from "@deputize/core";
import { tracedFetch } from "../http/traced-fetch.ts";
import { type ProblemResponseError, TransportError, readProblem } from "./errors.ts";

export interface BrokerHttpOptions {
  /** Base URL, such as `http://127.0.0.1:8080`. */
  readonly brokerUrl: string;
  readonly fetch?: typeof fetch;
  /** For one attempt. 10,000 unless told. */
  readonly timeoutMs?: number;
  readonly userAgent?: string;
  readonly retry?: RetryOptions;
}

export interface RetryOptions {
  /** Attempts in all; 1 never repeats. 4 unless told. */
  readonly attempts?: number;
  /** The first wait is random below this, the next below twice as much. 100 unless told. */
  readonly baseMs?: number;
  /** No wait is longer; a broker that asks for more is not waited for. 5,000 unless told. */
  readonly maxWaitMs?: number;
}

export interface BrokerRequest {
  readonly method: string;
  /** With a leading slash. */
  readonly path: string;
  readonly body?: unknown;
  /** Headers for one attempt, with the credential: a proof of possession is good for one only. */
  readonly credentials?: () => Promise<Readonly<Record<string, string>>>;
  /** Sending it twice does no harm. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface BrokerHttp {
  readonly brokerUrl: string;
  /** For requests of the caller's own to other servers. */
  readonly fetch: typeof fetch;
  /** The parsed answer; `undefined` for an empty one. Throws `ProblemResponseError`, `TransportError`, or the abort's reason. */
  send(request: BrokerRequest): Promise<unknown>;
}

const GATEWAY_TROUBLE = new Set([502, 503, 504]);

/** Throws `config_invalid` for a bad address. */
export function createBrokerHttp(options: BrokerHttpOptions): BrokerHttp {
  const request = tracedFetch(options.fetch ?? fetch);
  const url = URL.canParse(options.brokerUrl) ? new URL(options.brokerUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw new DeputizeError(
      "config_invalid",
      "`brokerUrl` is the broker's http(s) address, such as http://127.0.0.1:8080",
    );
  }
  const brokerUrl = options.brokerUrl.replace(/\/+$/, "");
  const timeoutMs = options.timeoutMs ?? 10_000;
  const { attempts = 4, baseMs = 100, maxWaitMs = 5_000 } = options.retry ?? {};
  const userAgent = options.userAgent ?? "deputize-client";

  async function attempt(sent: BrokerRequest): Promise<unknown> {
    const headers: Record<string, string> = {
      Accept: "application/json",
      "User-Agent": userAgent,
      ...(sent.body !== undefined && { "Content-Type": "application/json" }),
      ...(await sent.credentials?.()),
    };
    const deadline = AbortSignal.timeout(timeoutMs);
    let response: Response;
    try {
      response = await request(`${brokerUrl}${sent.path}`, {
        method: sent.method,
        headers,
        redirect: "error",
        signal: sent.signal ? AbortSignal.any([sent.signal, deadline]) : deadline,
        ...(sent.body !== undefined && { body: JSON.stringify(sent.body) }),
      });
      if (!response.ok) throw await readProblem(response);
      const text = await response.text();
      return text === "" ? undefined : JSON.parse(text);
    } catch (error) {
      if (error instanceof DeputizeError) throw error;
      sent.signal?.throwIfAborted();
      const what = deadline.aborted ? `did not answer within ${timeoutMs} ms` : "cannot be reached";
      throw new TransportError(`the broker at ${url?.host ?? ""} ${what}`, error);
    }
  }

  /** How long to wait before another attempt; undefined when there must be none. */
  function waitBefore(error: unknown, sent: BrokerRequest, done: number): number | undefined {
    if (done >= attempts) return undefined;
    const jitter = randomInt(Math.max(1, Math.min(maxWaitMs, baseMs * 2 ** (done - 1))) + 1);
    if (error instanceof TransportError) return sent.repeatable ? jitter : undefined;
    if (!(error instanceof DeputizeError) || !("statusCode" in error)) return undefined;
    const { statusCode, retryAfterSeconds } = error as ProblemResponseError;
    // The broker refused before it did anything, and says when it will not.
    if (retryAfterSeconds !== undefined && (statusCode === 429 || statusCode === 503)) {
      const asked = retryAfterSeconds * 1000;
      return asked <= maxWaitMs ? asked + jitter : undefined;
    }
    return sent.repeatable && GATEWAY_TROUBLE.has(statusCode) ? jitter : undefined;
  }

  return {
    brokerUrl,
    fetch: request,
    async send(sent) {
      for (let done = 1; ; done += 1) {
        sent.signal?.throwIfAborted();
        try {
          return await attempt(sent);
        } catch (error) {
          const wait = waitBefore(error, sent, done);
          if (wait === undefined) throw error;
          // An abort ends the wait; the loop's first line then throws its reason.
          await sleep(wait, undefined, sent.signal ? { signal: sent.signal } : {}).catch(() => undefined);
        }
      }
    },
  };
}

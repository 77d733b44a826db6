/**
 * Speaks HTTP with a broker for the SDK: one place for time limits, retries and errors.
 *
 * Guarantees: what may have taken effect is not sent twice. A request is repeated after a lost answer or a 502, 503, 504
 * only when its caller says that repeating is harmless, and any request when the broker refused it with 429 or 503 and
 * said when to come back, soon. Waits have full jitter and are bounded; redirects are refused, so that a credential
 * goes nowhere else; nothing secret is in an address.
 */
import { DeputizeError } from "@deputize/core";
import { tracedFetch } from "../http/traced-fetch.ts";
import { parseBaseUrl } from "./base-url.ts";
import { type ProblemResponseError, TransportError, readProblem } from "./errors.ts";
import { type RetryOptions, pause, waitBeforeRetry } from "./retry.ts";

export type { RetryOptions } from "./retry.ts";

export interface BrokerHttpOptions {
  /** Base URL, such as `http://127.0.0.1:8080`. */
  readonly brokerUrl: string;
  readonly fetch?: typeof fetch;
  /** For one attempt. 10,000 unless told. */
  readonly timeoutMs?: number;
  readonly userAgent?: string;
  readonly retry?: RetryOptions;
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

/** Throws `config_invalid` for a bad address. */
export function createBrokerHttp(options: BrokerHttpOptions): BrokerHttp {
  const request = tracedFetch(options.fetch ?? fetch);
  const { base: brokerUrl, host } = parseBaseUrl(options.brokerUrl, "brokerUrl");
  const timeoutMs = options.timeoutMs ?? 10_000;
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
      throw new TransportError(`the broker at ${host} ${what}`, error);
    }
  }

  /** How long to wait before another attempt; undefined when there must be none. */
  function waitBefore(error: unknown, { repeatable }: BrokerRequest, done: number): number | undefined {
    if (error instanceof TransportError) return waitBeforeRetry({ done, repeatable }, options.retry);
    if (!(error instanceof DeputizeError) || !("statusCode" in error)) return undefined;
    const { statusCode: status, retryAfterSeconds } = error as ProblemResponseError;
    // The broker refused before it did anything, and says when it will not.
    const refusedFirst = status === 429 || status === 503;
    return waitBeforeRetry({ done, repeatable, status, retryAfterSeconds, refusedFirst }, options.retry);
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
          await pause(wait, sent.signal);
        }
      }
    },
  };
}

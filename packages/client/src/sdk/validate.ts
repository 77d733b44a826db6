/** Asks the broker whether a token stands. For many tokens, or many requests, a verifier does it offline. */
import { type Clock, nowSeconds, systemClock } from "@deputize/core";
import { z } from "zod";
import { AgentClaims, readClaims } from "./agent-claims.ts";
import { type BrokerHttp, createBrokerHttp } from "./broker-http.ts";
import { ProblemResponseError, TransportError } from "./errors.ts";

/** Why a token does not stand, as far as can be known without trusting it. */
export type InvalidReason = "released" | "revoked" | "expired" | "unknown";

export type ValidateResult =
  | { readonly valid: true; readonly claims: AgentClaims; readonly error?: undefined }
  | {
      readonly valid: false;
      /** The broker's one text for every reason. */
      readonly error: string;
      /**
       * `expired` when the token itself says so; `revoked` and `released` only where its owner asks (`agent.validate()`),
       * who knows that the token was genuine; `unknown` otherwise.
       */
      readonly reason: InvalidReason;
      readonly claims?: undefined;
    };

const Answer = z.union([
  z.object({ valid: z.literal(true), claims: AgentClaims }),
  z.object({ valid: z.literal(false), error: z.string() }),
]);

const INVALID = "token is invalid or expired";

export function invalidResult(reason: InvalidReason, error = INVALID): ValidateResult {
  return { valid: false, error, reason };
}

function reasonOf(token: string, clock: Clock): InvalidReason {
  const claims = readClaims(token);
  return claims && claims.exp < nowSeconds(clock) ? "expired" : "unknown";
}

/** `POST /v1/token/validate`. Throws `TransportError` and errors of the broker, never for a bad token. */
export async function askBroker(
  http: BrokerHttp,
  token: unknown,
  options: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<ValidateResult> {
  // The broker refuses such a request; for whoever asks about the token, the answer is no.
  if (typeof token !== "string" || token === "" || token.length > 8192) return invalidResult("unknown");
  let answer: unknown;
  try {
    answer = await http.send({
      method: "POST",
      path: "/v1/token/validate",
      body: { token },
      repeatable: true,
      signal: options.signal,
    });
  } catch (error) {
    if (error instanceof ProblemResponseError && (error.statusCode === 400 || error.statusCode === 401)) {
      return invalidResult(reasonOf(token, options.clock));
    }
    throw error;
  }
  const parsed = Answer.safeParse(answer);
  if (!parsed.success) throw new TransportError("the broker's answer about a token cannot be read");
  if (parsed.data.valid) return { valid: true, claims: parsed.data.claims };
  return invalidResult(reasonOf(token, options.clock), parsed.data.error);
}

/**
 * Whether a token stands at the broker at `brokerUrl`. Never throws for a bad token; throws `TransportError` when the
 * broker does not answer, `RateLimitError` when it does not want to.
 */
export function validate(
  brokerUrl: string,
  token: string,
  options: {
    readonly timeoutMs?: number;
    readonly fetch?: typeof fetch;
    readonly signal?: AbortSignal;
    readonly clock?: Clock;
  } = {},
): Promise<ValidateResult> {
  const { clock = systemClock, signal, ...rest } = options;
  return askBroker(createBrokerHttp({ brokerUrl, ...rest }), token, { clock, signal });
}

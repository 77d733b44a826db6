/**
 * `POST /v1/token/validate`: does a token stand, and what does it say.
 *
 * Guarantees: a token that does not stand answers 200 with one text, whatever is wrong with it; only a body that holds no
 * token is an error. The claims of a token that was seen before are not written out again: services ask about the same
 * token at every call of theirs.
 */
import { DeputizeError, isDeputizeError } from "@deputize/core";
import type { BrokerCaller } from "../../broker/broker.ts";
import { checkBroker } from "./read-body.ts";
import { ValidateBody } from "./schemas.ts";

const INVALID = JSON.stringify({ valid: false, error: "token is invalid or expired" });

export interface ValidateToken {
  /** `text` is the request's body; the answer is JSON with status 200. Throws `invalid_request`, `unavailable`. */
  (text: string): Promise<{ readonly body: string; readonly caller?: BrokerCaller }>;
}

/** A body of just one plain token, the form that all clients send: read without a parser's detours. */
const PLAIN = /^\s*\{\s*"token"\s*:\s*"([A-Za-z0-9_.-]+)"\s*\}\s*$/;

function tokenOf(text: string): string {
  const plain = PLAIN.exec(text)?.[1];
  if (plain !== undefined) return plain;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DeputizeError("invalid_request", "send a JSON object with the string `token`", { cause });
  }
  return checkBroker(ValidateBody, value).token;
}

export function createValidate(verify: (token: string) => Promise<BrokerCaller>): ValidateToken {
  // By caller, which the broker keeps for as long as it keeps the verified token.
  const written = new WeakMap<BrokerCaller, string>();

  return async (text) => {
    const token = tokenOf(text);
    let caller: BrokerCaller;
    try {
      caller = await verify(token);
    } catch (error) {
      if (isDeputizeError(error) && error.status === 401) return { body: INVALID };
      throw error;
    }
    let body = written.get(caller);
    if (body === undefined) {
      body = JSON.stringify({ valid: true, claims: caller.claims });
      written.set(caller, body);
    }
    return { body, caller };
  };
}

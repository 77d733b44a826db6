/**
 * The one token of a request, and the proof of possession that came with it.
 *
 * Guarantees: a proof counts with the `DPoP` scheme only, so that a key-bound token sent as a plain bearer has none
 * (RFC 9449 §7.1). Tokens in the address or the body are never read.
 */
import { DeputizeError } from "@deputize/core";
import type { PresentedProof } from "../verifier-core.ts";

const FORM = /^(Bearer|DPoP) +([A-Za-z0-9._-]+)$/i;

export interface PresentedToken {
  readonly token: string;
  readonly dpop?: PresentedProof;
}

/**
 * Reads `Authorization` and `DPoP`. `url` is the address as the client sent it. Throws `unauthenticated` when there is no
 * credential, `invalid_token` when it has another form.
 */
export function readPresentedToken(request: {
  readonly authorization: string | null | undefined;
  readonly dpop: string | null | undefined;
  readonly method: string;
  readonly url: string;
}): PresentedToken {
  const { authorization, dpop: proof, method, url } = request;
  if (authorization === null || authorization === undefined) {
    throw new DeputizeError("unauthenticated", "send a token as `Authorization: Bearer`");
  }
  const [, scheme = "", token] = FORM.exec(authorization) ?? [];
  if (token === undefined) {
    throw new DeputizeError(
      "invalid_token",
      "send `Authorization: Bearer <token>`, and no second credential",
    );
  }
  if (scheme.toLowerCase() === "bearer") return { token };
  if (!proof)
    throw new DeputizeError("invalid_token", "a token sent as `DPoP` needs the header `DPoP: <proof>`");
  return { token, dpop: { proof, method, url } };
}

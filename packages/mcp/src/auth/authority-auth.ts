/**
 * Callers by tokens of the authority: signature, issuer, audience, time and revocation are checked by the
 * verifier of `@deputize/client`, which works offline and refuses when its revocation feed is stale (SR-11). Of which
 * profiles is the verifier's matter: workers of the broker are let in by one that names `agentwrit`.
 */
import { type TokenVerifier, readPresentedToken } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import { type Authenticator, assertSingleCredential } from "./authenticator.ts";

export interface AuthorityAuthOptions {
  readonly verifier: TokenVerifier;
  /** What tokens for this server name in `aud`: its own public URL. */
  readonly audience: string;
  /** The authority's issuer URL, published so that clients find where to get a token. */
  readonly issuer?: string;
  /** The origin that clients use, which proofs of possession name (RFC 9449); behind a proxy the request's own is another. */
  readonly publicUrl?: string;
}

/** An authenticator over the authority's token verifier. Throws `config_invalid` without an audience. */
export function authorityAuth(options: AuthorityAuthOptions): Authenticator {
  const { verifier, audience, issuer } = options;
  const origin = options.publicUrl === undefined ? undefined : new URL(options.publicUrl).origin;
  if (!audience)
    throw new DeputizeError("config_invalid", "authorityAuth needs the `audience` of this server");
  return {
    name: "authority",
    ...(issuer && { authorizationServers: [issuer] }),
    async authenticate(request) {
      assertSingleCredential(request);
      const url = new URL(request.url);
      const { token, dpop } = readPresentedToken({
        authorization: request.headers.get("authorization"),
        dpop: request.headers.get("dpop"),
        method: request.method,
        url: `${origin ?? url.origin}${url.pathname}`,
      });
      return verifier.verify(token, { audience, ...(dpop && { dpop }) });
    },
  };
}

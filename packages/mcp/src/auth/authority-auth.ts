/**
 * Callers by tokens of the authority: signature, issuer, audience, time and revocation are checked by the
 * verifier of `@deputize/client`, which works offline and refuses when its revocation feed is stale (SR-11).
 */
import type { TokenVerifier } from "@deputize/client";
import { DeputizeError } from "@deputize/core";
import { type Authenticator, bearerToken } from "./authenticator.ts";

export interface AuthorityAuthOptions {
  readonly verifier: TokenVerifier;
  /** What tokens for this server name in `aud`: its own public URL. */
  readonly audience: string;
  /** The authority's issuer URL, published so that clients find where to get a token. */
  readonly issuer?: string;
}

/** An authenticator over the authority's token verifier. Throws `config_invalid` without an audience. */
export function authorityAuth(options: AuthorityAuthOptions): Authenticator {
  const { verifier, audience, issuer } = options;
  if (!audience)
    throw new DeputizeError("config_invalid", "authorityAuth needs the `audience` of this server");
  return {
    name: "authority",
    ...(issuer && { authorizationServers: [issuer] }),
    authenticate: (request) => verifier.verify(bearerToken(request), { audience }),
  };
}

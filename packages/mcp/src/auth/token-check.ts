/**
 * The one check of a signed token, whatever is made of its claims: form, header, key, signature.
 *
 * Guarantees: a token in its one spelling; an algorithm and a `typ` from the operator's lists; no `crit`, and no header
 * member that brings or points to a key (`jwk`, `jku`, `x5c`, `x5u`), which are never followed; a signature by a key that still
 * stands. A token that was seen before skips the signature only: its times and its key are asked again (PR-D16).
 * Does not: judge a claim beside the issuer and the times; `read` does.
 */
import type { KeyObject } from "node:crypto";
import { splitCompactJws } from "@deputize/client";
import { type Clock, nowSeconds } from "@deputize/core";
import { z } from "zod";
import { type Times, assertTimes } from "./claims.ts";
import { CredentialRefusal } from "./refusal.ts";
import { type Algorithm, signatureHolds } from "./signature.ts";
import { tokenCache } from "./token-cache.ts";

/** Where keys come from. Throws `unavailable` when they cannot be had. */
export interface KeySource {
  /** The keys that may have made a token with this header, as they stand now. */
  find(header: TokenHeader): readonly KeyObject[] | Promise<readonly KeyObject[]>;
}

export interface TokenHeader {
  readonly alg: Algorithm;
  readonly kid?: string | undefined;
}

export interface TokenCheckRules<Claims> {
  /** Compared before the signature, so that tokens of others never make us ask for keys. */
  readonly issuer: string | undefined;
  readonly algorithms: readonly Algorithm[];
  /** The header's `typ`, compared without case and without `application/`. */
  readonly types: readonly string[];
  readonly keys: KeySource;
  /** How many verified tokens are kept; 0 for none. */
  readonly cacheSize: number;
  readonly leewaySeconds: number;
  readonly clock: Clock;
  /** What is made of a payload whose signature holds, at epoch seconds. Throwing refuses. */
  readonly read: (payload: unknown, now: number) => Claims;
}

const REFUSED_MEMBERS = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5c", "x5u"];
const Header = z.looseObject({
  alg: z.string(),
  kid: z.string().max(256).optional(),
  typ: z.string().max(64).optional(),
});

/** A function that answers what `read` made of a token, or throws anything for one that does not hold. */
export function tokenCheck<Claims extends { readonly times: Times }>(rules: TokenCheckRules<Claims>) {
  const { issuer, algorithms, keys, leewaySeconds, clock } = rules;
  const types = rules.types.map(plainType);
  const cache = tokenCache<{ claims: Claims; header: TokenHeader; key: KeyObject }>(rules.cacheSize);

  function readHeader(input: unknown): TokenHeader {
    const header = Header.parse(input);
    if (REFUSED_MEMBERS.some((member) => Object.hasOwn(header, member)))
      throw new CredentialRefusal("the header brings a key or an extension");
    const alg = algorithms.find((one) => one === header.alg);
    if (!alg) throw new CredentialRefusal("the algorithm is not accepted");
    if (!types.includes(plainType(header.typ ?? "absent")))
      throw new CredentialRefusal("the type is not accepted");
    return { alg, kid: header.kid };
  }

  return async (token: string): Promise<Claims> => {
    const known = cache.get(token);
    // A key that its issuer took away takes its tokens with it.
    if (known && (await keys.find(known.header)).includes(known.key)) {
      assertTimes(known.claims.times, nowSeconds(clock), leewaySeconds);
      return known.claims;
    }
    const parts = splitCompactJws(token);
    const header = readHeader(parts.header);
    // It is checked again in the claims.
    if (issuer !== undefined && (parts.payload as { iss?: unknown } | null)?.iss !== issuer)
      throw new CredentialRefusal("the token is of another issuer");
    const candidates = await keys.find(header);
    const key = candidates.find((one) =>
      signatureHolds(header.alg, one, parts.signingInput, parts.signature),
    );
    if (!key) throw new CredentialRefusal("no key of the issuer made this signature");
    const claims = rules.read(parts.payload, nowSeconds(clock));
    cache.set(token, { claims, header, key });
    return claims;
  };
}

/** RFC 7515 §4.1.9: media types, whose `application/` may be left out, and which have no case. */
function plainType(type: string): string {
  return type.toLowerCase().replace(/^application\//, "");
}

/**
 * Proof of possession for HTTP (DPoP, RFC 9449): a signed note that whoever sends a token holds the key that it is bound to.
 * Runs wherever WebCrypto does.
 */
import { type Clock, nowSeconds, systemClock } from "@deputize/core";
import { encodeBase64url } from "./base64url.ts";
import type { ProofJwk, ProofKey } from "./proof-key.ts";

const utf8 = new TextEncoder();

async function sha256(text: string): Promise<string> {
  return encodeBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(text))));
}

/** The RFC 7638 thumbprint of a proof key: what `cnf.jkt` names. */
export function jwkThumbprint(jwk: ProofJwk): Promise<string> {
  // Required members in lexicographic order, no white space: RFC 7638 §3.
  return sha256(
    jwk.kty === "OKP"
      ? `{"crv":"Ed25519","kty":"OKP","x":"${jwk.x}"}`
      : `{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`,
  );
}

/** The address that a proof names: without query and fragment (RFC 9449 §4.2). */
function withoutQuery(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}

/**
 * A proof for one request: its method, its URL, and the token that it carries. Good once, for about a minute.
 * `nonce` is what the server asked for in `DPoP-Nonce`.
 */
export async function createDpopProof(of: {
  readonly key: ProofKey;
  readonly method: string;
  readonly url: string;
  readonly accessToken?: string;
  readonly nonce?: string;
  readonly clock?: Clock;
}): Promise<string> {
  const { key } = of;
  const encode = (value: object): string => encodeBase64url(utf8.encode(JSON.stringify(value)));
  const header = { typ: "dpop+jwt", alg: key.jwk.kty === "OKP" ? "EdDSA" : "ES256", jwk: key.jwk };
  const claims = {
    jti: encodeBase64url(crypto.getRandomValues(new Uint8Array(16))),
    htm: of.method.toUpperCase(),
    htu: withoutQuery(of.url),
    iat: nowSeconds(of.clock ?? systemClock),
    ...(of.accessToken !== undefined && { ath: await sha256(of.accessToken) }),
    ...(of.nonce !== undefined && { nonce: of.nonce }),
  };
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${encodeBase64url(await key.sign(utf8.encode(input)))}`;
}

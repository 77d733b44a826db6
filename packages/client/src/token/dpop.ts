/**
 * Proof of possession for HTTP (DPoP, RFC 9449): a signed note that whoever sends a token holds the key that it is bound to.
 * Runs wherever WebCrypto does.
 */
import { type Clock, DeputizeError, nowSeconds, systemClock } from "@deputize/core/portable";
import { z } from "zod";
import { encodeBase64url } from "./base64url.ts";
import { splitCompactJws } from "./compact-jws.ts";
import { type Bytes, utf8 } from "./crypto-backend.ts";
import type { ProofJwk, ProofKey } from "./proof-key.ts";
import type { Seen } from "./replay-memory.ts";

async function sha256(text: string): Promise<string> {
  return encodeBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text))));
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

/** The address that a proof names: without query and fragment (RFC 9449 §4.2); undefined when it is none. */
function withoutQuery(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
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
  const htu = withoutQuery(of.url);
  if (htu === undefined) throw new DeputizeError("invalid_request", "a proof needs the full URL");
  const encode = (value: object): string => encodeBase64url(utf8(JSON.stringify(value)));
  const header = { typ: "dpop+jwt", alg: key.jwk.kty === "OKP" ? "EdDSA" : "ES256", jwk: key.jwk };
  const claims = {
    jti: encodeBase64url(crypto.getRandomValues(new Uint8Array(16))),
    htm: of.method.toUpperCase(),
    htu,
    iat: nowSeconds(of.clock ?? systemClock),
    ...(of.accessToken !== undefined && { ath: await sha256(of.accessToken) }),
    ...(of.nonce !== undefined && { nonce: of.nonce }),
  };
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${encodeBase64url(await key.sign(utf8(input)))}`;
}

const Coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** A private member in the key would mean that somebody published it (RFC 9449 §4.3, point 7). */
const noPrivateHalf = { d: z.undefined().optional() };

const Header = z.discriminatedUnion("alg", [
  z.strictObject({
    typ: z.literal("dpop+jwt"),
    alg: z.literal("EdDSA"),
    jwk: z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: Coordinate, ...noPrivateHalf }),
  }),
  z.strictObject({
    typ: z.literal("dpop+jwt"),
    alg: z.literal("ES256"),
    jwk: z.object({
      kty: z.literal("EC"),
      crv: z.literal("P-256"),
      x: Coordinate,
      y: Coordinate,
      ...noPrivateHalf,
    }),
  }),
]);

const Claims = z.object({
  jti: z.string().min(8).max(128),
  htm: z.string().max(32),
  htu: z.string().max(2048),
  iat: z.number().int(),
  ath: z.string().optional(),
  nonce: z.string().optional(),
});

export interface ProofExpectation {
  /** Of the request that carries the proof. */
  readonly method: string;
  /** As the client sent it: scheme and host of the outside, behind a proxy. */
  readonly url: string;
  /** The token that came with it; the proof must name it. */
  readonly accessToken?: string;
  /** `cnf.jkt` of the token; the proof must be of that key. */
  readonly jkt?: string;
  /** What this server asked for in `DPoP-Nonce`. */
  readonly nonce?: string;
  /** True when an id was seen before. Shared by every process that answers at this URL. */
  readonly seen: Seen;
  readonly clock?: Clock;
  /** How old a proof may be, in seconds; 60 unless told. */
  readonly maxAgeSeconds?: number;
}

/** How far `iat` may lie ahead, against clocks that differ. */
const SKEW_SECONDS = 5;

function refused(why: string): DeputizeError {
  return new DeputizeError("invalid_token", `the proof of possession is not valid here: ${why}`);
}

async function signatureHolds(jwk: ProofJwk, signature: Bytes, input: string): Promise<boolean> {
  const [name, use] =
    jwk.kty === "OKP"
      ? (["Ed25519", "Ed25519"] as const)
      : ([
          { name: "ECDSA", namedCurve: "P-256" },
          { name: "ECDSA", hash: "SHA-256" },
        ] as const);
  try {
    const key = await crypto.subtle.importKey("jwk", jwk, name, false, ["verify"]);
    return signature.length === 64 && (await crypto.subtle.verify(use, key, signature, utf8(input)));
  } catch {
    // Not a point of the curve: no key at all.
    return false;
  }
}

/**
 * Checks a proof as RFC 9449 §4.3 asks: form, algorithm (EdDSA or ES256), key, signature, method, URL, age, token, and that it
 * was not seen before. Answers the thumbprint of its key. Throws `invalid_token`; passes on what `seen` throws.
 */
export async function verifyDpopProof(
  proof: string,
  expected: ProofExpectation,
): Promise<{ readonly jkt: string; readonly jti: string }> {
  const jws = splitCompactJws(proof);
  const header = Header.safeParse(jws.header);
  const claims = Claims.safeParse(jws.payload);
  if (!header.success || !claims.success) throw refused("it is malformed");
  const { d: _none, ...jwk } = header.data.jwk;
  const { jti, htm, htu, iat, ath, nonce } = claims.data;
  const { maxAgeSeconds = 60 } = expected;
  const now = nowSeconds(expected.clock ?? systemClock);

  if (htm !== expected.method.toUpperCase()) throw refused("it is for another method");
  const here = withoutQuery(expected.url);
  if (here === undefined || withoutQuery(htu) !== here) throw refused("it is for another address");
  if (iat > now + SKEW_SECONDS || iat < now - maxAgeSeconds) throw refused("it is too old or too new");
  if (nonce !== expected.nonce) throw refused("its nonce is another");
  if (expected.accessToken !== undefined && ath !== (await sha256(expected.accessToken))) {
    throw refused("it is for another token");
  }
  const jkt = await jwkThumbprint(jwk);
  if (expected.jkt !== undefined && jkt !== expected.jkt) throw refused("it is of another key");
  if (!(await signatureHolds(jwk, jws.signature, jws.signingInput))) throw refused("its signature is wrong");
  // Last, so that only good proofs are remembered.
  if (await expected.seen(`${jkt}:${jti}`, maxAgeSeconds + SKEW_SECONDS)) throw refused("it was used before");
  return { jkt, jti };
}

/**
 * The one reader of a compact JWS (RFC 7515 §7.1), for EdDSA only.
 *
 * Guarantees: one token is one string. Padding, white space, non-canonical base64url, foreign alphabets,
 * extra or empty parts, unknown header members and any algorithm but EdDSA are refused before a key is
 * looked at, so `none`, `jwk`, `jku`, `crit` and algorithm confusion have nowhere to enter.
 * Does not: check claims, expiry or revocation (claims.ts, verifier.ts).
 */
import { type KeyObject, sign, verify } from "node:crypto";
import { z } from "zod";
import { DeputizeError } from "@deputize/core";

/** Checked before anything is decoded, so that a huge header costs nothing. */
export const MAX_TOKEN_LENGTH = 8192;

const PART = /^[A-Za-z0-9_-]+$/;

const Header = z.strictObject({
  alg: z.literal("EdDSA"),
  typ: z.string().max(32),
  kid: z.string().min(1).max(128),
});

export type JwsHeader = z.infer<typeof Header>;

export interface CompactJws {
  readonly header: JwsHeader;
  readonly payload: unknown;
  readonly signingInput: string;
  readonly signature: Buffer;
}

function refused(): DeputizeError {
  return new DeputizeError("invalid_token", "the token is not a signed token of this authority");
}

function decodePart(part: string): Buffer {
  const bytes = Buffer.from(part, "base64url");
  // Trailing bits that decoding ignores would make two strings out of one token.
  if (!PART.test(part) || bytes.toString("base64url") !== part) throw refused();
  return bytes;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeJson(part: string): unknown {
  try {
    return JSON.parse(utf8.decode(decodePart(part)));
  } catch {
    throw refused();
  }
}

/** Splits and decodes a token. Throws `invalid_token`. Nothing in the answer is verified yet. */
export function parseCompactJws(token: string): CompactJws {
  if (typeof token !== "string" || token.length > MAX_TOKEN_LENGTH) throw refused();
  const [head, body, tail, ...rest] = token.split(".");
  if (!head || !body || !tail || rest.length > 0) throw refused();
  const header = Header.safeParse(decodeJson(head));
  if (!header.success) throw refused();
  return {
    header: header.data,
    payload: decodeJson(body),
    signingInput: `${head}.${body}`,
    signature: decodePart(tail),
  };
}

/** True when `key` signed this token. */
export function jwsSignatureHolds(jws: CompactJws, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== "ed25519" || jws.signature.length !== 64) return false;
  return verify(null, Buffer.from(jws.signingInput), key, jws.signature);
}

/** Writes a compact JWS in the form that `parseCompactJws` accepts. */
export function signCompactJws(header: JwsHeader, payload: object, privateKey: KeyObject): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signingInput = `${encode(header)}.${encode(payload)}`;
  return `${signingInput}.${sign(null, Buffer.from(signingInput), privateKey).toString("base64url")}`;
}

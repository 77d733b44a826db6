/**
 * The one reader of a compact JWS (RFC 7515 §7.1). Runs on Node, in browsers and at the edge.
 *
 * Guarantees: one token is one string. Padding, white space, non-canonical base64url, foreign alphabets, extra or empty
 * parts are refused before a key is looked at; of access tokens also unknown, repeated or oddly written header members and any
 * algorithm but EdDSA, so `none`, `jwk`, `jku`, `crit` and algorithm confusion have nowhere to enter.
 * Does not: check a signature (crypto-backend.ts), claims, expiry or revocation (claims.ts, verifier-core.ts).
 */
import { DeputizeError } from "@deputize/core/portable";
import { z } from "zod";
import { decodeBase64url } from "./base64url.ts";
import type { Bytes } from "./crypto-backend.ts";

/** Checked before anything is decoded, so that a huge header costs nothing. */
export const MAX_TOKEN_LENGTH = 8192;

const Header = z.strictObject({
  alg: z.literal("EdDSA"),
  typ: z.string().max(32),
  kid: z.string().min(1).max(128),
});

export type JwsHeader = z.infer<typeof Header>;

interface JwsBytes {
  readonly header: unknown;
  readonly headerText: string;
  readonly payloadBytes: Bytes;
  readonly signingInput: string;
  readonly signature: Bytes;
}

export interface JwsParts extends Omit<JwsBytes, "payloadBytes"> {
  readonly payload: unknown;
}

export interface CompactJws extends JwsParts {
  readonly header: JwsHeader;
}

function refused(): DeputizeError {
  return new DeputizeError("invalid_token", "the token is not a signed token of this authority");
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodePart(part: string): Bytes {
  const bytes = decodeBase64url(part);
  if (!bytes) throw refused();
  return bytes;
}

function decodeText(bytes: Bytes): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw refused();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refused();
  }
}

/** Splits any compact JWS, whatever it signs. Throws `invalid_token`. Nothing in the answer is verified yet. */
export function splitJwsBytes(token: string): JwsBytes {
  if (typeof token !== "string" || token.length > MAX_TOKEN_LENGTH) throw refused();
  const [head, body, tail, ...rest] = token.split(".");
  if (!head || !body || !tail || rest.length > 0) throw refused();
  const headerText = decodeText(decodePart(head));
  return {
    header: parseJson(headerText),
    headerText,
    payloadBytes: decodePart(body),
    signingInput: `${head}.${body}`,
    signature: decodePart(tail),
  };
}

/** Splits and decodes any compact JWS over JSON. Throws `invalid_token`. Nothing in the answer is verified yet, nor is its header. */
export function splitCompactJws(token: string): JwsParts {
  const { payloadBytes, ...parts } = splitJwsBytes(token);
  return { ...parts, payload: parseJson(decodeText(payloadBytes)) };
}

/** Splits and decodes an access token. Throws `invalid_token`. Nothing in the answer is verified yet. */
export function parseCompactJws(token: string): CompactJws {
  const parts = splitCompactJws(token);
  const header = Header.safeParse(parts.header);
  // Written as we write it: a repeated member, white space or an escape would be read otherwise elsewhere.
  if (!header.success || JSON.stringify(parts.header) !== parts.headerText) throw refused();
  return { ...parts, header: header.data };
}

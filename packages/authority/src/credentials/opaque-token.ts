/**
 * Opaque secrets that we hand out once and keep only as a hash: session cookies and refresh tokens.
 *
 * Guarantees: 256 random bits each; the database holds HMAC-SHA-256 under a derived key, so that a copy of
 * the table opens nothing. Lookup is by that hash, an indexed equality on a value an attacker cannot steer.
 */
import { randomBytes } from "node:crypto";
import { mac } from "./derive-key.ts";

/** A fresh secret with a prefix that secret scanners can find. */
export function newOpaqueToken(prefix: string): string {
  return `${prefix}_${randomBytes(32).toString("base64url")}`;
}

/** What is stored in its place. */
export function opaqueTokenHash(key: Uint8Array, token: string): Buffer {
  return mac(key, "stored", token);
}

/**
 * The one successor of a refresh token: the same whenever it is asked for, unknowable without the key. This
 * is how a retry gets the answer that was lost, although only hashes are stored [SR-25].
 */
export function successorToken(key: Uint8Array, prefix: string, token: string): string {
  return `${prefix}_${mac(key, "successor", token).toString("base64url")}`;
}

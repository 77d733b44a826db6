/**
 * One root secret, many keys: each use gets its own key by HKDF (RFC 5869), so that a value made for one
 * purpose is never valid for another.
 *
 * Guarantees: a root shorter than 32 bytes is refused when the authority starts.
 * Does not: rotate the root; a new root ends every session, device token and API key made under the old one.
 */
import { type KeyObject, createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto";
import { DeputizeError } from "@deputize/core";

/** What a derived key is for. Adding a use is adding a line here. */
export type KeyUse =
  | "session"
  | "csrf"
  | "refresh"
  | "api-key"
  | "device"
  | "throttle"
  | "app-secret"
  | "operator-secret"
  | "launch-token"
  | "nonce";

/** Makes the key of one use. Throws `config_invalid` when `root` is too short. */
export function deriveKey(root: Uint8Array, use: KeyUse): Buffer {
  if (root.byteLength < 32) {
    throw new DeputizeError("config_invalid", "the authority's root secret needs 32 bytes or more");
  }
  return Buffer.from(hkdfSync("sha256", root, new Uint8Array(0), `deputize:authority:${use}`, 32));
}

// Node prepares a raw key anew for each HMAC, which costs five times the HMAC itself.
const prepared = new WeakMap<Uint8Array, KeyObject>();

/** HMAC-SHA-256 over parts that are length-prefixed, so that no two lists of parts collide. `key` does not change later. */
export function mac(key: Uint8Array, ...parts: readonly string[]): Buffer {
  let ready = prepared.get(key);
  if (ready === undefined) {
    ready = createSecretKey(key);
    prepared.set(key, ready);
  }
  let text = "";
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return createHmac("sha256", ready).update(text, "utf8").digest();
}

/** Compares without telling where two values differ. Unequal lengths are unequal. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

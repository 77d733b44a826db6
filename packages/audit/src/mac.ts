/**
 * A message authentication code for each entry, beside the tree: whoever rewrites a log without the secret is found by
 * its codes alone, also when the log's signing key was stolen with it.
 *
 * Guarantees: the code is HMAC-SHA-256 (RFC 2104) over the entry's canonical JSON, which holds its number and the hash of
 * the entry before, so codes form a chain. Its key comes from the secret and the log's public key: the codes of one
 * log fit no other, and a secret vouches for the public key too.
 * Does not: stop somebody who holds the secret; the signed checkpoints are for that [PR-D21].
 */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { DeputizeError } from "@deputize/core";

/** What HMAC-SHA-256 can use; less could be tried out. */
const SECRET_BYTES_MIN = 32;

const KEY_USE = "deputize audit entry v1\n";

/** The code of one text, hex. */
export type EntryMac = (text: string) => string;

/** Checks a secret. Throws `config_invalid`, and never quotes it. */
export function checkSecret(secret: string | undefined): string {
  if (secret === undefined || Buffer.byteLength(secret) < SECRET_BYTES_MIN) {
    throw new DeputizeError(
      "config_invalid",
      `the audit secret needs ${SECRET_BYTES_MIN} bytes or more; make one with \`openssl rand -hex 32\` and give it as \`secret\` or DEPUTIZE_AUDIT_SECRET`,
    );
  }
  return secret;
}

/** The codes of the log that `publicKey` (a C2SP verifier key) names. Throws `config_invalid` for a short secret. */
export function entryMac(secret: string, publicKey: string): EntryMac {
  // As a key object it is prepared once and not for each entry, which is five times as fast.
  const key = createSecretKey(
    createHmac("sha256", checkSecret(secret)).update(`${KEY_USE}${publicKey}`).digest(),
  );
  return (text) => createHmac("sha256", key).update(text).digest("hex");
}

/** True when `mac` (hex, from a leaf) is that of the leaf without it. */
export function macFits(leaf: string, mac: string, macs: readonly EntryMac[]): boolean {
  const at = leaf.indexOf(`,"mac":"${mac}"`);
  if (at < 0 || !/^[0-9a-f]{64}$/.test(mac)) return false;
  const text = leaf.slice(0, at) + leaf.slice(at + mac.length + ',"mac":""'.length);
  const said = Buffer.from(mac, "hex");
  return macs.some((code) => timingSafeEqual(Buffer.from(code(text), "hex"), said));
}

/**
 * API keys are `dpk_<id>_<secret>`: the id finds the row in one indexed read, the secret proves it.
 *
 * Guarantees: the secret is stored as HMAC-SHA-256 under a key that is not in the database, bound to the id,
 * so that hashes cannot be swapped between rows. It is compared in constant time, and a key that does not
 * exist costs the same comparison.
 * Attack answered: a sign-in whose cost grows with the number of agents [AA-D01].
 */
import { randomHex } from "@deputize/core";
import { constantTimeEqual, mac } from "./derive-key.ts";

const KEY = /^dpk_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_([0-9a-f]{64})$/;

export interface ApiKeyParts {
  readonly id: string;
  readonly secret: string;
}

/** A fresh secret: 256 random bits as hex. */
export function newApiKeySecret(): string {
  return randomHex(32);
}

/** The text that its holder keeps. */
export function formatApiKey(parts: ApiKeyParts): string {
  return `dpk_${parts.id.replaceAll("-", "")}_${parts.secret}`;
}

/** Reads a key, or undefined when it has another form. One key has one spelling. */
export function readApiKey(text: string): ApiKeyParts | undefined {
  const match = KEY.exec(text);
  if (!match) return undefined;
  return { id: match.slice(1, 6).join("-"), secret: match[6] ?? "" };
}

export function apiKeyHash(key: Uint8Array, parts: ApiKeyParts): Buffer {
  return mac(key, "api-key", parts.id, parts.secret);
}

/** True when the secret is that of the stored hash; with no stored hash the same work, and false. */
export function apiKeyMatches(key: Uint8Array, parts: ApiKeyParts, stored: Uint8Array | undefined): boolean {
  const computed = apiKeyHash(key, parts);
  const equal = constantTimeEqual(computed, stored ?? Buffer.alloc(computed.byteLength));
  return stored !== undefined && equal;
}

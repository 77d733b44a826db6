/**
 * Nonces that prove themselves: when they expire, random bytes, and an HMAC over both. Handing one out costs nothing to
 * keep; only the use of one is written down, by whoever registers.
 *
 * Guarantees: one that we did not make, that expired, or of the time before a restore, does not hold. 32 bytes as 64 hex
 * digits; the first half names it and begins with its expiry, so that used ones are pruned by their order.
 * Attack answered: strangers who ask for a million nonces to fill memory [AW-D25].
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "@deputize/core";
import { constantTimeEqual, mac } from "../credentials/derive-key.ts";

export const NONCE_SECONDS = 30;

export interface Nonces {
  issue(): string;
  /** What names the nonce (32 hex digits), and whether it holds now. Undefined when it is no nonce by its form. */
  read(nonce: string): { readonly name: string; readonly holds: boolean } | undefined;
}

export function createNonces(options: {
  readonly key: Uint8Array;
  readonly clock: Clock;
  /** The feed's epoch, which a restore changes. */
  readonly epoch: () => string;
}): Nonces {
  const { key, clock } = options;
  const proof = (name: string): Buffer => mac(key, name, options.epoch()).subarray(0, 16);

  return {
    issue() {
      const expires = (clock.nowMs() + NONCE_SECONDS * 1000).toString(16).padStart(12, "0");
      // A UUID's first eight and last twelve digits are all random, and Node draws UUIDs from a stock.
      const uuid = randomUUID();
      const name = expires + uuid.slice(0, 8) + uuid.slice(24);
      return name + proof(name).toString("hex");
    },
    read(nonce) {
      if (!/^[0-9a-f]{64}$/.test(nonce)) return undefined;
      const name = nonce.slice(0, 32);
      const ours = constantTimeEqual(proof(name), Buffer.from(nonce.slice(32), "hex"));
      const expiresMs = Number.parseInt(name.slice(0, 12), 16);
      return { name, holds: ours && expiresMs > clock.nowMs() };
    },
  };
}

/**
 * The caller's seal: a payload and its MAC, which the database checks before it believes who is calling.
 *
 * Guarantees: only a holder of the seal key can make one; it fits one connection and one short time.
 * Does not: say that the grant is alive; `deputize.assert_live()` does, in transactions that write.
 * Attack answered: SQL that sets every setting it can reach, to become somebody else [SR-02].
 */
import { type KeyObject, createHmac, createSecretKey } from "node:crypto";
import { type Caller, actingPrincipal, systemClock } from "@deputize/core";

/** Covers the transaction and some difference between our clock and the database's. */
const SEAL_SECONDS = 120;

const BLOCK_BYTES = 64;

export interface SealPads {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

/** The key mixed with HMAC's pads (RFC 2104), as the database keeps it. */
export function sealPads(keyHex: string): SealPads {
  const key = Buffer.alloc(BLOCK_BYTES);
  Buffer.from(keyHex, "hex").copy(key);
  return { inner: key.map((b) => b ^ 0x36) as Buffer, outer: key.map((b) => b ^ 0x5c) as Buffer };
}

/** The key as `seal` takes it: read once, used by every transaction. */
export function sealKey(keyHex: string): KeyObject {
  return createSecretKey(Buffer.from(keyHex, "hex"));
}

/** Seals `caller` for the connection with backend `pid`. */
export function seal(key: KeyObject, caller: Caller, pid: number): { payload: string; mac: string } {
  const payload = JSON.stringify({
    sub: caller.subject,
    ten: caller.tenant,
    act: actingPrincipal(caller),
    rol: caller.roles,
    gid: caller.grants.at(-1) ?? null,
    grs: caller.grants,
    ...(caller.session && { ses: caller.session.id }),
    pid,
    exp: Math.floor(systemClock.nowMs() / 1000) + SEAL_SECONDS,
  });
  return { payload, mac: createHmac("sha256", key).update(payload).digest("hex") };
}

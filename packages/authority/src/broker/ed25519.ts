/**
 * Workers' keys and signatures as the protocol carries them: raw bytes, padded standard base64.
 *
 * Guarantees: one key has one spelling; a key that is no canonical point, or of small order, is refused, because with such
 * a key one signature verifies for many messages (RFC 8032 §5.1.3, and the list that libsodium refuses).
 */
import { type KeyObject, createPublicKey, verify } from "node:crypto";

/** y of the points of small order, little-endian, without the sign bit. */
const SMALL_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

export interface WorkerKey {
  /** Raw, 32 bytes. */
  readonly raw: Buffer;
  /** base64url, as a JWK has it. */
  readonly x: string;
  readonly key: KeyObject;
}

function decode(text: string, bytes: number): Buffer | undefined {
  const decoded = Buffer.from(text, "base64");
  return decoded.length === bytes && decoded.toString("base64") === text ? decoded : undefined;
}

/** Reads a raw public key, or undefined when it is none that we accept. */
export function readWorkerKey(base64: string): WorkerKey | undefined {
  const raw = decode(base64, 32);
  if (!raw) return undefined;
  const y = Buffer.from(raw);
  y[31] = (y[31] ?? 0) & 0x7f;
  // y is below p = 2^255 - 19.
  const canonical = !(
    y[31] === 0x7f &&
    y.subarray(1, 31).every((byte) => byte === 0xff) &&
    (y[0] ?? 0) >= 0xed
  );
  if (!canonical || SMALL_ORDER.has(y.toString("hex"))) return undefined;
  const x = raw.toString("base64url");
  try {
    return { raw, x, key: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }) };
  } catch {
    return undefined;
  }
}

/** True when `signature` (padded base64 of 64 bytes) of `message` is by this key. */
export function workerSigned(worker: WorkerKey, message: Uint8Array, signature: string): boolean {
  const bytes = decode(signature, 64);
  return bytes !== undefined && verify(null, message, worker.key, bytes);
}

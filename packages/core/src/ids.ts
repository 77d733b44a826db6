/**
 * Ids are made here and nowhere else: UUIDv7 for what happens now (they sort by time, so indexes stay
 * dense) and UUIDv5 for what must come out the same each time, such as the seed (RFC 9562).
 */
import { createHash, randomBytes } from "node:crypto";
import { type Clock, systemClock } from "./clock.ts";
import { DeputizeError } from "./errors.ts";
import type { GrantId, PrincipalId } from "./id-types.ts";

export type { GrantId, PrincipalId } from "./id-types.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a lower-case RFC 9562 UUID. */
export function isUuid(input: unknown): input is string {
  return typeof input === "string" && UUID.test(input);
}

/** Checks a principal id. Throws `invalid_request`. */
export function parsePrincipalId(input: unknown): PrincipalId {
  if (!isUuid(input)) throw new DeputizeError("invalid_request", "a principal id is a lower-case UUID");
  return input as PrincipalId;
}

/** Checks a grant id. Throws `invalid_request`. */
export function parseGrantId(input: unknown): GrantId {
  if (!isUuid(input)) throw new DeputizeError("invalid_request", "a grant id is a lower-case UUID");
  return input as GrantId;
}

function format(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Random bytes are drawn in stock: a draw costs more than whatever is made of it. */
const STOCK_BYTES = 4096;
let stock = Buffer.alloc(0);
let used = 0;

/** `length` bytes from the system's generator, 1,024 at most, that nobody else gets. */
function fewRandomBytes(length: number): Buffer {
  if (used + length > stock.length) {
    stock = randomBytes(STOCK_BYTES);
    used = 0;
  }
  used += length;
  return stock.subarray(used - length, used);
}

/** A fresh UUIDv7: 48 bits of milliseconds, 74 random bits. */
export function newId(clock: Clock = systemClock): string {
  const bytes = fewRandomBytes(16);
  bytes.writeUIntBE(clock.nowMs(), 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return format(bytes);
}

/** The namespace of every UUIDv5 made by this product. */
const NAMESPACE = Buffer.from("b7f0d0a45c0e5d2f8f3a6b1e9c2d4a70", "hex");

/** The same UUIDv5 for the same natural key, such as `user:alice.johnson@gmail.com`. */
export function stableId(naturalKey: string): string {
  const bytes = createHash("sha1").update(NAMESPACE).update(naturalKey, "utf8").digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return format(bytes);
}

/** `bytes` random bytes as lower-case hex; 32 bytes unless told, 1,024 at most. */
export function randomHex(bytes = 32): string {
  return fewRandomBytes(bytes).toString("hex");
}

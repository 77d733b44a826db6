/** Keys that are made of parts, for stores that know only one string. */
import { createHash } from "node:crypto";

/** SHA-256, in hex, that two different lists of parts never share: each part goes in with its length, code unit by code unit. */
export function hashParts(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(Buffer.from(part, "utf16le"));
  return hash.digest("hex");
}

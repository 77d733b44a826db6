/**
 * Salted commitments: a leaf holds SHA-256 over salt, field name and canonical value; whoever holds the salt
 * can show the value, and once the salt is erased nobody can find it by trying [SR-24]. Safe in a browser.
 */
import { type Bytes, concat, fromHex, toHex, utf8 } from "./bytes.ts";
import { canonical } from "./canonical.ts";

export const SALT_BYTES = 32;

/** What is hashed. The salt has one length and a name has no NUL, so no two openings share an input. */
export function commitmentInput(salt: Uint8Array, field: string, value: unknown): Bytes {
  return commitmentInputOf(salt, field, canonical(value));
}

/** The same of a value's canonical text. */
export function commitmentInputOf(salt: Uint8Array, field: string, text: string): Bytes {
  return concat(salt, utf8(`${field}\0${text}`));
}

/** True when `salt` (hex) and `value` open the commitment (hex) of `field`. */
export async function opens(
  commitment: string,
  field: string,
  salt: string,
  value: unknown,
): Promise<boolean> {
  const bytes = fromHex(salt);
  if (bytes?.length !== SALT_BYTES || value === undefined) return false;
  const digest = await crypto.subtle.digest("SHA-256", commitmentInput(bytes, field, value));
  return toHex(new Uint8Array(digest)) === commitment;
}

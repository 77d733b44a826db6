/**
 * One value, one text: JSON as RFC 8785 (JCS) writes it, so that a digest does not depend on who wrote it.
 * Safe in a browser.
 */
import canonicalize from "canonicalize";

/** Canonical JSON text. Throws `TypeError` for what JSON cannot say: undefined, NaN, lone surrogates, cycles. */
export function canonical(value: unknown): string {
  let written: string | undefined;
  try {
    written = canonicalize(value);
  } catch (cause) {
    throw new TypeError("value has no canonical JSON form", { cause });
  }
  if (written === undefined) throw new TypeError("value has no canonical JSON form");
  return written;
}

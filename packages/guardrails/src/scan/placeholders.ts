/**
 * Numbered names for what is hidden: the same value has the same one throughout a turn, and the value itself is not kept, only a
 * digest under a key that lives as long as the turn [PR-D39].
 */
import { hash } from "node:crypto";
import { randomHex } from "@deputize/core";

export interface Placeholders {
  /** Such as `[EMAIL_1]`. */
  of(type: string, value: string): string;
}

/** Shorter than the types' own names where those say the same twice. */
const NAMES: Readonly<Record<string, string>> = {
  EMAIL_ADDRESS: "EMAIL",
  PHONE_NUMBER: "PHONE",
  IBAN_CODE: "IBAN",
  IP_ADDRESS: "IP",
  DOMAIN_NAME: "DOMAIN",
};

export function createPlaceholders(): Placeholders {
  let key: string | undefined;
  const known = new Map<string, string>();
  const counts = new Map<string, number>();
  return {
    of(type, value) {
      const name = NAMES[type] ?? type.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");
      // Spaces and dashes in a number are how it was written, not what it is.
      const plain = /^[\p{N}\s().+-]+$/u.test(value) ? value.replaceAll(/\D/g, "") : value;
      // One call instead of an HMAC, which takes ten times as long; the key comes first and nobody sees a digest.
      const digest = hash("sha256", `${(key ??= randomHex())}\0${name}\0${plain}`, "base64");
      const before = known.get(digest);
      if (before !== undefined) return before;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const placeholder = `[${name}_${count}]`;
      known.set(digest, placeholder);
      return placeholder;
    },
  };
}

/**
 * API keys of users: `dp_live_<id>_<secret>_<check>`.
 *
 * Guarantees: the id finds the row, 256 random bits prove it, and the check lets scanners of source code tell a key from text that looks like one,
 * and us a slip of the hand from a guess, without a database. One key has one spelling.
 */
import { hash } from "node:crypto";
import { randomHex } from "@deputize/core";

export const KEY_PREFIX = "dp_live_";
const KEY = /^dp_live_([0-9a-f]{32})_([0-9a-f]{64})_([0-9a-f]{8})$/;

export interface KeyParts {
  /** A UUID. */
  readonly id: string;
  readonly secret: string;
}

export function newKeySecret(): string {
  return randomHex(32);
}

export function keyText({ id, secret }: KeyParts): string {
  const body = `${KEY_PREFIX}${id.replaceAll("-", "")}_${secret}`;
  return `${body}_${checkOf(body)}`;
}

/** The parts of a key, or undefined where its form or its check is wrong. */
export function readKey(text: string): KeyParts | undefined {
  const [, id = "", secret = "", check] = KEY.exec(text) ?? [];
  if (check === undefined || checkOf(text.slice(0, -9)) !== check) return undefined;
  return { id: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"), secret };
}

function checkOf(body: string): string {
  return hash("sha256", body, "hex").slice(0, 8);
}

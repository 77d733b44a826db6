/** Sessions as text: `sess_<user>.<expiry>.<signature>`, signed with HMAC-SHA-256. */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface Session {
  readonly userId: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

const sign = (text: string, secret: string): Buffer => createHmac("sha256", secret).update(text).digest();

export function makeSession({ userId, expiresAt }: Session, secret: string): string {
  const text = `${Buffer.from(userId).toString("base64url")}.${expiresAt}`;
  return `sess_${text}.${sign(text, secret).toString("base64url")}`;
}

/** Undefined for one that was not signed here. Whether its time is over is the caller's to see. */
export function readSession(session: string, secret: string): Session | undefined {
  const [, user = "", expiry = "", signature = ""] =
    /^sess_([\w-]{1,400})\.(\d{1,12})\.([\w-]{43})$/.exec(session) ?? [];
  const expected = sign(`${user}.${expiry}`, secret);
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return { userId: Buffer.from(user, "base64url").toString("utf8"), expiresAt: Number(expiry) };
}

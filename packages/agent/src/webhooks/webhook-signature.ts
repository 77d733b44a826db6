/**
 * Signatures of webhooks as the Standard Webhooks specification (1.0, symmetric) has them: HMAC-SHA256 of
 * `<id>.<timestamp>.<body>`, so that any of its libraries can check them too.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { DeputizeError, systemClock } from "@deputize/core";

const KEY_BYTES_MIN = 24;
const TOLERANCE_SECONDS = 300;

/** The key behind a secret: base64 after `whsec_`, any other text as it is. Throws `config_invalid` for a short one. */
export function webhookKey(secret: string): Buffer {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
  if (key.length < KEY_BYTES_MIN)
    throw new DeputizeError("config_invalid", `a webhook's secret has ${KEY_BYTES_MIN} bytes or more`);
  return key;
}

const macOf = (key: Buffer, id: string, timestamp: string, body: string): Buffer =>
  createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();

/** Headers of one attempt. `nowMs` is Unix time in milliseconds. */
export function signatureHeaders(
  key: Buffer,
  { id, body, nowMs }: { readonly id: string; readonly body: string; readonly nowMs: number },
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${macOf(key, id, timestamp, body).toString("base64")}`,
  };
}

export interface SignedEvents {
  readonly secret: string;
  /** Of the request, whatever the case of their names. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came, byte for byte, before any parsing. */
  readonly body: string;
  /** Unix time in milliseconds; now unless told. */
  readonly nowMs?: number;
  /** How far the timestamp may be from now. 300 unless set. */
  readonly toleranceSeconds?: number;
}

/**
 * Whether a request to a webhook was sent by whoever has the secret, and not long ago. Whoever must not act twice keeps
 * `webhook-id`, which is the same when an attempt is repeated.
 */
export function verifyEventSignature(request: SignedEvents): boolean {
  const { secret, body, nowMs = systemClock.nowMs(), toleranceSeconds = TOLERANCE_SECONDS } = request;
  const header = headerReader(request.headers);
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
  if (!id || !signatures || !timestamp || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(nowMs / 1_000 - Number(timestamp)) > toleranceSeconds) return false;
  const expected = macOf(webhookKey(secret), id, timestamp, body);
  return signatures.split(" ").some((one) => {
    if (!one.startsWith("v1,")) return false;
    const given = Buffer.from(one.slice(3), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function headerReader(headers: SignedEvents["headers"]): (name: string) => string | undefined {
  if (headers instanceof Headers) return (name) => headers.get(name) ?? undefined;
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => {
    const value = lower.get(name);
    return typeof value === "string" ? value : undefined;
  };
}

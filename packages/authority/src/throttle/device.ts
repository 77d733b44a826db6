/**
 * A token by which an account recognizes a device that signed in before. It opens nothing: it only gives the
 * device its own allowance of tries [SR-26].
 *
 * Guarantees: made only after a right password; fits one account; keeps no state; cannot be made without the key.
 */
import { type Clock, nowSeconds, randomHex } from "@deputize/core";
import { constantTimeEqual, mac } from "../credentials/derive-key.ts";

/** As long as browsers keep a cookie at most matters; half a year is enough. */
export const DEVICE_SECONDS = 180 * 24 * 3600;

const TOKEN = /^ddv_([0-9a-f]{32})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})$/;

export interface DeviceTokens {
  /** A token for a device on which `account` has just signed in. */
  make(account: string): string;
  /** The device's id when `token` was made for `account` and is still good. */
  read(token: string | undefined, account: string): string | undefined;
}

export function createDeviceTokens(options: {
  readonly key: Uint8Array;
  readonly clock: Clock;
}): DeviceTokens {
  const { key, clock } = options;
  return {
    make(account) {
      const id = randomHex(16);
      const expires = String(nowSeconds(clock) + DEVICE_SECONDS);
      return `ddv_${id}.${expires}.${mac(key, account, id, expires).toString("base64url")}`;
    },
    read(token, account) {
      const match = TOKEN.exec(token ?? "");
      if (!match) return undefined;
      const [, id = "", expires = "", signature = ""] = match;
      if (!constantTimeEqual(mac(key, account, id, expires), Buffer.from(signature, "base64url")))
        return undefined;
      return Number(expires) > nowSeconds(clock) ? id : undefined;
    },
  };
}

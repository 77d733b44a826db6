import { systemClock } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { startAutoRenew } from "./auto-renew.ts";
import { AuthenticationError, TransportError } from "./errors.ts";

let stop = (): void => {};
afterEach(() => stop());

/** Renews a token that lives `seconds`; each renewal is one entry of `script`, success when it is over. */
function renewing(seconds: number, script: (() => void)[] = []) {
  let exp = 100;
  let expiresIn = seconds;
  let endsAt = systemClock.monotonicMs() + seconds * 1000;
  const told: unknown[] = [];
  const renewals: number[] = [];
  stop = startAutoRenew({
    clock: systemClock,
    held: () => ({ expiresIn, expiresAt: exp, endsAt }),
    renew: async () => {
      renewals.push(endsAt - systemClock.monotonicMs());
      script.shift()?.();
      exp += expiresIn;
      endsAt = systemClock.monotonicMs() + expiresIn * 1000;
    },
    onFailed: (error) => told.push(error),
  });
  return {
    told,
    renewals,
    cap: () => {
      expiresIn /= 2;
      exp -= expiresIn;
    },
  };
}

const refused = () => {
  throw new AuthenticationError({ type: "", title: "", status: 401, detail: "it is over" });
};
const lost = () => {
  throw new TransportError("no answer");
};

describe("renewing by itself", () => {
  it("is always in time [AW-F39]", async () => {
    const { told, renewals } = renewing(0.2);
    await expect.poll(() => renewals.length, { timeout: 3_000 }).toBeGreaterThanOrEqual(5);
    for (const left of renewals.slice(0, 5)) expect(left).toBeGreaterThan(0);
    expect(told).toEqual([]);
  });

  it("tries again after trouble on the way, as long as the token lives", async () => {
    const { told, renewals } = renewing(1.6, [lost]);
    await expect.poll(() => renewals.length, { timeout: 3_000 }).toBe(2);
    expect(renewals[1]).toBeGreaterThan(0);
    expect(told).toEqual([]);
  });

  it("ends with a refusal, told once", async () => {
    const { told, renewals } = renewing(0.1, [refused]);
    await expect.poll(() => told.length, { timeout: 3_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(told).toEqual([expect.any(AuthenticationError)]);
    expect(renewals).toHaveLength(1);
  });

  it("ends with the grant, told once, and does not renew in a circle", async () => {
    const script: (() => void)[] = [];
    const capped = renewing(0.2, script);
    script.push(() => {}, capped.cap);
    await expect.poll(() => capped.told.length, { timeout: 3_000 }).toBe(1);
    expect(capped.told[0]).toMatchObject({ code: "grant_revoked" });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(capped.renewals).toHaveLength(2);
  });

  it("stops when it is told to", async () => {
    const { renewals, told } = renewing(0.1);
    stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([renewals, told]).toEqual([[], []]);
  });
});

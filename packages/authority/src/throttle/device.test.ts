import { describe, expect, it } from "vitest";
import { manualClock } from "@deputize/core";
import { DEVICE_SECONDS, createDeviceTokens } from "./device.ts";

describe("device tokens", () => {
  const clock = manualClock(1_800_000_000_000);
  const devices = createDeviceTokens({ key: Buffer.alloc(32, 1), clock });

  it("are known to the account that they were made for, and to no other [SR-26]", () => {
    const token = devices.make("alice@example.com");
    expect(devices.read(token, "alice@example.com")).toMatch(/^[0-9a-f]{32}$/);
    expect(devices.read(token, "bob@example.com")).toBeUndefined();
    expect(devices.read(undefined, "alice@example.com")).toBeUndefined();
  });

  it("cannot be made longer-lived or without the key [SR-26]", () => {
    const token = devices.make("alice@example.com");
    const [id, expires, signature] = token.split(".");
    expect(devices.read(`${id}.${Number(expires) + 1}.${signature}`, "alice@example.com")).toBeUndefined();
    const other = createDeviceTokens({ key: Buffer.alloc(32, 2), clock });
    expect(devices.read(other.make("alice@example.com"), "alice@example.com")).toBeUndefined();
  });

  it("end after half a year", () => {
    const token = devices.make("alice@example.com");
    clock.advance(DEVICE_SECONDS * 1000);
    expect(devices.read(token, "alice@example.com")).toBeUndefined();
  });
});

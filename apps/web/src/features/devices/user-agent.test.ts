import { describe, expect, it } from "vitest";
import { deviceName } from "./user-agent.ts";

describe("a device's name", () => {
  it.each([
    [
      "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
      "Edge on Windows",
    ],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iOS"],
    ["curl/8.5.0", "curl"],
    ["", "Another program"],
  ])("of %j is %j", (userAgent, name) => {
    expect(deviceName(userAgent)).toBe(name);
  });
});

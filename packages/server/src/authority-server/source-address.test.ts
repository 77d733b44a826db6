import { describe, expect, it } from "vitest";
import { sourceAddress } from "./source-address.ts";

describe("the address of a request", () => {
  const behind = sourceAddress(["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);

  it.each([
    ["is the socket's without a proxy", "198.51.100.4", undefined, "198.51.100.4"],
    ["is not what a stranger writes into a header [AW-D17]", "198.51.100.4", "1.2.3.4", "198.51.100.4"],
    ["is what a trusted proxy says", "10.1.2.3", "198.51.100.4", "198.51.100.4"],
    [
      "is the last one before our proxies, whatever came before it",
      "10.1.2.3",
      "6.6.6.6, 198.51.100.4, 192.0.2.7",
      "198.51.100.4",
    ],
    ["is the proxy's own when the header holds nonsense", "10.1.2.3", "6.6.6.6, attacker-17", "10.1.2.3"],
    ["is IPv4 also on a socket of both families", "::ffff:10.1.2.3", "::ffff:198.51.100.4", "198.51.100.4"],
    ["may be IPv6", "fd00::1", "2001:db8::5", "2001:db8::5"],
    ["is the farthest proxy when all are ours", "10.1.2.3", "10.9.9.9", "10.9.9.9"],
    ["is named where there is no socket", undefined, "1.2.3.4", "this process"],
  ])("%s", (_what, remote, forwarded, expected) => {
    expect(behind(remote, forwarded)).toBe(expected);
  });

  it("does not depend on a header while no proxy is named", () => {
    expect(sourceAddress([])("127.0.0.1", "1.2.3.4")).toBe("127.0.0.1");
  });
});

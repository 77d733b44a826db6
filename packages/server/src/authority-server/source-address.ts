/**
 * Where a request comes from, for limits and for the log.
 *
 * Guarantees: the socket's address, unless that is a proxy on the installation's list; then the last address of
 * `X-Forwarded-For` that is no such proxy. So nobody chooses their own address [AW-D17].
 */
import { BlockList, isIP } from "node:net";

/** `remote` is the socket's address, `forwarded` the header's value. */
export type SourceAddress = (remote: string | undefined, forwarded: string | undefined) => string;

/** What a header may make us look at. */
const HOPS = 32;

function plain(address: string): string {
  // Sockets that serve both families write IPv4 addresses so.
  return address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

/** `proxies`: addresses and networks such as `10.0.0.0/8`. */
export function sourceAddress(proxies: readonly string[]): SourceAddress {
  const trusted = new BlockList();
  for (const proxy of proxies) {
    const [address = "", bits] = proxy.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const isTrusted = (address: string): boolean =>
    isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

  return (remote, forwarded) => {
    const socket = remote === undefined ? "this process" : plain(remote);
    if (forwarded === undefined || proxies.length === 0 || !isTrusted(socket)) return socket;
    const hops = forwarded
      .slice(-4_096)
      .split(",")
      .slice(-HOPS)
      .map((hop) => plain(hop.trim()))
      .toReversed();
    let nearest = socket;
    for (const hop of hops) {
      // What is no address was written by somebody who wants to be another one each time.
      if (isIP(hop) === 0) return nearest;
      nearest = hop;
      if (!isTrusted(hop)) return hop;
    }
    return nearest;
  };
}

/** Addresses behind a fixed number of proxies, for installations that cannot list them. */
import { isIP } from "node:net";
import { DeputizeError } from "@deputize/core";
import { type SourceAddress, sourceAddress } from "../../authority-server/source-address.ts";

const direct = sourceAddress([]);

/**
 * The address that the outermost of `hops` proxies saw: the `hops`-th of `X-Forwarded-For` from the right, which those proxies wrote
 * themselves [AF-D14]. Only for a server that nobody reaches but through them. 0 believes no header. Throws `config_invalid`.
 */
export function hopsAddress(hops: number): SourceAddress {
  if (!(Number.isInteger(hops) && hops >= 0 && hops <= 16))
    throw new DeputizeError("config_invalid", "`trusted_proxy_hops` is 0 to 16");
  return (remote, forwarded) => {
    const socket = direct(remote, undefined);
    if (hops === 0 || forwarded === undefined) return socket;
    const seen = forwarded.slice(-4_096).split(",").at(-hops)?.trim() ?? "";
    return isIP(seen) === 0 ? socket : direct(seen, undefined);
  };
}

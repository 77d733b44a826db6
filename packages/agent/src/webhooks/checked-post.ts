/**
 * Signed POST requests to an address that somebody configured.
 *
 * Guarantees: a request goes to a public address only, unless private ones are allowed: an address in the URL is checked at
 * start-up, a name each time that a connection is made, and the connection goes to the address that was checked. One private
 * address among several refuses them all. Redirects are not followed. Neither the address nor the secret is in an error.
 */
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import * as http from "node:http";
import * as https from "node:https";
import { type LookupFunction, isIP } from "node:net";
import { callbackify } from "node:util";
import { DeputizeError } from "@deputize/core";
import { isPublicAddress } from "./public-address.ts";

export interface WebhookTarget {
  /** `https` to a public host. */
  readonly url: string;
  /** 24 bytes or more, or `whsec_` and base64. */
  readonly secret: string;
  /** Lets `http` and addresses of private networks and of this machine pass. For receivers of one's own. */
  readonly allowPrivate?: boolean;
  /** How names become addresses; the system's way unless set. */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Empty unless `answerBytes` allows one. */
  readonly body: string;
}

export interface CheckedPost {
  /** `answerBytes`: how much of an answer is read, none unless set; a longer one fails. Throws, with `RefusedAddress` for a host not to send to. */
  send(request: {
    readonly body: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly answerBytes?: number;
  }): Promise<PostAnswer>;
  close(): void;
}

export class RefusedAddress extends Error {
  override readonly name = "RefusedAddress";
}

/** Throws `config_invalid`. */
export function checkedPost(target: Omit<WebhookTarget, "secret">): CheckedPost {
  const { allowPrivate = false } = target;
  const url = targetOf(target.url, allowPrivate);
  const checked = checkedLookup(target.resolve, allowPrivate);
  // An agent of its own: a connection that other code opened to the same host was not checked.
  const agent =
    url.protocol === "https:" ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
  return {
    send: ({ body, headers: more, signal, answerBytes = 0 }) =>
      new Promise((resolve, reject) => {
        const { request } = url.protocol === "https:" ? https : http;
        const headers = {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          "user-agent": "deputize",
          ...more,
        };
        const sent = request(url, { method: "POST", headers, agent, lookup: checked, signal }, (response) => {
          const parts: Buffer[] = [];
          let read = 0;
          response.on("error", reject);
          response.on("data", (part: Buffer) => {
            read += part.length;
            if (answerBytes === 0) return;
            if (read > answerBytes) response.destroy(new Error("the answer is too long"));
            else parts.push(part);
          });
          response.on("end", () => {
            const { statusCode: status = 0, headers: said } = response;
            resolve({ status, headers: said, body: Buffer.concat(parts).toString("utf8") });
          });
        });
        sent.on("error", reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** Throws `config_invalid` for an address that nothing may be sent to. */
export function targetOf(text: string, allowPrivate: boolean): URL {
  const url = URL.parse(text);
  if (!url || !["http:", "https:"].includes(url.protocol) || url.username !== "" || url.password !== "")
    throw new DeputizeError("config_invalid", "a webhook's `url` is an https address without a password");
  if (allowPrivate) return url;
  if (url.protocol !== "https:")
    throw new DeputizeError("config_invalid", "a webhook needs https; `allowPrivate` lets http pass");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublicAddress(host))
    throw new DeputizeError("config_invalid", "a webhook's address is private; `allowPrivate` lets it pass");
  return url;
}

/** Resolves names for connections, and refuses those that lead into a private network. */
export function checkedLookup(
  resolve: WebhookTarget["resolve"] = systemResolve,
  allowPrivate = false,
): LookupFunction {
  const find = callbackify(
    async (hostname: string): Promise<readonly [LookupAddress, ...LookupAddress[]]> => {
      const [first, ...rest] = await resolve(hostname);
      const passes = ({ address }: LookupAddress): boolean => allowPrivate || isPublicAddress(address);
      if (!first || ![first, ...rest].every(passes))
        throw new RefusedAddress("this host is not one to send to");
      return [first, ...rest];
    },
  );
  return (hostname, options, done) => {
    find(hostname, (error, found) => {
      if (error) done(error, []);
      else if (options.all) done(null, [...found]);
      else done(null, found[0].address, found[0].family);
    });
  };
}

const systemResolve = (hostname: string): Promise<readonly LookupAddress[]> =>
  lookup(hostname, { all: true });

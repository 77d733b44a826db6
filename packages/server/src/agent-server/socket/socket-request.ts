/**
 * A handshake of a socket as the rest of the server reads requests: with its credential in a header, wherever it stood.
 *
 * Guarantees: one credential (SR-26), and none in the address but a ticket, which counts once [AF-D15]. A page may open a socket only from
 * an origin that is served or listed, as browsers ask nobody before they do.
 */
import type { IncomingMessage } from "node:http";
import { DeputizeError } from "@deputize/core";
import { rejected } from "../../authenticators/authenticator.ts";
import { AuthRefused } from "../../authenticators/index.ts";

/** The word before the token in `Sec-WebSocket-Protocol`; it is what the server answers, and never the token. */
export const SOCKET_PROTOCOLS: readonly string[] = ["agentflow-bearer", "deputize-bearer"];
const TOKEN = /^[A-Za-z0-9\-._]{1,8192}$/;
const TOKEN_PARAMETERS = ["token", "access_token", "api_key"];
/** Headers that go on to the authenticators. */
const KEPT = ["authorization", "x-api-key", "cookie", "origin", "user-agent", "x-forwarded-for"];

export interface SocketRequest {
  /** A GET of the path, without a query. */
  readonly request: Request;
  readonly ticket: string | undefined;
}

export interface SocketRequestOptions {
  readonly publicUrl: string;
  readonly allowedHosts: readonly string[];
  /** Beside that of `publicUrl`. `*` is every page. */
  readonly origins: readonly string[];
}

/** Throws `AuthRefused` for a credential that stands wrong, `forbidden` for a host or an origin that is not served. */
export function socketRequest(incoming: IncomingMessage, options: SocketRequestOptions): SocketRequest {
  const host = (incoming.headers.host ?? "").toLowerCase();
  if (!options.allowedHosts.some((one) => one.toLowerCase() === host))
    throw new DeputizeError("forbidden", "this host is not served here");
  const own = new URL(options.publicUrl).origin;
  const { origin } = incoming.headers;
  if (origin !== undefined && origin !== own && !options.origins.some((one) => one === "*" || one === origin))
    throw new DeputizeError("forbidden", "pages of this origin may open no socket here");
  const url = new URL(incoming.url ?? "/", own);
  if (TOKEN_PARAMETERS.some((name) => url.searchParams.has(name)))
    throw new AuthRefused(rejected("INVALID_TOKEN", "a credential stands in the address"));
  const headers = new Headers();
  for (const name of KEPT) {
    const value = incoming.headers[name];
    if (typeof value === "string") headers.set(name, value);
  }
  const token = tokenOf(incoming.headers["sec-websocket-protocol"]);
  const ticket = url.searchParams.get("ticket") ?? undefined;
  const sent = ["authorization", "x-api-key", "cookie"].filter((name) => headers.has(name)).length;
  if (sent + (token === undefined ? 0 : 1) + (ticket === undefined ? 0 : 1) > 1)
    throw new AuthRefused(rejected("INVALID_TOKEN", "two credentials were sent"));
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  return { request: new Request(new URL(url.pathname, own), { headers }), ticket };
}

/** The protocol after the word. Throws `AuthRefused` where none follows. */
function tokenOf(header: string | undefined): string | undefined {
  const offered = (header ?? "").split(",").map((one) => one.trim());
  const at = offered.findIndex((one) => SOCKET_PROTOCOLS.includes(one));
  if (at < 0) return undefined;
  const token = offered[at + 1] ?? "";
  if (TOKEN.test(token)) return token;
  throw new AuthRefused(rejected("INVALID_TOKEN", "the socket's protocols hold no token"));
}

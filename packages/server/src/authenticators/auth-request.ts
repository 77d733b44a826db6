/**
 * From a request of the network to what authenticators are shown.
 *
 * Guarantees: a request carries one credential (SR-26), a token stands in one header and in one spelling, and never in the
 * address, where logs and proxies would keep it (AF-D15). What is malformed is refused, and never read as "no credential".
 */
import type { AuthRequest } from "./authenticator.ts";

/** Bounds the work a stranger's header can cost. Real tokens are 1 to 2 KB. */
const MAX_CHARACTERS = 8192;
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
/** A browser can set no header on a socket, so that its token is the protocol after one of these. */
const SOCKET_PROTOCOLS = ["agentflow-bearer", "deputize-bearer"];
const SOCKET_TOKEN = /^[A-Za-z0-9\-._]+$/;

/** Headers in which a credential may stand. */
const CREDENTIAL_HEADERS = ["authorization", "x-api-key", "cookie"];
const TOKEN_PARAMETERS = ["token", "access_token", "api_key"];

export interface AuthRequestOptions {
  readonly transport?: "http" | "ws";
  readonly peerAddress?: string;
}

/** Why a request cannot be asked about at all; a fixed sentence. */
export class MalformedRequest extends Error {}

/** Throws `MalformedRequest` for two credentials, for a token in the address, and for one that is no token. */
export function authRequestOf(request: Request, options: AuthRequestOptions = {}): AuthRequest {
  const { transport = "http", peerAddress } = options;
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  if (TOKEN_PARAMETERS.some((name) => url.searchParams.has(name)))
    throw new MalformedRequest("a credential stands in the address");
  const socketToken = transport === "ws" ? tokenOfProtocol(headers) : undefined;
  const sent = CREDENTIAL_HEADERS.filter((name) => headers.has(name)).length;
  if (sent + (socketToken === undefined ? 0 : 1) > 1) throw new MalformedRequest("two credentials were sent");
  const bearer = socketToken ?? bearerOf(headers.get("authorization"));
  return {
    method: request.method,
    path: url.pathname,
    headers,
    transport,
    ...(bearer !== undefined && { bearer }),
    ...(peerAddress !== undefined && { peerAddress }),
  };
}

/** True when something stands where credentials do, whether anybody could read it or not. */
export function hasCredential(request: AuthRequest): boolean {
  return request.bearer !== undefined || CREDENTIAL_HEADERS.some((name) => request.headers.has(name));
}

function bearerOf(header: string | null): string | undefined {
  if (header === null) return undefined;
  // Another scheme is for whoever reads it.
  if (!/^bearer\b/i.test(header)) return undefined;
  const token = header.length > MAX_CHARACTERS ? undefined : BEARER.exec(header)?.[1];
  if (token === undefined)
    throw new MalformedRequest("the authorization header holds no single bearer token");
  return token;
}

function tokenOfProtocol(headers: Headers): string | undefined {
  const offered = (headers.get("sec-websocket-protocol") ?? "").split(",").map((one) => one.trim());
  const at = offered.findIndex((one) => SOCKET_PROTOCOLS.includes(one));
  if (at < 0) return undefined;
  const token = offered[at + 1];
  if (token === undefined || token.length > MAX_CHARACTERS || !SOCKET_TOKEN.test(token))
    throw new MalformedRequest("the socket's protocols hold no token");
  return token;
}

/**
 * JSON from an identity provider, within bounds.
 *
 * Guarantees: https, or http on this machine for an issuer that is on this machine too; no redirect is followed, no
 * credential stands in the address; an answer is 200, in time and small, or an error. What was read says nothing yet about who
 * wrote it: TLS does, and the comparison of issuers (key-set.ts).
 */
import { DeputizeError } from "@deputize/core";

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 5000;
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** True for a host name that only this machine answers to. */
export function isLoopbackHost(hostname: string): boolean {
  return LOOPBACK.has(hostname);
}

/** True for `http://` on this machine. */
export function isLocalHttp(url: URL): boolean {
  return url.protocol === "http:" && isLoopbackHost(url.hostname);
}

/** Checks an address that keys may come from. Throws `config_invalid`. */
export function providerUrl(text: string, what: string, allowLocalHttp = true): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "https:" && !(allowLocalHttp && isLocalHttp(url))))
    throw new DeputizeError("config_invalid", `${what} must be an https address`);
  if (url.username || url.password || url.hash)
    throw new DeputizeError("config_invalid", `${what} may hold no credentials and no fragment`);
  return url;
}

/** What a question carries beside its address. */
export interface JsonRequest {
  readonly method?: "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the question before its own time is up. */
  readonly signal?: AbortSignal;
  /** Shown the headers of the answer. */
  readonly onHeaders?: (headers: Headers) => void;
}

/** The answer's JSON, or `undefined` for a 404. Throws for anything else. */
export async function fetchJson(url: URL, get: typeof fetch, request: JsonRequest = {}): Promise<unknown> {
  const { headers, signal, onHeaders, ...rest } = request;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await get(url, {
    ...rest,
    headers: { accept: "application/json", ...headers },
    redirect: "manual",
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    throw new Error(`${url.host} answered ${response.status}`);
  }
  onHeaders?.(response.headers);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error(`${url.host} answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

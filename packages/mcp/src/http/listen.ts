/**
 * `node:http` to web requests and back, for `server.listen()`.
 *
 * Guarantees: binds to loopback unless told; an aborted connection aborts the request's signal; slow peers run
 * into Node's header and request timeouts.
 */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";

type Fetch = (request: Request, info: { readonly ipAddress?: string }) => Promise<Response>;

/** Starts serving `fetch`. Rejects when the port is taken. */
export async function serveNode(
  fetch: Fetch,
  options: { readonly port: number; readonly host?: string },
): Promise<{ http: Server; origin: string }> {
  const { port, host = "127.0.0.1" } = options;
  const http = createServer((incoming, outgoing) => void answer(fetch, incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, resolve);
  });
  const { port: bound } = http.address() as AddressInfo;
  return { http, origin: `http://${host.includes(":") ? `[${host}]` : host}:${bound}` };
}

async function answer(fetch: Fetch, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  try {
    const { remoteAddress } = incoming.socket;
    const response = await fetch(webRequest(incoming, gone.signal), {
      ...(remoteAddress && { ipAddress: remoteAddress }),
    });
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (!response.body) return void outgoing.end();
    outgoing.flushHeaders();
    const body = Readable.fromWeb(response.body as NodeReadableStream<Uint8Array>);
    body.on("error", () => outgoing.destroy());
    outgoing.on("close", () => body.destroy());
    body.pipe(outgoing);
  } catch {
    if (!outgoing.headersSent) outgoing.writeHead(400);
    outgoing.end();
  }
}

function webRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    const [name, value] = [incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? ""];
    if (!name.startsWith(":")) headers.append(name, value);
  }
  const method = incoming.method ?? "GET";
  const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host ?? "invalid"}`);
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(url, {
    method,
    headers,
    signal,
    ...(hasBody && {
      body: Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>,
      duplex: "half",
    }),
  } as RequestInit);
}

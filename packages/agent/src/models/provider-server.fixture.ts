/** For tests of models: a local HTTP server that plays a provider, answer by answer, and what it was asked. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface SeenRequest {
  /** As the client addressed it, before it was led here. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
}

export type Play = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

export interface ProviderServer {
  readonly seen: SeenRequest[];
  /** What to answer next, in this order; then the last one again and again. */
  play(...plays: readonly Play[]): void;
  /** Leads every request here, whatever host it is for. */
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

export async function providerServer(): Promise<ProviderServer> {
  const seen: SeenRequest[] = [];
  let script: readonly Play[] = [];
  let played = 0;
  const server: Server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    request.socket.setMaxListeners(0); // one connection takes many requests
    const closed = new Promise<void>((resolve) => request.socket.once("close", () => resolve()));
    const url = String(request.headers["x-asked-for"]);
    const one = { url, headers: request.headers, body, closed };
    seen.push(one);
    const play = script[Math.min(played, script.length - 1)];
    played += 1;
    await play?.(response, one);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    seen,
    play(...plays) {
      seen.length = 0;
      script = plays;
      played = 0;
    },
    fetch: (input, init) => {
      const asked = new URL(input instanceof Request ? input.url : input);
      const headers = new Headers(init?.headers);
      headers.set("x-asked-for", asked.href);
      return fetch(`${here}${asked.pathname}${asked.search}`, { ...init, headers });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const status =
  (code: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Play =>
  (response) => {
    response.writeHead(code, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

/** Server-sent events. Those of `events` that are strings are sent as they are. */
export const events =
  (all: readonly unknown[], end: "end" | "cut" | "silence" = "end"): Play =>
  async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    for (const event of all) {
      const { type } = event as { type?: unknown };
      const name = typeof type === "string" ? `event: ${type}\n` : "";
      response.write(typeof event === "string" ? event : `${name}data: ${JSON.stringify(event)}\n\n`);
      // One write, one packet: the client sees the pieces as pieces.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (end === "end") response.end();
    if (end === "cut") {
      await new Promise((resolve) => setTimeout(resolve, 20));
      response.destroy();
    }
  };

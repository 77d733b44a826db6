/**
 * `server.stdio({ principal })`: MCP over standard input and output, for clients that start their servers as programs.
 *
 * Guarantees: both protocol revisions, through the same checks as HTTP (bridge.ts); standard output carries the protocol and
 * nothing else; a message past the limit ends the connection, as does the end of the input.
 * Does not: serve two principals. One process is one principal's (principal.ts).
 */
import type { Readable, Writable } from "node:stream";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { StdioBridge } from "./bridge.ts";
import { claimStdout } from "./claim-stdout.ts";
import type { Sign, StdioPrincipal } from "./principal.ts";

export interface StdioOptions {
  /** For whom this process works; there is no default. */
  readonly principal: StdioPrincipal;
  /** Standard input unless told. */
  readonly input?: Readable;
  /** Standard output unless told. */
  readonly output?: Writable;
}

export interface StdioConnection {
  /** Resolves when the client left and everything open has ended. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

export interface StdioHost {
  readonly url: string;
  readonly sign: Sign;
  readonly maxBytes: number;
  readonly fetch: (request: Request) => Promise<Response>;
  /** Ends the server behind the connection. */
  readonly end: () => Promise<void>;
}

/** Serves until the client leaves. */
export async function serveStdio(
  host: StdioHost,
  { input = process.stdin, output }: Pick<StdioOptions, "input" | "output">,
): Promise<StdioConnection> {
  const claimed = output ? { output, release: () => {} } : claimStdout();
  const transport = new StdioServerTransport(input, claimed.output, { maxBufferSize: host.maxBytes });
  const send = (message: JSONRPCMessage) => transport.send(message);
  const bridge = new StdioBridge({ url: host.url, fetch: host.fetch, sign: host.sign, send });
  const closed = Promise.withResolvers<void>();
  Object.assign(transport, {
    // Never what was read: it may hold anything.
    onerror: (error: Error) => {
      process.stderr.write(`stdio: a message could not be read or written (${error.name})\n`);
    },
    onmessage: (message: JSONRPCMessage) => void bridge.take(message).catch(() => {}),
    onclose: () => {
      bridge.close();
      host
        .end()
        .finally(() => claimed.release())
        .then(closed.resolve, closed.reject);
    },
  });
  await transport.start();
  return {
    closed: closed.promise,
    close: async () => {
      await transport.close();
      await closed.promise;
    },
  };
}

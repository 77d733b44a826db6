/**
 * `fetch` for addresses that somebody else named.
 *
 * Guarantees: requests go to public addresses over https only, unless private ones are allowed; a name is resolved once for each
 * connection, and the connection goes to the address that was checked. Redirects are not followed, whatever `redirect` says.
 */
import * as http from "node:http";
import * as https from "node:https";
import { Readable } from "node:stream";
import { RefusedAddress, type WebhookTarget, checkedLookup, targetOf } from "./checked-post.ts";

export type CheckedFetchOptions = Pick<WebhookTarget, "allowPrivate" | "resolve">;

export interface CheckedFetch {
  /** Rejects with `RefusedAddress` for a host not to send to, and as `fetch` does otherwise. */
  readonly fetch: typeof fetch;
  /** Lets go of kept connections. */
  close(): void;
}

const NO_BODY = new Set([204, 205, 304]);

/** Makes a `fetch` with connections of its own: one that other code opened to the same host was not checked. */
export function checkedFetch(options: CheckedFetchOptions = {}): CheckedFetch {
  const { allowPrivate = false } = options;
  const lookup = checkedLookup(options.resolve, allowPrivate);
  const agents = {
    http: new http.Agent({ keepAlive: true }),
    https: new https.Agent({ keepAlive: true }),
  };

  async function send(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const url = addressOf(request.url, allowPrivate);
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
    const isHttps = url.protocol === "https:";
    const settings = {
      method: request.method,
      headers: {
        ...Object.fromEntries(request.headers),
        ...(body && { "content-length": body.byteLength }),
      },
      agent: isHttps ? agents.https : agents.http,
      lookup,
      signal: request.signal,
    };
    return new Promise((resolve, reject) => {
      const sent = (isHttps ? https : http).request(url, settings, (answer) => {
        const { statusCode: status = 0 } = answer;
        if (status >= 300 && status < 400 && request.redirect !== "manual") {
          answer.destroy();
          reject(new TypeError("the answer leads elsewhere"));
          return;
        }
        const bodiless = NO_BODY.has(status) || request.method === "HEAD";
        if (bodiless) answer.resume();
        // Node and the platform's types name one and the same stream differently.
        const content = bodiless ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>);
        resolve(new Response(content, { status, headers: headersOf(answer.rawHeaders) }));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  return {
    fetch: send,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function addressOf(text: string, allowPrivate: boolean): URL {
  try {
    return targetOf(text, allowPrivate);
  } catch (cause) {
    throw new RefusedAddress("this host is not one to send to", { cause });
  }
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i] ?? "", raw[i + 1] ?? "");
  return headers;
}

/**
 * A `fetch` that hands requests for our own address to the app in this process, and all others to the network.
 *
 * Guarantees: a hop inside of one process passes the same door as one from outside: the same routes, token checks
 * and limits, with nothing but what is in the request. Several processes use the network for the same code.
 */
export interface LocalFetchOptions {
  /** Our own origin, such as `http://localhost:3000`. */
  readonly origin: string;
  /** The app. Looked up at each request, since the app is made after those who call it. */
  readonly handle: (request: Request) => Response | Promise<Response>;
  /** For all other addresses; the global one unless told. */
  readonly fallback?: typeof fetch;
}

export function localFetch(options: LocalFetchOptions): typeof fetch {
  const origin = new URL(options.origin).origin;
  const fallback = options.fallback ?? fetch;
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== origin) return fallback(input, init);
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    return options.handle(request);
  };
}

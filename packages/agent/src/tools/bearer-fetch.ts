/**
 * Requests that carry a token for one caller and one audience, the present trace, and the id of the request that all began with.
 *
 * Guarantees: a server that refuses the token (401) has done nothing; only then is the authority asked once for a new one, and
 * the same request sent once more [PR-D48]. Redirects are not followed: they would carry the token away.
 */
import { tracedFetch } from "@deputize/client";
import type { ToolContext } from "./tool-source.ts";

export interface BearerFetch {
  readonly fetch: typeof fetch;
  /** Why the authority gave no new token, where it did not: what a client makes of that says less. */
  readonly ended: () => unknown;
}

/** Asks the context's authority for the token at once. Throws what it throws. */
export async function bearerFetch(
  { authority, correlationId }: Pick<ToolContext, "authority" | "correlationId">,
  audience: string,
  send: typeof fetch,
): Promise<BearerFetch> {
  const traced = tracedFetch(send);
  let token = await authority.tokenFor(audience);
  let renewed = false;
  let ended: unknown;
  const withToken: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    if (correlationId !== undefined) headers.set("x-request-id", correlationId);
    return traced(input, { ...init, headers, redirect: "error" });
  };
  return {
    ended: () => ended,
    async fetch(input, init) {
      const response = await withToken(input, init);
      if (response.status !== 401 || renewed) return response;
      renewed = true;
      try {
        token = await authority.tokenFor(audience, { fresh: true });
      } catch (error) {
        ended = error;
        return response;
      }
      await response.body?.cancel();
      return withToken(input, init);
    },
  };
}

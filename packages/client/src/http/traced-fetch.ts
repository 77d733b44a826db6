/** A `fetch` whose requests carry the present trace on (W3C Trace Context), while somebody traces. */
import { telemetry } from "@deputize/core";

/** Adds `traceparent` unless the request has one; costs nothing and changes nothing while nobody traces. */
export function tracedFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return (input, init) => {
    const traceparent = telemetry.traceparent();
    if (traceparent === undefined) return fetch(input, init);
    const request = new Request(input, init);
    if (!request.headers.has("traceparent")) request.headers.set("traceparent", traceparent);
    return fetch(request);
  };
}

import { installTelemetry } from "@deputize/core";
import { afterEach, describe, expect, it } from "vitest";
import { tracedFetch } from "./traced-fetch.ts";

const PRESENT = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
let stop: (() => void) | undefined;
afterEach(() => stop?.());

/** What the inner fetch was given. */
async function sent(...request: Parameters<typeof fetch>): Promise<Request> {
  let seen: Request | undefined;
  const inner: typeof fetch = async (input, init) => {
    seen = new Request(input, init);
    return new Response();
  };
  await tracedFetch(inner)(...request);
  if (!seen) throw new Error("nothing was sent");
  return seen;
}

describe("tracedFetch", () => {
  it("hands the present trace on, and leaves everything else as it was [AW-F19]", async () => {
    stop = installTelemetry({ traceparent: () => PRESENT });
    const request = await sent("http://localhost/x?y=1", {
      method: "POST",
      body: "b",
      headers: { "X-A": "1" },
    });
    expect(request.headers.get("traceparent")).toBe(PRESENT);
    expect([request.method, request.url, request.headers.get("x-a"), await request.text()]).toEqual([
      "POST",
      "http://localhost/x?y=1",
      "1",
      "b",
    ]);
  });

  it("keeps a trace that the request has, and adds none while nobody traces", async () => {
    expect((await sent("http://localhost/")).headers.has("traceparent")).toBe(false);
    stop = installTelemetry({ traceparent: () => PRESENT });
    const own = PRESENT.replace("a", "c");
    expect(
      (await sent("http://localhost/", { headers: { traceparent: own } })).headers.get("traceparent"),
    ).toBe(own);
  });
});

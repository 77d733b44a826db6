/** A bound that holds however a body says how long it is, or lies about it. */
import { describe, expect, it } from "vitest";
import { readBody } from "./read-body.ts";

const post = (body: string, headers: Record<string, string>): Request =>
  new Request("http://localhost/mcp", { method: "POST", headers, body });

/** A request whose body would go on for ever. */
function endless(headers: Record<string, string>): Request {
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("x".repeat(100))),
  });
  const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
  return new Request("http://localhost/mcp", init);
}

describe("reading a body", () => {
  it("reads the same text with a declared length and without one", async () => {
    const text = JSON.stringify({ city: "Tromsø" });
    const length = { "content-length": String(Buffer.byteLength(text)) };
    expect(await readBody(post(text, length), 100)).toEqual({ tooLarge: false, text });
    expect(await readBody(post(text, {}), 100)).toEqual({ tooLarge: false, text });
  });

  it("counts bytes and not characters", async () => {
    const text = "ø".repeat(60);
    for (const headers of [{}, { "content-length": "60" }])
      expect(await readBody(post(text, headers), 100)).toEqual({ tooLarge: true });
  });

  it("refuses a declared length past the limit without reading anything", async () => {
    const request = endless({ "content-length": "101" });
    expect(await readBody(request, 100)).toEqual({ tooLarge: true });
    expect(request.bodyUsed).toBe(false);
  });

  it.each([
    ["no length", {}],
    ["a length that is no number", { "content-length": "ten" }],
    ["chunks beside a length", { "content-length": "10", "transfer-encoding": "chunked" }],
    ["an encoding that may unfold", { "content-length": "10", "content-encoding": "gzip" }],
  ])("stops reading at the limit with %s", async (_what, headers) => {
    expect(await readBody(endless(headers), 1_000)).toEqual({ tooLarge: true });
  });
});

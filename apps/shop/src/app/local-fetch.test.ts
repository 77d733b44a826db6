import { describe, expect, it } from "vitest";
import { localFetch } from "./local-fetch.ts";

describe("localFetch", () => {
  const outside: string[] = [];
  const fetch = localFetch({
    origin: "http://localhost:3000",
    handle: async (request) =>
      Response.json({ path: new URL(request.url).pathname, body: await request.text() }),
    fallback: async (input) => {
      outside.push(String(input));
      return new Response("outside");
    },
  });

  it("hands requests for our own address to the app, whole", async () => {
    const response = await fetch("http://localhost:3000/mcp/orders", { method: "POST", body: "x" });
    expect(await response.json()).toEqual({ path: "/mcp/orders", body: "x" });
  });

  it("leaves every other origin to the network, look-alikes too", async () => {
    for (const url of [
      "https://localhost:3000/",
      "http://localhost:3001/",
      "http://localhost.evil.test:3000/",
    ]) {
      expect(await (await fetch(url)).text()).toBe("outside");
    }
    expect(outside).toHaveLength(3);
  });

  it("does not start what was aborted before", async () => {
    await expect(fetch("http://localhost:3000/", { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

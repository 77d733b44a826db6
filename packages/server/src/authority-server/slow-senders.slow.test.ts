import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "./testing/run-authority.ts";

if (process.env["DEPUTIZE_TEST_SLOW"] === "1") {
  let authority: RunningAuthority;
  beforeAll(async () => {
    authority = await runAuthority();
  });
  afterAll(() => authority?.close());

  describe("a slow sender", () => {
    it.each([
      ["of headers", "POST /v1/register HTTP/1.1\r\nHost: x\r\n"],
      ["of a body", "POST /v1/token/validate HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100\r\n\r\n{"],
    ])(
      "%s is cut, and holds no connection [AW-F23]",
      async (_what, start) => {
        const { port, host } = new URL(authority.url);
        const text = await new Promise<string>((resolve, reject) => {
          const socket = connect(Number(port), "127.0.0.1", () => socket.write(start.replace("HOST", host)));
          let seen = "";
          socket.on("data", (chunk) => (seen += String(chunk)));
          socket.on("close", () => resolve(seen));
          socket.on("error", reject);
        });
        expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
        expect(text).toContain("application/problem+json");
      },
      40_000,
    );
  });
}

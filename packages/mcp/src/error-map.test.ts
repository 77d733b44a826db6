import { DeputizeError } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { errorOf, smallServer } from "../test/servers.ts";
import { clientOf } from "../test/world.ts";
import { type CallLogLine, circuitBreaker, logging, publicTool } from "./index.ts";

class CarrierError extends Error {
  readonly seconds: number;
  constructor(message: string, seconds: number) {
    super(message);
    this.seconds = seconds;
  }
}
class UnknownParcel extends CarrierError {}

function world() {
  const lines: CallLogLine[] = [];
  const { server, audit } = smallServer();
  server.use(
    logging((line) => lines.push(line)),
    circuitBreaker({ failures: 2 }),
  );
  let thrown: unknown;
  server.tool("track", { description: "t", effect: "read", guards: [publicTool()] }, () => {
    throw thrown;
  });
  const call = async (error: unknown) => {
    thrown = error;
    return errorOf(await clientOf(server, "alice").callTool("track"));
  };
  return { server, audit, lines, call };
}

describe("server.onError", () => {
  it("tells an error of a library by what its type stands for, the special one first [PR-F28]", async () => {
    const { server, call, audit, lines } = world();
    server
      .onError(UnknownParcel, () => new DeputizeError("not_found", "there is no such parcel"))
      .onError(
        CarrierError,
        ({ seconds }) =>
          new DeputizeError("unavailable", "the carrier does not answer", { retryAfterSeconds: seconds }),
      );
    expect(await call(new UnknownParcel("row 17 of key abc", 0))).toMatchObject({
      code: "not_found",
      message: "there is no such parcel",
    });
    const down = new CarrierError("https://user:pass@carrier", 7);
    expect(await call(down)).toMatchObject({ code: "unavailable", retry_after_seconds: 7 });
    expect(audit.entries.map((entry) => [entry.outcome, entry.reason])).toEqual([
      ["refused", "not_found"],
      ["failed", "unavailable"],
    ]);
    expect(lines[1]?.cause).toBe(down);
  });

  it("keeps what nobody mapped generic, and what a mapper gets wrong too [PR-F28]", async () => {
    const { server, call } = world();
    server.onError(TypeError, () => ({ code: "conflict", message: "leak" }) as never);
    server.onError(RangeError, () => {
      throw new Error("leak");
    });
    for (const error of [new Error("leak"), "leak", new TypeError("leak")]) {
      const told = await world().call(error);
      expect(told).toMatchObject({ code: "internal", message: "something went wrong on our side" });
    }
    expect((await call(new TypeError("leak")))?.message).toBe("something went wrong on our side");
    expect((await call(new RangeError("leak")))?.message).toBe("something went wrong on our side");
  });

  it("leaves our own errors alone, and tells the circuit breaker what they were mapped to", async () => {
    const { server, call } = world();
    server.onError(Error, () => new DeputizeError("conflict", "it has shipped"));
    expect((await call(new DeputizeError("invalid_request", "own")))?.code).toBe("invalid_request");
    for (let i = 0; i < 4; i += 1) expect((await call(new Error("x")))?.code).toBe("conflict");
  });
});

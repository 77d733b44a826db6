import { DeputizeError, currentCaller, currentContext } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { errorOf, smallServer } from "../test/servers.ts";
import { clientOf } from "../test/world.ts";
import { type AfterWork, type CallLogLine, logging, publicTool } from "./index.ts";

const open = { description: "o", effect: "read", guards: [publicTool()] } as const;

function world(leave: () => readonly AfterWork[], answer: () => object = () => ({})) {
  const lines: CallLogLine[] = [];
  const { server } = smallServer();
  server.use(logging((line) => lines.push(line)));
  server.tool("leave", open, (_args, { after }) => {
    for (const work of leave()) after(work);
    return answer();
  });
  return { server, lines, call: () => clientOf(server, "alice").callTool("leave") };
}

describe("ctx.after", () => {
  it("begins after the answer, delays nothing, and is waited for at close [PR-F21]", async () => {
    const did: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { server, call } = world(() => [
      async (signal) => {
        did.push(`begun ${signal.aborted}`);
        await gate.promise;
        did.push("done");
      },
    ]);
    expect(errorOf(await call())).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(did).toEqual(["begun false"]);
    const closed = server.close().then(() => did.push("closed"));
    gate.resolve();
    await closed;
    expect(did).toEqual(["begun false", "done", "closed"]);
  });

  it("carries neither the caller nor the request along [SR-14]", async () => {
    const seen: unknown[] = [];
    const { server, call } = world(() => [() => void seen.push(currentCaller(), currentContext())]);
    await call();
    await server.close();
    expect(seen).toEqual([undefined, undefined]);
  });

  it("logs what fails, and runs the rest", async () => {
    const did: string[] = [];
    const { server, call, lines } = world(() => [
      () => Promise.reject(new Error("mail server down")),
      () => void did.push("second"),
    ]);
    expect(errorOf(await call())).toBeUndefined();
    await server.close();
    expect(did).toEqual(["second"]);
    expect(lines).toMatchObject([
      { outcome: "allowed" },
      {
        name: "leave",
        outcome: "failed",
        stage: "after",
        code: "internal",
        cause: new Error("mail server down"),
      },
    ]);
  });

  it("does not begin for a call that failed", async () => {
    const did: string[] = [];
    const { server, call } = world(
      () => [() => void did.push("mailed")],
      () => {
        throw new DeputizeError("conflict", "no");
      },
    );
    expect(errorOf(await call())?.code).toBe("conflict");
    await server.close();
    expect(did).toEqual([]);
  });

  it("is bounded in number", async () => {
    const { call } = world(() => Array.from({ length: 17 }, () => () => {}));
    expect(errorOf(await call())?.code).toBe("limit_exceeded");
  });
});

/** One principal on streams of this process; stdio.slow.test.ts starts real programs. */
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { callerNamed, person, testAuth, tokenOf } from "../../test/world.ts";
import { MCPServer, type MCPServerOptions, type StdioPrincipal, memoryAudit, publicTool } from "../index.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe("over streams of this process", () => {
  function connected(principal: StdioPrincipal, options: Partial<MCPServerOptions> = {}) {
    const audit = memoryAudit();
    const server = new MCPServer({ name: "s", auth: testAuth, audit, ...options });
    server.tool("hello", { description: "h", effect: "read", guards: [publicTool()] }, () => ({ ok: true }));
    const [input, output] = [new PassThrough(), new PassThrough()];
    output.setEncoding("utf8");
    const answers: Record<string, unknown>[] = [];
    output.on("data", (text: string) =>
      answers.push(
        ...text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
      ),
    );
    const say = (message: object) => input.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const answer = async (id: number) => {
      for (;;) {
        const at = answers.findIndex((one) => one["id"] === id);
        if (at >= 0) return answers.splice(at, 1)[0];
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    closing.push(() => server.close());
    return { server, audit, input, say, answer, starting: server.stdio({ principal, input, output }) };
  }
  const alice = { subject: person("alice") };
  const call = (id: number, params: object = { name: "hello" }) => ({ id, method: "tools/call", params });

  it("starts for nobody but a whole principal", async () => {
    const wrong: [unknown, RegExp][] = [
      [undefined, /say for whom it works/],
      [{}, /subject/],
      [{ subject: "alice" }, /\(subject\) is no lower-case UUID/],
      [{ ...alice, session: { id: "s", authenticatedAt: 1 } }, /session/],
      [{ ...alice, roles: "admin" }, /\(roles\)/],
      [{ tokenFrom: "NO_SUCH_VARIABLE" }, /NO_SUCH_VARIABLE is not set/],
    ];
    for (const [principal, why] of wrong)
      await expect(connected(principal as StdioPrincipal).starting).rejects.toThrow(why);
  });

  it("takes no header, argument or note for a principal [PR-F05]", async () => {
    const { starting, server, audit, say, answer } = connected(alice);
    await starting;
    const _meta = { authorization: `Bearer ${tokenOf("bob")}`, subject: person("bob") };
    say(call(1, { name: "hello", _meta }));
    await answer(1);
    expect(audit.entries.map(({ subject }) => subject)).toEqual([person("alice")]);
    // Nor is a request from outside the stated principal's.
    const url = "http://localhost/mcp";
    const outside = new Request(url, {
      method: "POST",
      body: JSON.stringify({ jsonrpc: "2.0", ...call(2) }),
    });
    expect((await server.fetch(outside)).status).toBe(401);
  });

  it("tells a refusal of the edge as the request's own error", async () => {
    const { starting, say, answer } = connected(alice, { maxBodyBytes: 300 });
    await starting;
    say(call(1, { name: "hello", arguments: { long: "x".repeat(400) } }));
    expect(await answer(1)).toMatchObject({
      error: { code: -32000, data: { code: "payload_too_large", request_id: expect.any(String) } },
    });
    say(call(2));
    expect(await answer(2)).toMatchObject({ result: { structuredContent: { ok: true } } });
  });

  it("asks about its token for every message [SR-26]", async () => {
    let good = true;
    const authenticate = async (request: Request) => {
      if (!good || request.headers.get("x-api-key") !== "key-of-alice") throw new Error("revoked");
      return callerNamed("alice");
    };
    process.env["TEST_STDIO_KEY"] = "key-of-alice";
    const { starting, say, answer } = connected(
      { tokenFrom: "TEST_STDIO_KEY", header: "x-api-key" },
      { auth: { name: "keys", authenticate, credentialHeaders: ["x-api-key"] } },
    );
    await starting;
    say(call(1));
    expect(await answer(1)).toHaveProperty("result");
    good = false;
    say(call(2));
    expect(await answer(2)).toMatchObject({ error: { data: { code: "invalid_token" } } });
  });

  it("keeps nothing of a cancelled request of 2025-11-25, which its session never answers", async () => {
    const { starting, server, say, answer } = connected(alice);
    const begun = Promise.withResolvers<void>();
    server.tool("slow", { description: "s", effect: "read", guards: [publicTool()] }, () => {
      begun.resolve();
      return new Promise<never>(() => {});
    });
    await starting;
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    };
    say({ id: 1, method: "initialize", params });
    await answer(1);
    say({ method: "notifications/initialized" });
    say(call(2, { name: "slow" }));
    await begun.promise;
    say({ method: "notifications/cancelled", params: { requestId: 2 } });
    // Its id is free again once nothing of it is left.
    for (let tries = 0; ; tries += 1) {
      say({ id: 1000 + tries, method: "ping" });
      await answer(1000 + tries);
      say(call(2));
      if ((await answer(2))?.["result"]) break;
    }
  });

  it("is the only way into its server", async () => {
    const { starting, server } = connected(alice);
    await starting;
    await expect(server.listen({ port: 0 })).rejects.toThrow(/listening already/);
    await expect(server.stdio({ principal: alice })).rejects.toThrow(/listening already/);
  });
});

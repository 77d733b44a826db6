/** Several authenticators on one server. */
import { DeputizeError } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { callerNamed } from "../../test/world.ts";
import { freshSecret, withToken } from "../../test/tokens.ts";
import { MCPServer, TestClient, publicTool } from "../index.ts";
import { apiKeyAuth } from "./api-key-auth.ts";
import type { Authenticator } from "./authenticator.ts";
import { inOrder } from "./in-order.ts";
import { jwtAuth } from "./jwt-auth.ts";

const key = freshSecret();
const current = jwtAuth({ secret: freshSecret(), audience: "orders", issuer: "https://a.example" });
const previous = jwtAuth({ secret: freshSecret(), audience: "orders", issuer: "https://a.example" });
const keys = apiKeyAuth({ keys: { [key]: { clientId: "job" } }, header: "x-service-key" });
const auth = inOrder([current, previous, keys]);
const withHeaders = (headers: Record<string, string>) => new Request("http://localhost/mcp", { headers });

const failing = (name: string, error: unknown): Authenticator => ({
  name,
  authorizationServers: [`https://${name}.example`],
  authenticate: () => Promise.reject(error),
});

describe("authenticators in order", () => {
  it("asks the next one when one refuses, and keeps the claims of the one that accepted", async () => {
    for (const one of [current, previous]) {
      const caller = await auth.authenticate(withToken(await one.createToken({ sub: "ada", plan: "pro" })));
      expect(caller.clientId).toBe("ada");
      expect(auth.claimsOf?.(caller)).toMatchObject({ plan: "pro" });
    }
    expect((await auth.authenticate(withHeaders({ "x-service-key": key }))).clientId).toBe("job");
    expect(auth.name).toBe("jwt, then jwt, then api key");
  });

  it("stops at the first that accepts", async () => {
    let asked = 0;
    const second: Authenticator = {
      name: "second",
      authenticate: async () => {
        asked += 1;
        return callerNamed("eve");
      },
    };
    const token = await current.createToken({ sub: "ada" });
    expect((await inOrder([current, second]).authenticate(withToken(token))).clientId).toBe("ada");
    expect(asked).toBe(0);
  });

  it("refuses two credentials, though each is good and read by another one [SR-26]", async () => {
    const authorization = `Bearer ${await current.createToken({ sub: "ada" })}`;
    for (const other of [{ "x-service-key": key }, { "x-api-key": key }, { cookie: "s=1" }] as Record<
      string,
      string
    >[])
      await expect(auth.authenticate(withHeaders({ authorization, ...other }))).rejects.toMatchObject({
        code: "invalid_token",
      });
    await expect(
      auth.authenticate(withHeaders({ "x-service-key": key, cookie: "s=1" })),
    ).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("says what is most telling: cannot tell, then wrong, then nothing was sent", async () => {
    const away = failing("away", new DeputizeError("unavailable", "away"));
    const code = (list: Authenticator[], request: Request) =>
      inOrder(list)
        .authenticate(request)
        .catch((error: { code?: string }) => error.code);
    expect(await code([current, keys], withHeaders({}))).toBe("unauthenticated");
    expect(await code([current, keys], withToken("a.b.c"))).toBe("invalid_token");
    expect(await code([keys, current], withToken("a.b.c"))).toBe("invalid_token");
    expect(await code([away, current], withToken("a.b.c"))).toBe("unavailable");
    expect(await code([current, away], withToken("a.b.c"))).toBe("unavailable");
    const good = withToken(await current.createToken({ sub: "ada" }));
    expect((await inOrder([away, current]).authenticate(good)).clientId).toBe("ada");
  });

  it("refuses a list of none at start-up", () => {
    expect(() => new MCPServer({ name: "s", auth: [] })).toThrow(/no authenticator/);
  });

  it("is what a server with a list does, and its metadata names all authorization servers", async () => {
    const list = [
      failing("a", new Error("no")),
      failing("b", new Error("no")),
      failing("a", new Error("no")),
      keys,
    ];
    const server = new MCPServer({ name: "s", auth: list });
    server.tool(
      "me",
      { description: "Me", effect: "read", guards: [publicTool()] },
      (_args, { clientId }) => ({
        clientId,
      }),
    );
    const client = new TestClient(server, { headers: { "x-service-key": key } });
    expect((await client.callTool("me")).structuredContent).toEqual({ clientId: "job" });
    expect(server.explain()[0]?.steps[0]).toBe("authenticate: a, then b, then a, then api key");
    const metadata = await server.fetch(
      new Request("http://localhost/.well-known/oauth-protected-resource/mcp"),
    );
    expect(await metadata.json()).toMatchObject({
      authorization_servers: ["https://a.example", "https://b.example"],
    });
  });
});

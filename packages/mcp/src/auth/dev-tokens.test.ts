/** The development token endpoint: what it gives, and where it is not. */
import { manualClock } from "@deputize/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshSecret } from "../../test/tokens.ts";
import { MCPServer, TestClient, apiKeyAuth, hasRole } from "../index.ts";
import { type DevTokenOptions, devTokens } from "./dev-tokens.ts";
import { jwtAuth } from "./jwt-auth.ts";

const auth = jwtAuth({ secret: freshSecret(), audience: "orders" });
const here = { ipAddress: "127.0.0.1" };

function makeServer(options: Partial<DevTokenOptions> = {}): MCPServer {
  const server = new MCPServer({ name: "s", auth }).devTokenEndpoint({ auth, ...options });
  return server.tool("report", { description: "R", effect: "read", guards: [hasRole("analyst")] }, () => ({
    ok: true,
  }));
}
const ask = (body: unknown, headers: Record<string, string> = {}, url = "http://localhost/dev/token") =>
  new Request(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

afterEach(() => vi.unstubAllEnvs());

describe("devTokenEndpoint", () => {
  it("is off unless it is turned on [PR-F11]", async () => {
    const response = await new MCPServer({ name: "s", auth }).fetch(ask({ sub: "ada" }), here);
    expect(response.status).toBe(404);
  });

  it("gives a token that the server takes, over a real port [PR-F11]", async () => {
    const server = makeServer();
    const { url, close } = await server.listen({ port: 0 });
    const response = await fetch(new URL("/dev/token", url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sub: "ada", roles: ["analyst"] }),
    });
    expect(response.headers.get("cache-control")).toBe("no-store");
    const { access_token, ...rest } = (await response.json()) as { access_token: string };
    expect(rest).toEqual({ token_type: "Bearer", expires_in: 3600 });
    expect(
      (await new TestClient(server, { token: access_token }).callTool("report")).structuredContent,
    ).toEqual({
      ok: true,
    });
    await close();
  });

  it("gives only configured users where there are some, and lets nobody add to them", async () => {
    const server = makeServer({ users: { ada: { roles: ["analyst"] } }, expiresIn: 60 });
    const response = await server.fetch(ask({ sub: "ada" }), here);
    const { access_token } = (await response.json()) as { access_token: string };
    expect(await new TestClient(server, { token: access_token }).listTools()).toHaveLength(1);
    for (const body of [{ sub: "eve" }, { sub: "ada", roles: ["admin"] }, { sub: "toString" }])
      expect((await server.fetch(ask(body), here)).status).toBe(400);
  });

  it.each<[string, Request, { ipAddress?: string }]>([
    ["from another machine", ask({ sub: "ada" }), { ipAddress: "192.0.2.7" }],
    ["from an unknown address", ask({ sub: "ada" }), {}],
    ["passed on by a proxy", ask({ sub: "ada" }, { "x-forwarded-for": "192.0.2.7" }), here],
    ["passed on in another way", ask({ sub: "ada" }, { forwarded: "for=192.0.2.7" }), here],
  ])("does not exist for a request %s [PR-F11]", async (_name, request, info) => {
    const response = await makeServer().fetch(request, info);
    expect([response.status, await response.text()]).toEqual([404, expect.not.stringContaining("eyJ")]);
  });

  it("does not exist under another host name, whatever hosts the server answers to", async () => {
    const server = new MCPServer({ name: "s", auth, allowedHosts: ["localhost", "shop.example"] });
    server.devTokenEndpoint({ auth });
    const rebound = ask({ sub: "ada" }, { host: "shop.example" });
    expect((await server.fetch(rebound, here)).status).toBe(404);
  });

  it("refuses pages of other sites, and bodies that it does not understand", async () => {
    const server = makeServer();
    const status = async (request: Request) => (await server.fetch(request, here)).status;
    expect(await status(ask({ sub: "ada" }, { origin: "https://evil.example" }))).toBe(403);
    expect(await status(ask({ sub: "ada" }, { "content-type": "text/plain" }))).toBe(400);
    expect(await status(ask("not json"))).toBe(400);
    expect(await status(ask({ sub: "ada", iss: "https://id.example" }))).toBe(400);
    expect(await status(ask({ sub: "x".repeat(20_000) }))).toBe(413);
    expect(await status(new Request("http://localhost/dev/token"))).toBe(405);
  });

  it.each(["NODE_ENV", "DEPUTIZE_ENV", "ENVIRONMENT"])("is refused with %s=production [PR-F11]", (name) => {
    vi.stubEnv(name, "production");
    expect(() => makeServer()).toThrow(new RegExp(`refused with ${name}=production; leave the call out`));
    expect(() => devTokens({ auth }, { [name]: "development" })).not.toThrow();
  });

  it("is refused on a server with a public address, and such a server does not leave loopback", async () => {
    const open = new MCPServer({ name: "s", auth, url: "https://shop.example/mcp" });
    expect(() => open.devTokenEndpoint({ auth })).toThrow(/needs a server on loopback/);
    await expect(makeServer().listen({ port: 0, host: "0.0.0.0" })).rejects.toThrow(/bind to 127.0.0.1/);
  });
});

describe("devToken", () => {
  it("makes a short-lived token by the first that can, and none in production [PR-F11]", async () => {
    const clock = manualClock(Date.UTC(2026, 0, 1));
    const timed = jwtAuth({ secret: freshSecret(), audience: "orders", clock });
    const keys = apiKeyAuth({ keys: { [freshSecret()]: { clientId: "nightly" } } });
    const server = new MCPServer({ name: "s", auth: [keys, timed], clock });
    server.tool("report", { description: "R", effect: "read", guards: [hasRole("analyst")] }, () => ({}));
    const client = new TestClient(server, {
      token: await server.devToken({ sub: "ada", roles: ["analyst"] }),
    });
    expect(await client.listTools()).toHaveLength(1);
    clock.advance(15 * 60_000);
    await expect(client.listTools()).rejects.toMatchObject({ code: "invalid_token" });
    const other = new MCPServer({ name: "s", auth: keys });
    await expect(other.devToken({ sub: "ada" })).rejects.toThrow(/makes no tokens/);
    vi.stubEnv("NODE_ENV", "production");
    await expect(server.devToken({ sub: "ada" })).rejects.toThrow(/refused with NODE_ENV=production/);
  });
});

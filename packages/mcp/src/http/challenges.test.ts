/** The exact words of a refusal: RFC 6750 challenges that name RFC 9728 metadata, and nothing about what was wrong. */
import { manualClock } from "@deputize/core";
import { expect, it } from "vitest";
import { freshSecret } from "../../test/tokens.ts";
import { MCPServer, TestClient, hasAllScopes, hasRole, hasScope, jwtAuth, memoryAudit } from "../index.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const auth = jwtAuth({ secret: freshSecret(), audience: "orders", clock });
const audit = memoryAudit();
const server = new MCPServer({
  name: "orders",
  auth,
  audit,
  clock,
  url: "https://shop.example/mcp/orders",
  stepUp: () => ["orders:read", "orders:write", "orders:export"],
});
const tool = (name: string, guard: ReturnType<typeof hasScope>) =>
  server.tool(name, { description: name, effect: "read", guards: [guard] }, () => ({ ok: true }));
tool("list", hasScope("orders:read"));
tool("export", hasAllScopes("orders:read", "orders:export"));
tool("purge", hasScope("orders:purge"));
tool("manage", hasRole("admin"));

const METADATA = 'resource_metadata="https://shop.example/.well-known/oauth-protected-resource/mcp/orders"';
const INVALID = `Bearer error="invalid_token", error_description="the token is not valid here; get a new one", ${METADATA}`;

async function challenge(token: string | undefined, name: string): Promise<[number, string | null]> {
  const client = new TestClient(server, { ...(token !== undefined && { token }) });
  const response = await client.send("tools/call", { name });
  return [response.status, response.headers.get("www-authenticate")];
}

it("without a credential, names the metadata and no error (RFC 6750 §3.1, RFC 9728 §5.1)", async () => {
  expect(await challenge(undefined, "list")).toEqual([401, `Bearer ${METADATA}`]);
});

it("says the same of a malformed, a forged, an expired and a foreign token", async () => {
  const forged = jwtAuth({ secret: freshSecret(), audience: "orders", clock });
  const foreign = jwtAuth({ secret: freshSecret(), audience: "billing", clock });
  const expired = await auth.createToken({ sub: "ada" }, { expiresIn: -1 });
  const tokens = [
    "abc",
    await forged.createToken({ sub: "ada" }),
    expired,
    await foreign.createToken({ sub: "a" }),
  ];
  for (const token of tokens) expect(await challenge(token, "list")).toEqual([401, INVALID]);
});

it("asks for the scopes that this operation still lacks and no others, within reach of step-up [SR-26]", async () => {
  const token = await auth.createToken({ sub: "ada", scope: "orders:write" });
  const wanted = (scope: string) => [403, `Bearer error="insufficient_scope", scope="${scope}", ${METADATA}`];
  expect(await challenge(token, "list")).toEqual(wanted("orders:read"));
  expect(await challenge(token, "export")).toEqual(wanted("orders:read orders:export"));
  const more = await auth.createToken({ sub: "ada", scope: "orders:read" });
  expect(await challenge(more, "export")).toEqual(wanted("orders:export"));
});

it("asks for nothing where no scope within reach would do: that tool does not exist [SR-26]", async () => {
  const token = await auth.createToken({ sub: "ada" });
  const unknown = await challenge(token, "nope");
  expect(unknown[1]).toBeNull();
  for (const name of ["purge", "manage"]) expect(await challenge(token, name)).toEqual(unknown);
});

it("publishes metadata without a token, kept for five minutes, and neither an empty list nor a hidden tool's scope in it (RFC 9728 §3.2)", async () => {
  const url = "https://shop.example/.well-known/oauth-protected-resource/mcp/orders";
  const response = await server.fetch(new Request(url));
  expect(response.headers.get("cache-control")).toBe("max-age=300");
  expect(await response.json()).toEqual({
    resource: "https://shop.example/mcp/orders",
    resource_name: "orders",
    bearer_methods_supported: ["header"],
  });
});

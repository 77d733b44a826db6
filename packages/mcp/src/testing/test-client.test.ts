/** A test with this client must fail wherever the real way of a request would refuse. */
import { expect, it } from "vitest";
import { freshSecret } from "../../test/tokens.ts";
import {
  MCPServer,
  TestClient,
  apiKeyAuth,
  hasRole,
  jwtAuth,
  memoryAudit,
  publicTool,
  rateLimit,
} from "../index.ts";

const audit = memoryAudit();
const jwt = jwtAuth({ secret: freshSecret(), audience: "a" });
const KEY = freshSecret();
const keys = apiKeyAuth({ keys: { [KEY]: { clientId: "nightly" } } });
const server = new MCPServer({
  name: "s",
  auth: [jwt, keys],
  audit,
  middleware: [rateLimit({ perHour: 3 })],
});
const read = { effect: "read", guards: [publicTool()] } as const;
server.tool("seen", { ...read, description: "What came" }, (_args, { client, requestId }) => ({
  who: client.clientId,
  agent: client.userAgent,
  address: client.ipAddress,
  requestId,
}));
server.tool("admin", { description: "a", effect: "read", guards: [hasRole("admin")] }, () => ({}));
server.resource("about", { ...read, description: "r", uri: "s://über" }, () => ({
  text: "here",
}));

it("sends the headers that it was given, through authentication, guards and audit [PR-F30]", async () => {
  const headers = { "x-api-key": KEY, "user-agent": "nightly/1", "x-request-id": "theirs-1" };
  const client = new TestClient(server, { headers, ipAddress: "192.0.2.7" });
  const { structuredContent } = await client.callTool("seen");
  expect(structuredContent).toMatchObject({ who: "nightly", agent: "nightly/1", address: "192.0.2.7" });
  await expect(client.callTool("admin")).rejects.toMatchObject({ code: -32602 });
  expect(audit.entries).toMatchObject([
    {
      resource: "s/seen",
      outcome: "allowed",
      requestId: structuredContent?.["requestId"],
      detail: { client_request_id: "theirs-1" },
    },
    { resource: "s/admin", outcome: "refused", reason: "forbidden" },
  ]);
});

it("is refused as anybody would be: no credential, two, a foreign Host or Origin [PR-F30] [SR-26]", async () => {
  const token = await jwt.createToken({ sub: "ada" });
  const status = async (options: ConstructorParameters<typeof TestClient>[1]) =>
    (await new TestClient(server, options).send("tools/list")).status;
  expect(await status({ token })).toBe(200);
  expect(await status({})).toBe(401);
  expect(await status({ token, headers: { "x-api-key": KEY } })).toBe(401);
  expect(await status({ token, headers: { host: "evil.example" } })).toBe(403);
  expect(await status({ token, headers: { origin: "https://evil.example" } })).toBe(403);
});

it("reads what has letters of any language in its name, and meets the limits [PR-F30]", async () => {
  const client = new TestClient(server, { token: await jwt.createToken({ sub: "bo" }) });
  expect((await client.readResource("s://über")).contents[0]).toMatchObject({ text: "here" });
  await client.callTool("seen");
  await client.callTool("seen");
  await expect(client.callTool("seen")).rejects.toMatchObject({ code: "rate_limited" });
});

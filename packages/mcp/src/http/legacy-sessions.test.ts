/** Sessions of clients of the previous revision, message by message. */
import { expect, it } from "vitest";
import { smallServer } from "../../test/servers.ts";
import { tokenOf } from "../../test/world.ts";
import { hasRole, publicTool } from "../index.ts";

it("lets nobody listen to a resource that they may not read, even where nothing is hidden [PR-D11]", async () => {
  const { server } = smallServer({ sessions: true, hideUnauthorized: false });
  server
    .resource("terms", { uri: "test://terms", description: "t", guards: [publicTool()] }, () => ({
      text: "",
    }))
    .resource("keys", { uri: "test://keys", description: "k", guards: [hasRole("admin")] }, () => ({
      text: "",
    }));
  const post = async (spec: string, message: object, session?: string) => {
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${tokenOf(spec)}`,
      ...(session !== undefined && { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" }),
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, ...message });
    const response = await server.fetch(
      new Request("http://localhost/mcp", { method: "POST", headers, body }),
    );
    return { session: response.headers.get("mcp-session-id") ?? "", text: await response.text() };
  };
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "raw", version: "1" },
  };
  const asked = async (spec: string, uri: string) => {
    const { session } = await post(spec, { method: "initialize", params });
    const { text } = await post(spec, { method: "resources/subscribe", params: { uri } }, session);
    return text.replaceAll(uri, "URI");
  };
  const none = await asked("bob", "test://none");
  expect(none).toContain("not found");
  expect(await asked("bob", "test://keys")).toBe(none);
  for (const [spec, uri] of [
    ["bob", "test://terms"],
    ["ada+admin", "test://keys"],
  ] as const)
    expect(await asked(spec, uri)).toContain('"result":{}');
  await server.close();
});

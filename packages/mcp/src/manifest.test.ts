import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { NOTE, type World, clientOf, openWorld } from "../test/world.ts";
import { type MCPServer, hasRole, publicTool } from "./index.ts";

let world: World;
let server: MCPServer;
beforeAll(async () => {
  world = await openWorld();
  server = world.server({ manifest: true, version: "2.0.0" });
  const guards = [publicTool()];
  server.tool("look", { description: "Look", effect: "read", guards }, () => ({}));
  server.tool(
    "wipe",
    {
      description: "Wipe",
      title: "Wipe it",
      effect: "sensitive",
      guards: [hasRole("admin")],
      input: { note: z.string() },
      preview: async () => ({ summary: "wipes" }),
    },
    () => ({}),
  );
  server.tool(
    "stamp",
    { description: "Stamp", effect: "write", guards, approval: { exempt: "no one is harmed by a stamp" } },
    () => ({}),
  );
  server.resourceTemplate(
    "note",
    { description: "A note", uriTemplate: "note://{id}", guards: [hasRole("admin")] },
    () => ({ text: NOTE.alice }),
  );
  server.prompt("greet", { description: "Greet", guards }, () => "hello");
});
afterAll(() => world.close());

const read = async (spec: string) => {
  const { contents, _meta } = await clientOf(server, spec).readResource("deputize://manifest");
  return { manifest: JSON.parse(contents[0]?.text ?? ""), mimeType: contents[0], _meta };
};

it("tells each caller what it may use, with effects and what may wait, and nothing of the rest [PR-F01]", async () => {
  const { manifest } = await read("alice");
  expect(manifest.server).toEqual({ name: expect.any(String), version: "2.0.0" });
  const names = (kind: string) => manifest[kind].map((one: { name: string }) => one.name);
  expect([names("tools"), names("resources"), names("prompts")]).toEqual([["look", "stamp"], [], ["greet"]]);
  expect(JSON.stringify(manifest)).not.toMatch(/wipe|note:/i);

  const admin = (await read("alice+admin")).manifest;
  expect(admin.tools).toContainEqual({
    name: "wipe",
    title: "Wipe it",
    description: "Wipe",
    effect: "sensitive",
    may_wait_for_approval: true,
  });
  expect(admin.tools[0]).toMatchObject({ name: "look", effect: "read", may_wait_for_approval: false });
  expect(admin.resources).toEqual([expect.objectContaining({ name: "note", uri: "note://{id}" })]);
});

it("is read under the same rules as any resource [PR-F01]", async () => {
  const before = world.events.length;
  const { _meta } = await read("bob");
  expect(_meta?.["deputize/label"]).toMatchObject({ integrity: "trusted" });
  expect(world.events.slice(before)).toMatchObject([{ action: "resource.read", outcome: "allowed" }]);
});

it("is not there unless it was asked for", async () => {
  const plain = world.server();
  plain.resource("about", { description: "a", uri: "note://about", guards: [publicTool()] }, () => ({
    text: "a",
  }));
  await expect(clientOf(plain, "alice").readResource("deputize://manifest")).rejects.toThrow();
});

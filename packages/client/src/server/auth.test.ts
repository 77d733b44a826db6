import { describe, expect, it } from "vitest";
import { type ServerAuth, basicAuth, bearerAuth, headerAuth } from "./auth.ts";
import { AgentServerClient, type AgentServerClientOptions } from "./client.ts";
import { answer, scripted } from "./scripted.fixture.ts";

const pong = answer("pong");

describe("a client with two identities at once", () => {
  it.each<[string, Partial<AgentServerClientOptions>]>([
    ["auth and authToken", { auth: bearerAuth("a"), authToken: "b" }],
    ["auth and a header", { auth: bearerAuth("a"), headers: { authorization: "Bearer b" } }],
    ["authToken and an API key", { authToken: "a", headers: { "X-API-Key": "b" } }],
    ["a header and another", { headers: { Authorization: "Bearer a", Cookie: "session=b" } }],
    ["a token and cookies", { auth: bearerAuth("a"), credentials: "include" }],
    ["basic and a provider", { auth: basicAuth("a", "b"), authToken: async () => "c" }],
  ])("is not made: %s [AF-D23]", (_name, options) => {
    expect(() => new AgentServerClient({ baseUrl: "http://agent.example", ...options })).toThrow(
      expect.objectContaining({ code: "config_invalid", message: expect.stringContaining("two identities") }),
    );
  });

  it("is made with one, however it is said, and with none", () => {
    for (const options of [
      {},
      { auth: null, authToken: null },
      { authToken: "a" },
      { headers: { "X-App": "1", Authorization: "Bearer a" } },
      { credentials: "include" as const },
    ]) {
      expect(new AgentServerClient({ baseUrl: "http://agent.example/", ...options }).baseUrl).toBe(
        "http://agent.example",
      );
    }
  });
});

it.each<[ServerAuth, string, string]>([
  [bearerAuth("t.o.k"), "authorization", "Bearer t.o.k"],
  [bearerAuth(async () => "fresh"), "authorization", "Bearer fresh"],
  [basicAuth("ann", "pass:wörd"), "authorization", "Basic YW5uOnBhc3M6d8O2cmQ="],
  [headerAuth("X-API-Key", "dp_live_1"), "x-api-key", "dp_live_1"],
  [headerAuth("Authorization", "k", "ApiKey"), "authorization", "ApiKey k"],
])("sends %j in its header, and in no address", async (auth, name, value) => {
  const { client, sent } = scripted([pong], { auth });
  expect((await client.ping()).data).toBe("pong");
  expect(sent[0]?.headers.get(name)).toBe(value);
  expect(sent[0]?.url).toBe("http://agent.example/ping");
  expect(sent[0]?.redirect).toBe("error");
  expect(sent[0]?.credentials).toBe("omit");
});

it.each([
  "http://user:pw@agent.example",
  "http://agent.example?token=a",
  "http://agent.example#a",
  "file:///x",
])("is not made for the address %s", (baseUrl) => {
  expect(() => new AgentServerClient({ baseUrl })).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
});

it.each([
  () => bearerAuth("two words"),
  () => bearerAuth(""),
  () => basicAuth("a:b", "c"),
  () => headerAuth("X Y", "v"),
  () => headerAuth("X-Key", "line\nbreak"),
])("refuses a credential that no header can hold", (make) => {
  expect(() => new AgentServerClient({ baseUrl: "http://agent.example", auth: make() })).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
});

it("refuses what a provider gives that is no token, before anything is sent", async () => {
  const { client, sent } = scripted([pong], { auth: bearerAuth(async () => undefined as unknown as string) });
  await expect(client.ping()).rejects.toMatchObject({ code: "config_invalid" });
  expect(sent).toEqual([]);
});

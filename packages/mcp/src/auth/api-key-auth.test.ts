/** API keys: what is kept of them, whom they stand for, and how they end. */
import { type ManualClock, manualClock } from "@deputize/core";
import { beforeEach, describe, expect, it } from "vitest";
import { freshSecret } from "../../test/tokens.ts";
import { MCPServer, TestClient, hasRole, hasScope } from "../index.ts";
import { type ApiKeyClient, apiKeyAuth, apiKeyDigest } from "./api-key-auth.ts";

const admin = freshSecret();
const reader = freshSecret();
const keys: Record<string, ApiKeyClient> = {
  [admin]: { clientId: "admin-agent", roles: ["admin"], scopes: ["read", "write"], tenant: "acme" },
  [reader]: { clientId: "reader-agent", scopes: ["read"], expiresAt: "2026-11-22T01:00:00Z" },
};
const REFUSED = { code: "invalid_token", message: "the token is not valid here; get a new one" };
let clock: ManualClock;

beforeEach(() => {
  clock = manualClock(Date.UTC(2026, 10, 22));
});

const request = (headers: Record<string, string>) => new Request("http://localhost/mcp", { headers });
const withKey = (key: string) => request({ "x-api-key": key });

describe("apiKeyAuth", () => {
  it("makes a caller of a key: client, roles, scopes, tenant [PR-F09]", async () => {
    const auth = apiKeyAuth({ keys, clock });
    const caller = await auth.authenticate(withKey(admin));
    expect(caller).toMatchObject({
      clientId: "admin-agent",
      roles: ["admin"],
      scopes: ["read", "write"],
      tenant: "acme",
      subjectKind: "service",
    });
    expect(JSON.stringify([caller, auth.claimsOf?.(caller)])).not.toContain(admin);
    const again = await apiKeyAuth({ keys, clock }).authenticate(withKey(admin));
    expect(again.subject).toBe(caller.subject);
    expect((await auth.authenticate(withKey(reader))).subject).not.toBe(caller.subject);
  });

  it("passes guards of scopes and roles by what the key holds [PR-D17]", async () => {
    const server = new MCPServer({ name: "s", auth: apiKeyAuth({ keys, clock }), clock });
    const tool = (name: string, guard: ReturnType<typeof hasScope>) =>
      server.tool(name, { description: name, effect: "read", guards: [guard] }, () => ({ ok: true }));
    tool("look", hasScope("read"));
    tool("change", hasScope("write"));
    tool("manage", hasRole("admin"));
    const seenBy = async (key: string) =>
      (await new TestClient(server, { headers: { "x-api-key": key } }).listTools()).map((one) => one.name);
    expect(await seenBy(admin)).toEqual(["look", "change", "manage"]);
    expect(await seenBy(reader)).toEqual(["look"]);
    await expect(seenBy(freshSecret())).rejects.toMatchObject({ code: "invalid_token" });
  });

  it.each<[string, Record<string, string>]>([
    ["an unknown key", { "x-api-key": freshSecret() }],
    ["a key with more behind it", { "x-api-key": `${admin}0` }],
    ["the beginning of a key", { "x-api-key": admin.slice(0, -1) }],
    ["a key in capitals", { "x-api-key": admin.toUpperCase() }],
    ["an empty key", { "x-api-key": "" }],
    ["two keys", { "x-api-key": `${admin}, ${reader}` }],
    ["a very long key", { "x-api-key": "k".repeat(10_000) }],
    ["the key's digest", { "x-api-key": apiKeyDigest(admin, freshSecret()) }],
    ["a name of Object.prototype", { "x-api-key": "__proto__" }],
  ])("refuses %s", async (_name, headers) => {
    await expect(apiKeyAuth({ keys, clock }).authenticate(request(headers))).rejects.toMatchObject(REFUSED);
  });

  it("refuses a key beside another credential, and asks for one where there is none [SR-26]", async () => {
    const auth = apiKeyAuth({ keys, clock });
    for (const other of [{ authorization: "Bearer x" }, { cookie: "s=1" }])
      await expect(auth.authenticate(request({ "x-api-key": admin, ...other }))).rejects.toMatchObject({
        code: "invalid_token",
        message: "send one credential, not two",
      });
    await expect(auth.authenticate(request({}))).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("ends a key at its time, and a stream with it [PR-D17]", async () => {
    const auth = apiKeyAuth({ keys, clock });
    const end = Date.UTC(2026, 10, 22, 1) / 1000;
    expect((await auth.authenticate(withKey(reader))).token?.expiresAt).toBe(end);
    clock.advance(3_600_000);
    await expect(auth.authenticate(withKey(reader))).rejects.toMatchObject(REFUSED);
    expect((await auth.authenticate(withKey(admin))).clientId).toBe("admin-agent");
  });

  it("changes a client's key without a pause: both stand for the same subject for a while [PR-D17]", async () => {
    const next = freshSecret();
    const auth = apiKeyAuth({
      keys: {
        [reader]: { clientId: "reader-agent", expiresAt: "2026-11-22T00:10:00Z" },
        [next]: { clientId: "reader-agent" },
      },
      clock,
    });
    const [a, b] = [await auth.authenticate(withKey(reader)), await auth.authenticate(withKey(next))];
    expect(a.subject).toBe(b.subject);
    expect(auth.claimsOf?.(a)?.["api_key"]).not.toBe(auth.claimsOf?.(b)?.["api_key"]);
    clock.advance(600_000);
    await expect(auth.authenticate(withKey(reader))).rejects.toMatchObject(REFUSED);
    expect((await auth.authenticate(withKey(next))).subject).toBe(a.subject);
  });

  it("reads another header, or the scheme ApiKey [PR-F09]", async () => {
    const named = apiKeyAuth({ keys, clock, header: "X-Service-Key" });
    expect((await named.authenticate(request({ "x-service-key": admin }))).clientId).toBe("admin-agent");
    await expect(
      named.authenticate(request({ "x-service-key": admin, "x-api-key": reader })),
    ).rejects.toMatchObject({
      code: "invalid_token",
    });
    const scheme = apiKeyAuth({ keys, clock, header: "authorization" });
    expect((await scheme.authenticate(request({ authorization: `ApiKey ${admin}` }))).clientId).toBe(
      "admin-agent",
    );
    for (const authorization of [admin, `Bearer ${admin}`, `ApiKey ${admin} ${reader}`])
      await expect(scheme.authenticate(request({ authorization }))).rejects.toMatchObject(REFUSED);
  });

  it.each<[string, Record<string, ApiKeyClient>, RegExp]>([
    ["a short key", { "key-admin-abc": { clientId: "a" } }, /32 to 512 plain characters; make one/],
    ["a key with a space", { [`${"k".repeat(40)} x`]: { clientId: "a" } }, /plain characters/],
    ["an unknown field", { [admin]: { clientId: "a", role: "admin" } as never }, /role/],
    ["a time without a zone", { [admin]: { clientId: "a", expiresAt: "2026-11-22" } }, /expiresAt/],
    ["no keys", {}, /at least one key/],
  ])("refuses %s at start-up, and never shows a key", (_name, given, message) => {
    const start = () => apiKeyAuth({ keys: given });
    expect(start).toThrow(message);
    for (const key of Object.keys(given)) expect(start).not.toThrow(key);
  });
});

describe("keys kept elsewhere", () => {
  const hashKey = freshSecret();

  it("finds a client by the keyed hash; what is stored holds no key and opens nothing [PR-D17]", async () => {
    const table = new Map<string, ApiKeyClient>([
      [apiKeyDigest(admin, hashKey), { clientId: "admin-agent", scopes: ["read"] }],
    ]);
    const dump = JSON.stringify([...table]);
    expect(dump).not.toContain(admin);
    const auth = apiKeyAuth({ hashKey, lookup: (digest) => table.get(digest), clock });
    expect((await auth.authenticate(withKey(admin))).scopes).toEqual(["read"]);
    const [digest = ""] = table.keys();
    await expect(auth.authenticate(withKey(digest))).rejects.toMatchObject(REFUSED);
    const otherHashKey = apiKeyAuth({ hashKey: freshSecret(), lookup: (one) => table.get(one), clock });
    await expect(otherHashKey.authenticate(withKey(admin))).rejects.toMatchObject(REFUSED);
    table.delete(digest);
    await expect(auth.authenticate(withKey(admin))).rejects.toMatchObject(REFUSED);
  });

  it("refuses when the store fails, or answers nonsense", async () => {
    const failing = apiKeyAuth({ hashKey, lookup: () => Promise.reject(new Error("down")) });
    await expect(failing.authenticate(withKey(admin))).rejects.toMatchObject(REFUSED);
    const odd = apiKeyAuth({ hashKey, lookup: () => ({ clientId: "" }) });
    await expect(odd.authenticate(withKey(admin))).rejects.toMatchObject(REFUSED);
    expect(() => apiKeyAuth({ hashKey: "short", lookup: () => undefined })).toThrow(/32 bytes/);
  });
});

/** Against an identity provider on a real port: discovery, rotation, and what it can be made to do to us. */
import { type ManualClock, manualClock } from "@deputize/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type IdentityProvider, openIdentityProvider } from "../../test/identity-provider.ts";
import { REFUSED, freshSecret, keyPair, secretOf, signToken, withToken } from "../../test/tokens.ts";
import { MCPServer, TestClient, publicTool } from "../index.ts";
import { type JwksAuth, type JwksAuthOptions, jwksAuth } from "./jwks-auth.ts";

let provider: IdentityProvider;
let clock: ManualClock;
let now: number;

beforeEach(async () => {
  provider = await openIdentityProvider();
  clock = manualClock(Date.UTC(2026, 10, 22));
  now = Math.floor(clock.nowMs() / 1000);
});
afterEach(() => provider.close());

const make = (options: Partial<JwksAuthOptions> = {}) =>
  jwksAuth({ issuer: provider.issuer, audience: "orders", clock, ...options });
const claims = (more: object = {}) => ({
  iss: provider.issuer,
  aud: "orders",
  sub: "user-42",
  exp: now + 3600,
  ...more,
});
const token = (header: Record<string, unknown> = {}) => provider.sign(claims(), header);
const who = async (auth: JwksAuth, text: string) => (await auth.authenticate(withToken(text))).clientId;
const times = (path: string) => provider.asked.get(path) ?? 0;

describe("discovery", () => {
  it("finds the keys by the provider's own metadata and asks once [PR-F08]", async () => {
    const auth = make();
    await auth.ready();
    for (let i = 0; i < 5; i += 1)
      expect(await who(auth, await provider.sign(claims({ jti: `${i}` })))).toBe("user-42");
    expect(times("/.well-known/openid-configuration")).toBe(1);
    expect(times("/keys")).toBe(1);
    expect(auth.authorizationServers).toEqual([provider.issuer]);
  });

  it("asks once for many callers at the same moment [PR-F08]", async () => {
    const auth = make();
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, i) => provider.sign(claims({ jti: `${i}` }))),
    );
    await Promise.all(tokens.map((one) => auth.authenticate(withToken(one))));
    expect(times("/keys")).toBe(1);
  });

  it("finds RFC 8414 metadata, and that of an issuer with a path [PR-F08]", async () => {
    const answer = { issuer: provider.issuer, jwks_uri: `${provider.issuer}/keys` };
    provider.answer("/.well-known/oauth-authorization-server", (_request, response) => {
      response.end(JSON.stringify(answer));
    });
    expect(await who(make(), await token())).toBe("user-42");
    expect(times("/.well-known/openid-configuration")).toBe(0);

    const realm = await openIdentityProvider({ path: "/realms/shop" });
    const auth = jwksAuth({ issuer: realm.issuer, audience: "orders", clock });
    expect(await who(auth, await realm.sign({ ...claims(), iss: realm.issuer }))).toBe("user-42");
    expect(realm.asked.get("/.well-known/oauth-authorization-server/realms/shop")).toBe(1);
    expect(realm.asked.get("/realms/shop/.well-known/openid-configuration")).toBe(1);
    await realm.close();
  });

  it("needs none with `jwksUri` [PR-F08]", async () => {
    expect(await who(make({ jwksUri: `${provider.issuer}/keys` }), await token())).toBe("user-42");
    expect([...provider.asked.keys()]).toEqual(["/keys"]);
  });

  it.each<[string, object]>([
    ["of another issuer", { issuer: "https://evil.example" }],
    ["whose issuer differs by a slash", { issuer: "SLASH" }],
    ["without an issuer", { issuer: undefined }],
    ["without keys", { jwks_uri: undefined }],
    ["with keys in the clear elsewhere", { jwks_uri: "http://id.example/keys" }],
    ["with keys in a file", { jwks_uri: "file:///etc/passwd" }],
    ["with credentials in the address", { jwks_uri: "https://me:you@id.example/keys" }],
  ])("refuses metadata %s, and answers 503 and no yes [PR-F08]", async (_name, more) => {
    const document = { issuer: provider.issuer, jwks_uri: `${provider.issuer}/keys`, ...more };
    if (document.issuer === "SLASH") document.issuer = `${provider.issuer}/`;
    provider.answer("/.well-known/openid-configuration", (_request, response) => {
      response.end(JSON.stringify(document));
    });
    await expect(who(make(), await token())).rejects.toMatchObject({ code: "unavailable" });
    expect(times("/keys")).toBe(0);
  });

  it.each<[string, Partial<JwksAuthOptions>, RegExp]>([
    ["an issuer in the clear", { issuer: "http://id.example" }, /https/],
    ["an issuer that is no address", { issuer: "id" }, /https/],
    ["an issuer with a query", { issuer: "https://id.example?x=1" }, /query/],
    ["keys in the clear", { jwksUri: "http://id.example/keys" }, /https/],
    ["no audience", { audience: "" }, /audience/],
    ["a shared-secret algorithm", { algorithms: ["HS256"] as never }, /`algorithms` is a list/],
  ])("refuses %s at start-up", (_name, options, message) => {
    expect(() => make(options)).toThrow(message);
  });
});

describe("bounds on what a provider can do", () => {
  it.each<[string, Parameters<IdentityProvider["answer"]>[1]]>([
    ["a redirect", (_request, response) => response.writeHead(302, { location: "/keys-2" }).end()],
    ["an error", (_request, response) => response.writeHead(500).end()],
    ["no JSON", (_request, response) => response.end("<html>")],
    ["no key set", (_request, response) => response.end("[]")],
    ["a body without end", (_request, response) => response.end(`{"keys":[],"x":"${"x".repeat(300_000)}"}`)],
    ["a cut connection", (request) => request.destroy()],
  ])("refuses %s as keys", async (_name, answer) => {
    provider.answer("/keys", answer);
    await expect(who(make(), await token())).rejects.toMatchObject({
      code: "unavailable",
      retryAfterSeconds: 1,
    });
    expect(times("/keys-2")).toBe(0);
  });

  it("gives up on a provider that never answers", async () => {
    const never: typeof fetch = (_url, init) =>
      new Promise((_resolve, reject) => {
        const { signal } = init ?? {};
        expect(signal).toBeInstanceOf(AbortSignal);
        expect(init?.redirect).toBe("manual");
        reject(new DOMException("late", "TimeoutError"));
      });
    await expect(make({ fetch: never }).ready()).rejects.toMatchObject({ code: "unavailable" });
  });

  it("does not ask a failing provider more than once a second", async () => {
    provider.answer("/keys", (_request, response) => response.writeHead(500).end());
    const auth = make();
    const text = await token();
    for (let i = 0; i < 5; i += 1)
      await expect(who(auth, text)).rejects.toMatchObject({ code: "unavailable" });
    expect(times("/keys")).toBe(1);
    provider.answer("/keys", undefined);
    clock.advance(1000);
    expect(await who(auth, text)).toBe("user-42");
  });

  it("tries no more than eight keys for a token that names none", async () => {
    const pairs = Array.from({ length: 9 }, () => keyPair("ES256"));
    const set = pairs.map(({ publicKey }, i) => ({ ...publicKey.export({ format: "jwk" }), kid: `k${i}` }));
    const [first] = pairs;
    const unnamed = await signToken(claims(), first?.privateKey ?? expect.fail(), { alg: "ES256" });
    provider.publish(set);
    await expect(who(make(), unnamed)).rejects.toMatchObject(REFUSED);
    provider.publish(set.slice(0, 8));
    expect(await who(make(), unnamed)).toBe("user-42");
  });

  it("passes over members that are no signature keys, and refuses two of one name", async () => {
    const [a, b] = [keyPair("ES256"), keyPair("ES256")];
    const jwk = (pair: typeof a, more: object) => ({ ...pair.publicKey.export({ format: "jwk" }), ...more });
    const secret = freshSecret();
    provider.publish([
      null,
      "text",
      { kty: "oct", kid: "hs", k: Buffer.from(secret).toString("base64url") },
      jwk(a, { kid: "twice" }),
      jwk(b, { kid: "twice" }),
      jwk(a, { kid: "enc", use: "enc" }),
      jwk(a, { kid: "ops", key_ops: ["sign"] }),
      jwk(a, { kid: "other-alg", alg: "ES384" }),
      { ...a.privateKey.export({ format: "jwk" }), kid: "private" },
      jwk(a, { kid: "good" }),
    ]);
    const auth = make();
    const by = (kid: string) => signToken(claims(), a.privateKey, { alg: "ES256", kid });
    expect(await who(auth, await by("good"))).toBe("user-42");
    for (const kid of ["twice", "enc", "ops", "other-alg", "private", "hs"])
      await expect(who(auth, await by(kid)), kid).rejects.toMatchObject(REFUSED);
    const shared = await signToken(claims(), secretOf(secret), { alg: "HS256", kid: "hs" });
    await expect(who(auth, shared)).rejects.toMatchObject(REFUSED);
  });
});

describe("rotation", () => {
  it("takes a new key at once, and drops the old one with the tokens it made [PR-F08]", async () => {
    const auth = make();
    const old = await token();
    expect(await who(auth, old)).toBe("user-42");
    clock.advance(1000);
    provider.rotate("key-2");
    expect(await who(auth, await token())).toBe("user-42");
    expect(times("/keys")).toBe(2);
    // The set was read anew, so the old key is gone already, and with it what was verified by it.
    clock.advance(1000);
    await expect(who(auth, old)).rejects.toMatchObject(REFUSED);
  });

  it("forgets a key that was taken away within 300 s, cached tokens included [PR-F08]", async () => {
    const auth = make();
    const text = await token();
    expect(await who(auth, text)).toBe("user-42");
    provider.publish([]);
    clock.advance(300_000);
    expect(await who(auth, text)).toBe("user-42");
    clock.advance(1);
    await expect(who(auth, text)).rejects.toMatchObject(REFUSED);
  });

  it("answers 503 when keys grow old and the provider is away, for cached tokens too", async () => {
    const auth = make();
    const text = await token();
    expect(await who(auth, text)).toBe("user-42");
    provider.answer("/keys", (_request, response) => response.writeHead(503).end());
    clock.advance(300_001);
    await expect(who(auth, text)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("asks for one unknown kid once a minute, and for all of them once a second [PR-F08]", async () => {
    const auth = make();
    await auth.ready();
    const stranger = keyPair("ES256");
    const by = (kid: string) => signToken(claims(), stranger.privateKey, { alg: "ES256", kid });
    const refuse = async (kid: string) => expect(who(auth, await by(kid))).rejects.toMatchObject(REFUSED);
    clock.advance(1000);
    for (const kid of ["x1", "x1", "x2", "x3"]) await refuse(kid);
    expect(times("/keys")).toBe(2);
    clock.advance(1000);
    await refuse("x1");
    expect(times("/keys")).toBe(2);
    await refuse("x2");
    expect(times("/keys")).toBe(3);
    clock.advance(59_000);
    await refuse("x1");
    expect(times("/keys")).toBe(4);
    expect(await who(auth, await token())).toBe("user-42");
  });

  it("goes on with known keys when asking for an unknown one fails", async () => {
    const auth = make();
    const text = await token();
    expect(await who(auth, text)).toBe("user-42");
    provider.answer("/keys", (_request, response) => response.writeHead(500).end());
    clock.advance(1000);
    await expect(who(auth, await token({ kid: "unknown" }))).rejects.toMatchObject(REFUSED);
    expect(await who(auth, text)).toBe("user-42");
  });
});

it("a server with it answers 200, 401 and 503 as it should", async () => {
  const server = new MCPServer({ name: "s", auth: make(), clock });
  server.tool("me", { description: "Me", effect: "read", guards: [publicTool()] }, (_args, { clientId }) => ({
    clientId,
  }));
  const client = (text: string) => new TestClient(server, { token: text });
  expect((await client(await token()).callTool("me")).structuredContent).toEqual({ clientId: "user-42" });
  const forged = await signToken(claims(), keyPair("ES256").privateKey, { alg: "ES256", kid: "key-1" });
  expect((await client(forged).send("tools/list")).status).toBe(401);
  clock.advance(300_001);
  provider.answer("/keys", (_request, response) => response.writeHead(500).end());
  const away = await client(await token()).send("tools/list");
  expect([away.status, away.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(server.protectedResourceMetadata()["authorization_servers"]).toEqual([provider.issuer]);
});

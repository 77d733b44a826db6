/** Refused sign-ins: one answer for whoever sent a credential, the reason for whoever runs the server. */
import { type Caller, DeputizeError, manualClock } from "@deputize/core";
import { describe, expect, it } from "vitest";
import { freshSecret, secretOf, signToken } from "../test/tokens.ts";
import { callerNamed } from "../test/world.ts";
import {
  type Authenticator,
  type CallLogLine,
  MCPServer,
  type MCPServerOptions,
  TestClient,
  apiKeyAuth,
  hasRole,
  hasScope,
  jwtAuth,
  logging,
  publicTool,
} from "./index.ts";

const clock = manualClock(Date.UTC(2026, 10, 22));
const now = Math.floor(clock.nowMs() / 1000);
const secret = freshSecret();
const issuer = "https://id.example";
const jwt = jwtAuth({ secret, audience: "orders", issuer, clock });
/** Somebody whose name must be in no line. */
const good = { iss: issuer, aud: "orders", sub: "ada.lovelace", exp: now + 60, jti: "id-of-a-token" };
const token = (claims: object, header = {}, key = secret) =>
  signToken({ ...good, ...claims }, secretOf(key), { alg: "HS256", typ: "JWT", ...header });

function serverWith(auth: MCPServerOptions["auth"], more: Partial<MCPServerOptions> = {}) {
  const lines: CallLogLine[] = [];
  const server = new MCPServer({ name: "orders", auth, clock, ...more });
  server
    .use(logging((line) => lines.push(line)))
    .tool("open", { description: "o", effect: "read", guards: [publicTool()] }, () => ({}))
    .tool("admin", { description: "a", effect: "read", guards: [hasRole("admin")] }, () => ({}))
    .tool("export", { description: "e", effect: "read", guards: [hasScope("orders:export")] }, () => ({}));
  const send = async (headers: Record<string, string>, tool = "open") => {
    const client = new TestClient(server, { headers, ipAddress: "192.0.2.7" });
    const response = await client.send("tools/call", { name: tool });
    const text = (await response.text()).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");
    return { status: response.status, challenge: response.headers.get("www-authenticate"), text };
  };
  const bearer = (one: string, tool?: string) => send({ authorization: `Bearer ${one}` }, tool);
  return { server, lines, send, bearer };
}

describe("the log of refused sign-ins", () => {
  const revoked = jwtAuth({ secret, audience: "orders", issuer, clock, isRevoked: () => true });
  const asking = jwtAuth({
    secret,
    audience: "orders",
    issuer,
    clock,
    isRevoked: () => {
      throw new Error("ada.lovelace: the database is away");
    },
  });
  it.each<[string, string, () => Promise<string>, Authenticator?]>([
    ["expired", "the token has expired", () => token({ exp: now - 1 })],
    ["not valid yet", "the token is not valid yet", () => token({ nbf: now + 9 })],
    ["of the future", "the token was issued in the future", () => token({ iat: now + 9 })],
    ["of another issuer", "the token is of another issuer", () => token({ iss: "https://evil.example" })],
    ["for another audience", "the token is for another audience", () => token({ aud: "billing" })],
    ["forged", "no key of the issuer made this signature", () => token({}, {}, freshSecret())],
    ["by another algorithm", "the algorithm is not accepted", () => token({}, { alg: "HS512" })],
    ["of another type", "the type is not accepted", () => token({}, { typ: "secevent+jwt" })],
    [
      "with a key of its own",
      "the header brings a key or an extension",
      () => token({}, { jku: "https://e" }),
    ],
    ["without an end", "a claim is missing or of another form: exp", () => token({ exp: undefined })],
    ["bound to a key", "a claim is missing or of another form: cnf", () => token({ cnf: { jkt: "x" } })],
    ["without a subject", "a claim is missing or of another form: one", () => token({ sub: undefined })],
    ["of half a character", "a claim is missing or of another form: one", () => token({ sub: "ada\ud800" })],
    ["revoked", "the token is revoked", () => token({}), revoked],
    ["without an id", "the token has no id to ask about", () => token({ jti: undefined }), revoked],
    ["not to be asked about", "`isRevoked` threw", () => token({}), asking],
    ["no token at all", "the token is not a signed token of this authority", async () => "abc"],
  ])("names the reason, and its sender hears what all hear: %s", async (_name, reason, make, auth = jwt) => {
    const { lines, bearer } = serverWith(auth);
    const sent = await make();
    const heard = await bearer(sent);
    expect(heard).toMatchObject({ status: 401 });
    expect(heard).toEqual(await bearer("a.b.c"));
    expect(lines[0]).toEqual({
      server: "orders",
      kind: "sign-in",
      name: "jwt",
      requestId: expect.any(String),
      outcome: "refused",
      code: "invalid_token",
      reasons: [reason],
      durationMs: expect.any(Number),
    });
    const written = JSON.stringify(lines);
    for (const personal of [...sent.split("."), "lovelace", "192.0.2", "id-of-a-token", "evil"])
      expect(written).not.toContain(personal);
  });

  it("names what each of several ways in found wrong", async () => {
    const keys = apiKeyAuth({ keys: { [freshSecret()]: { clientId: "job" } } });
    const next = jwtAuth({ secret: freshSecret(), audience: "orders", issuer, clock });
    const { lines, bearer, send } = serverWith([next, jwt, keys]);
    await bearer(await token({ exp: now - 1 }));
    await send({});
    await send({ "x-api-key": freshSecret() });
    await send({ "x-api-key": freshSecret(), authorization: "Bearer abc" });
    expect(lines.map(({ name, code, reasons }) => [name, code, reasons])).toEqual([
      [
        "jwt, then jwt, then api key",
        "invalid_token",
        [
          "jwt: no key of the issuer made this signature",
          "jwt: the token has expired",
          "api key: send an API key",
        ],
      ],
      [
        "jwt, then jwt, then api key",
        "unauthenticated",
        [
          "jwt: send a token as `Authorization: Bearer`",
          "jwt: send a token as `Authorization: Bearer`",
          "api key: send an API key",
        ],
      ],
      [
        "jwt, then jwt, then api key",
        "invalid_token",
        [
          "jwt: send a token as `Authorization: Bearer`",
          "jwt: send a token as `Authorization: Bearer`",
          "api key: no such key",
        ],
      ],
      ["jwt, then jwt, then api key", "invalid_token", ["send one credential, not two"]],
    ]);
  });

  it("says which of the author's own rules failed, and nothing of what it threw [PR-D18]", async () => {
    const failing = (): never => {
      throw new Error("ada.lovelace is not in the table");
    };
    const hooked = serverWith(jwt, { onAuthenticate: failing });
    const looked = serverWith(apiKeyAuth({ hashKey: freshSecret(), lookup: failing }));
    expect((await hooked.bearer(await token({}))).status).toBe(401);
    expect((await looked.send({ "x-api-key": freshSecret() })).status).toBe(401);
    expect(hooked.lines[0]?.reasons).toEqual(["`onAuthenticate` threw"]);
    expect(looked.lines[0]?.reasons).toEqual(["`lookup` threw"]);
    expect(JSON.stringify([hooked.lines, looked.lines])).not.toContain("ada");
  });

  it("tells a sender nothing that an authenticator found out about the token", async () => {
    const telling: Authenticator = {
      name: "authority",
      authenticate: () => Promise.reject(new DeputizeError("grant_revoked", "the token was revoked")),
    };
    const { lines, bearer } = serverWith(telling);
    const heard = await bearer("abc");
    expect(heard).toEqual(await serverWith(jwt).bearer("abc"));
    expect(heard.text).not.toContain("revoked");
    expect(lines[0]?.reasons).toEqual(["the token was revoked"]);
  });

  it("says that nobody could tell, with the status of a fault", async () => {
    const away: Authenticator = {
      name: "jwks",
      authenticate: () =>
        Promise.reject(
          new DeputizeError("unavailable", "the issuer's keys cannot be read", { cause: new Error("EAI") }),
        ),
    };
    const { lines, bearer } = serverWith([away, jwt]);
    expect((await bearer(await token({ iss: "x" }))).status).toBe(503);
    expect(lines[0]).toMatchObject({
      outcome: "failed",
      code: "unavailable",
      reasons: ["jwks: the issuer's keys cannot be read", "jwt: the token is of another issuer"],
    });
  });

  it("holds no more lines of one address than its limit [SR-19]", async () => {
    const { lines, bearer } = serverWith(jwt);
    for (let n = 0; n < 80; n += 1) await bearer("abc");
    expect(lines).toHaveLength(60);
  });
});

describe("the caller of an authenticator of one's own", () => {
  const answering = (change: object): Authenticator => ({
    name: "own",
    authenticate: async () => ({ ...callerNamed("eve"), ...change }) as Caller,
  });

  it.each([
    ["roles as text, which hold more roles than one [PR-D13]", { roles: "administrator" }],
    ["roles that are none", { roles: [null] }],
    ["no roles at all", { roles: undefined }],
    ["scopes as text", { scopes: "orders:export" }],
    ["no subject [PR-D12]", { subject: "" }],
    ["a subject that is a number", { subject: 7 }],
    ["no tenant", { tenant: undefined }],
    ["no client", { clientId: undefined }],
    ["no list of grants", { grants: undefined }],
  ])("is refused with %s", async (_name, change) => {
    const { lines, bearer } = serverWith(answering(change));
    for (const tool of ["open", "admin", "export"])
      expect(await bearer("abc", tool)).toMatchObject({ status: 401 });
    expect(lines[0]?.reasons?.[0]).toMatch(/^the caller/);
  });

  it("is let in as it should be", async () => {
    expect((await serverWith(answering({ roles: ["admin"] })).bearer("abc", "admin")).status).toBe(200);
  });
});

it("answers as if there was no such tool where the rule for step-up fails, and leaves one entry [SR-26]", async () => {
  const failing = serverWith(jwt, {
    stepUp: () => {
      throw new Error("away");
    },
  });
  const odd = serverWith(jwt, { stepUp: () => undefined as never });
  for (const { bearer, lines } of [failing, odd]) {
    const forbidden = await bearer(await token({}), "export");
    expect(forbidden.status).toBe(200);
    expect(forbidden).toEqual(await bearer(await token({}), "nothing"));
    expect(lines).toEqual([]);
  }
});

describe("the scopes in the metadata", () => {
  const scopesOf = (more: Partial<MCPServerOptions>) =>
    serverWith(jwt, more).server.protectedResourceMetadata()["scopes_supported"];

  it("are those that every caller needs, and of no single tool, which might be hidden [PR-F26]", () => {
    expect(scopesOf({})).toBeUndefined();
    expect(scopesOf({ guards: [hasScope("orders:use")] })).toEqual(["orders:use"]);
  });

  it("are those that the operator names", () => {
    expect(scopesOf({ scopesSupported: ["orders:use", "orders:export"] })).toEqual([
      "orders:use",
      "orders:export",
    ]);
    expect(scopesOf({ scopesSupported: [] })).toBeUndefined();
  });

  it("are all of them where nothing is hidden", () => {
    expect(scopesOf({ hideUnauthorized: false, guards: [hasScope("orders:use")] })).toEqual([
      "orders:use",
      "orders:export",
    ]);
  });
});

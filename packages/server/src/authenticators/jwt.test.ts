/** The mode `jwt`: its keys, its claims, the guide's own tests, and keys that rotate. */
import { type KeyObject, createHmac, createSecretKey, generateKeyPairSync } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import { manualClock, randomHex } from "@deputize/core";
import type { SymmetricAlgorithm } from "@deputize/mcp/auth";
import { authResponse } from "./auth-code.ts";
import { authenticatorChain } from "./chain.ts";
import { jwtFromEnvironment } from "./jwt-environment.ts";
import { type JwtOptions, jwtAuthenticator } from "./jwt.ts";
import { type Provider, bearing, pairFor, startProvider } from "./provider.fixture.ts";

const ISSUER = "https://login.example";
const AUDIENCE = "https://api.example";
const SECRET = randomHex(32);
const now = () => Math.floor(Date.now() / 1000);
const good = (): JWTPayload => ({ iss: ISSUER, aud: AUDIENCE, sub: "ada", exp: now() + 600, iat: now() });
const sign = (claims: JWTPayload, alg: string, key: KeyObject, header: object = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg, typ: "JWT", ...header }).sign(key);
const secretKey = (text: string) => createSecretKey(text, "utf8");
const pem = (key: KeyObject) =>
  key.export({ type: key.type === "private" ? "pkcs8" : "spki", format: "pem" }).toString();
const codeOf = async (options: JwtOptions, token: string) => {
  const outcome = await authenticatorChain([jwtAuthenticator(options)]).authenticate(bearing(token));
  return outcome.ok ? outcome.identity.userId : outcome.code;
};
const providers: Provider[] = [];
const provider = async () => {
  const made = await startProvider();
  providers.push(made);
  return made;
};
afterEach(() => Promise.all(providers.splice(0).map((one) => one.close())));

describe("[AF-F02] the guide's four tests", () => {
  const chain = authenticatorChain([jwtFromEnvironment({ JWT_SECRET_KEY: SECRET, JWT_ALGORITHM: "HS256" })]);
  const statusOf = async (request: Request) => {
    const outcome = await chain.authenticate(request);
    return outcome.ok ? 200 : authResponse(outcome, { requestId: "r" }).status;
  };
  const tokenOf = (claims: JWTPayload) => sign(claims, "HS256", secretKey(SECRET));

  it("answers 401 without a token, with a bad one and with an expired one, and 200 with a valid one", async () => {
    const threads = () => new Request("http://localhost:8000/threads", { method: "POST" });
    expect(await statusOf(threads())).toBe(401);
    expect(await statusOf(bearing("invalid_token"))).toBe(401);
    expect(await statusOf(bearing(await tokenOf({ user_id: "test_user", exp: now() - 3600 })))).toBe(401);
    expect(await statusOf(bearing(await tokenOf({ user_id: "test_user", exp: now() + 3600 })))).toBe(200);
  });

  it("reads the guide's payload", async () => {
    const claims = {
      user_id: "user123",
      username: "john_doe",
      email: "john@example.com",
      roles: ["user", "admin"],
      exp: now() + 86_400,
      iat: now(),
    };
    const outcome = await chain.authenticate(bearing(await tokenOf(claims)));
    expect(outcome).toMatchObject({
      ok: true,
      identity: {
        userId: "user123",
        username: "john_doe",
        email: "john@example.com",
        roles: ["user", "admin"],
        expiresAt: claims.exp,
        issuer: "urn:deputize:authenticator:jwt",
      },
    });
  });
});

const PUBLIC = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"] as const;
const SHARED = [
  ["HS256", 32],
  ["HS384", 48],
  ["HS512", 64],
] as const;

describe("[AF-F03] algorithms", () => {
  it.each(SHARED)("%s verifies with its secret, and with no other", async (algorithm, bytes) => {
    const options = { secret: randomHex(bytes), algorithm };
    expect(await codeOf(options, await sign(good(), algorithm, secretKey(options.secret)))).toBe("ada");
    expect(await codeOf(options, await sign(good(), algorithm, secretKey(randomHex(bytes))))).toBe(
      "INVALID_TOKEN",
    );
    const others = SHARED.filter(([name]) => name !== algorithm);
    for (const [other] of others)
      expect(await codeOf(options, await sign(good(), other, secretKey(options.secret)))).toBe(
        "INVALID_TOKEN",
      );
  });

  it.each(PUBLIC)("%s verifies with its public key, and with no other", async (algorithm) => {
    const pair = pairFor(algorithm);
    const options = { publicKey: pem(pair.publicKey), algorithm, issuer: ISSUER, audience: AUDIENCE };
    expect(await codeOf(options, await sign(good(), algorithm, pair.privateKey))).toBe("ada");
    expect(await codeOf(options, await sign(good(), algorithm, pairFor(algorithm).privateKey))).toBe(
      "INVALID_TOKEN",
    );
    // Without a name the key says which algorithms there are.
    const { algorithm: _, ...byKey } = options;
    expect(await codeOf(byKey, await sign(good(), algorithm, pair.privateKey))).toBe("ada");
  });

  it("refuses a public key used as a secret, an algorithm swapped within the family, and none", async () => {
    const { privateKey, publicKey } = pairFor("RS256");
    const text = pem(publicKey);
    const options = { publicKey: text, algorithm: "RS256" as const, issuer: ISSUER, audience: AUDIENCE };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const forged = `${part({ alg: "HS256", typ: "JWT" })}.${part(good())}`;
    const mac = createHmac("sha256", text).update(forged).digest("base64url");
    expect(await codeOf(options, `${forged}.${mac}`)).toBe("INVALID_TOKEN");
    expect(await codeOf(options, await sign(good(), "RS384", privateKey))).toBe("INVALID_TOKEN");
    for (const signature of ["", "AA"])
      expect(await codeOf(options, `${part({ alg: "none", typ: "JWT" })}.${part(good())}.${signature}`)).toBe(
        "INVALID_TOKEN",
      );
  });

  it.each(["jwk", "jku", "x5c", "x5u", "crit"])("follows no `%s` of a header", async (member) => {
    const { privateKey, publicKey } = pairFor("ES256");
    const options = { publicKey: pem(publicKey), issuer: ISSUER, audience: AUDIENCE };
    const value =
      member === "crit"
        ? ["exp"]
        : member === "jwk"
          ? publicKey.export({ format: "jwk" })
          : "https://evil.example";
    const part = (one: object) => Buffer.from(JSON.stringify(one)).toString("base64url");
    const { sign: signed } = await import("node:crypto");
    const input = `${part({ alg: "ES256", typ: "JWT", [member]: value })}.${part(good())}`;
    const signature = signed("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
    expect(await codeOf(options, `${input}.${signature.toString("base64url")}`)).toBe("INVALID_TOKEN");
  });
});

describe("[AF-D02] claims", () => {
  const options = { secret: SECRET, issuer: ISSUER, audience: AUDIENCE, requiredClaims: { plan: "pro" } };
  const all = (): JWTPayload => ({ ...good(), plan: "pro" });
  const without = (...names: string[]): JWTPayload =>
    Object.fromEntries(Object.entries(all()).filter(([name]) => !names.includes(name)));

  it.each<[string, () => JWTPayload, string]>([
    ["as it should be", all, "ada"],
    ["for several, of whom this is one", () => ({ ...all(), aud: ["x", AUDIENCE] }), "ada"],
    ["with the same user twice", () => ({ ...all(), user_id: "ada" }), "ada"],
    ["without exp", () => without("exp"), "INVALID_TOKEN"],
    ["with an exp of text", () => ({ ...all(), exp: "9999999999" as unknown as number }), "INVALID_TOKEN"],
    ["that has expired", () => ({ ...all(), exp: now() - 1 }), "EXPIRED_TOKEN"],
    ["not valid yet", () => ({ ...all(), nbf: now() + 60 }), "INVALID_TOKEN"],
    ["made in the future", () => ({ ...all(), iat: now() + 60 }), "INVALID_TOKEN"],
    ["of another issuer", () => ({ ...all(), iss: "https://evil.example" }), "INVALID_TOKEN"],
    ["without an issuer", () => without("iss"), "INVALID_TOKEN"],
    ["for another audience", () => ({ ...all(), aud: "https://other.example" }), "INVALID_TOKEN"],
    ["for nobody", () => without("aud"), "INVALID_TOKEN"],
    ["of nobody", () => without("sub"), "INVALID_TOKEN"],
    ["of an empty user", () => ({ ...all(), sub: "" }), "INVALID_TOKEN"],
    ["of two users", () => ({ ...all(), user_id: "bob" }), "INVALID_TOKEN"],
    ["of a user by number", () => ({ ...all(), sub: 7 as unknown as string }), "INVALID_TOKEN"],
    ["that acts for somebody", () => ({ ...all(), act: { sub: "agent" } }), "INVALID_TOKEN"],
    ["bound to a key", () => ({ ...all(), cnf: { jkt: "x" } }), "INVALID_TOKEN"],
    ["without a claim that is required", () => without("plan"), "INVALID_TOKEN"],
    ["with another value of it", () => ({ ...all(), plan: "free" }), "INVALID_TOKEN"],
    ["expired and of another audience", () => ({ ...all(), exp: 1, aud: "x" }), "INVALID_TOKEN"],
  ])("a token %s", async (_what, claims, answer) => {
    const token = await sign(claims(), "HS256", secretKey(SECRET));
    expect(await codeOf(options, token)).toBe(answer);
  });

  it("takes leeway for clocks that differ, and a minute at most", async () => {
    const token = await sign({ ...all(), exp: now() - 20 }, "HS256", secretKey(SECRET));
    expect(await codeOf({ ...options, leewaySeconds: 30 }, token)).toBe("ada");
    expect(() => jwtAuthenticator({ ...options, leewaySeconds: 61 })).toThrow(/0 to 60/);
  });

  it("names claims that must be there", async () => {
    const token = await sign(without("plan"), "HS256", secretKey(SECRET));
    expect(await codeOf({ ...options, requiredClaims: ["sub", "aud"] }, token)).toBe("ada");
    expect(await codeOf({ ...options, requiredClaims: ["plan"] }, token)).toBe("INVALID_TOKEN");
  });

  it("compares no issuer and no audience of a shared secret for which none is set", async () => {
    const token = await sign({ user_id: "ada", aud: "whoever", exp: now() + 60 }, "HS256", secretKey(SECRET));
    expect(await codeOf({ secret: SECRET }, token)).toBe("ada");
    expect(await codeOf({ secret: SECRET, audience: AUDIENCE }, token)).toBe("INVALID_TOKEN");
    expect(await codeOf({ secret: SECRET, issuer: ISSUER }, token)).toBe("INVALID_TOKEN");
  });

  it("checks times of a token that it has seen", async () => {
    const clock = manualClock(Date.now());
    const chain = authenticatorChain([jwtAuthenticator({ secret: SECRET, clock })]);
    const token = await sign({ user_id: "ada", exp: now() + 60 }, "HS256", secretKey(SECRET));
    expect(await chain.authenticate(bearing(token))).toMatchObject({ ok: true });
    clock.advance(61_000);
    expect(await chain.authenticate(bearing(token))).toMatchObject({ code: "EXPIRED_TOKEN" });
  });
});

describe("[AF-D03] keys that stop the start", () => {
  const rsa = pairFor("RS256");
  const asymmetric = { issuer: ISSUER, audience: AUDIENCE };
  const pems: [string, object, RegExp][] = [
    [
      "an RSA private key",
      { publicKey: pem(rsa.privateKey), ...asymmetric },
      /private key; give its public half: `openssl pkey/,
    ],
    ["an EC private key", { publicKey: pem(pairFor("ES256").privateKey), ...asymmetric }, /private key/],
    ["an Ed25519 private key", { publicKey: pem(pairFor("EdDSA").privateKey), ...asymmetric }, /private key/],
    [
      "a PKCS#1 private key",
      { publicKey: rsa.privateKey.export({ type: "pkcs1", format: "pem" }).toString(), ...asymmetric },
      /private key/,
    ],
    [
      "an RSA key of 1024 bits",
      { publicKey: pem(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey), ...asymmetric },
      /too short, 2048/,
    ],
    [
      "a curve that signs no token",
      { publicKey: pem(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey), ...asymmetric },
      /signs no token/,
    ],
    [
      "an algorithm of another key",
      { publicKey: pem(rsa.publicKey), algorithm: "ES256", ...asymmetric },
      /fits none of ES256/,
    ],
    ["no key at all", { publicKey: "hello", ...asymmetric }, /no PEM public key/],
    [
      "a public key without an issuer",
      { publicKey: pem(rsa.publicKey), audience: AUDIENCE },
      /need `issuer` and `audience`/,
    ],
    [
      "a public key without an audience",
      { publicKey: pem(rsa.publicKey), issuer: ISSUER },
      /need `issuer` and `audience`/,
    ],
    ["a key file as secret", { secret: pem(rsa.publicKey) }, /key file/],
    ["a short secret", { secret: "your-secret-key" }, /32 bytes or more; make one with/],
    ["a secret too short for HS512", { secret: SECRET.slice(0, 40), algorithm: "HS512" }, /64 bytes/],
    ["a secret for RS256", { secret: SECRET, algorithm: "RS256" }, /HS256, HS384, HS512/],
    ["two sources of keys", { secret: SECRET, publicKey: pem(rsa.publicKey), ...asymmetric }, /give one of/],
    ["no source of keys", asymmetric, /give one of/],
    ["a JWK set over http", { jwksUrl: "http://login.example/jwks", ...asymmetric }, /https/],
  ];
  it.each(pems)("%s", (_what, options, message) => {
    expect(() => jwtAuthenticator(options as JwtOptions)).toThrow(message);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["nothing", {}, /JWT_SECRET_KEY or JWT_JWKS_URL/],
    ["both", { JWT_SECRET_KEY: SECRET, JWT_JWKS_URL: "discover" }, /one of both/],
    [
      "an algorithm that does not exist",
      { JWT_SECRET_KEY: SECRET, JWT_ALGORITHM: "none" },
      /JWT_ALGORITHM is one of/,
    ],
    [
      "the private key, as the guide said",
      {
        JWT_SECRET_KEY: pem(rsa.privateKey),
        JWT_ALGORITHM: "RS256",
        JWT_ISSUER: ISSUER,
        JWT_AUDIENCE: AUDIENCE,
      },
      /private key; give its public half/,
    ],
    [
      "a public key and a secret's algorithm",
      { JWT_SECRET_KEY: pem(rsa.publicKey), JWT_ALGORITHM: "HS256" },
      /goes with a secret/,
    ],
    [
      "a public key alone",
      { JWT_SECRET_KEY: pem(rsa.publicKey), JWT_ALGORITHM: "RS256" },
      /need `issuer` and `audience`/,
    ],
  ])("settings of %s", (_what, environment, message) => {
    expect(() => jwtFromEnvironment(environment)).toThrow(message);
  });

  it("starts with a public key in one line, as in an .env file", async () => {
    const environment = {
      JWT_SECRET_KEY: pem(rsa.publicKey).replaceAll("\n", "\\n"),
      JWT_ALGORITHM: "RS256",
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: `${AUDIENCE}, other`,
    };
    const chain = authenticatorChain([jwtFromEnvironment(environment)]);
    expect(await chain.authenticate(bearing(await sign(good(), "RS256", rsa.privateKey)))).toMatchObject({
      ok: true,
    });
  });
});

describe("[AF-F04] keys that rotate", () => {
  it("takes old and new secret by name, and stops taking one that is gone", async () => {
    const next = randomHex(32);
    const both = {
      secret: [
        { secret: next, kid: "b" },
        { secret: SECRET, kid: "a" },
      ],
    };
    const signed = (secret: string, kid: string) => sign(good(), "HS256", secretKey(secret), { kid });
    expect(await codeOf(both, await signed(SECRET, "a"))).toBe("ada");
    expect(await codeOf(both, await signed(next, "b"))).toBe("ada");
    expect(await codeOf(both, await signed(next, "a"))).toBe("INVALID_TOKEN");
    expect(await codeOf({ secret: [{ secret: next, kid: "b" }] }, await signed(SECRET, "a"))).toBe(
      "INVALID_TOKEN",
    );
  });

  it.each(["at its address", "by discovery"])(
    "follows a JWK set found %s: new at once, removed within a minute",
    async (how) => {
      const login = await provider();
      const clock = manualClock(Date.now());
      const chain = authenticatorChain([
        jwtAuthenticator({
          jwksUrl: how === "by discovery" ? "discover" : `${login.issuer}/jwks`,
          issuer: login.issuer,
          audience: AUDIENCE,
          clock,
        }),
      ]);
      const ask = async (token: string) => {
        const outcome = await chain.authenticate(bearing(token));
        return outcome.ok ? outcome.identity.userId : outcome.code;
      };
      const claims = { aud: AUDIENCE, sub: "ada", exp: now() + 3600 };
      const old = await login.sign(claims);
      expect(await ask(old)).toBe("ada");
      login.addKey("two", "ES256");
      clock.advance(2000);
      expect(await ask(await login.sign(claims, { kid: "two" }))).toBe("ada");
      expect(await ask(old)).toBe("ada");
      login.removeKey("one");
      clock.advance(60_000);
      expect(await ask(old)).toBe("INVALID_TOKEN");
      expect(await ask(await login.sign(claims, { kid: "two" }))).toBe("ada");
    },
  );

  it("answers 503 and no yes while the keys cannot be read, and asks once for all", async () => {
    const login = await provider();
    const chain = authenticatorChain([
      jwtAuthenticator({ jwksUrl: `${login.issuer}/jwks`, issuer: login.issuer, audience: AUDIENCE }),
    ]);
    const token = await login.sign({ aud: AUDIENCE, sub: "ada" });
    login.down = true;
    const answers = await Promise.all([1, 2, 3].map(() => chain.authenticate(bearing(token))));
    expect(answers.map((one) => !one.ok && one.code)).toEqual(Array(3).fill("AUTH_UNAVAILABLE"));
    expect(login.asked.get("/jwks")).toBe(1);
  });

  it("tells two issuers in one list apart", async () => {
    const [one, two] = [await provider(), await provider()];
    const chain = authenticatorChain(
      [one, two].map((login, at) =>
        jwtAuthenticator({
          name: `login ${at}`,
          jwksUrl: "discover",
          issuer: login.issuer,
          audience: AUDIENCE,
        }),
      ),
    );
    const outcome = await chain.authenticate(bearing(await two.sign({ aud: AUDIENCE, sub: "ada" })));
    expect(outcome).toMatchObject({ ok: true, authenticator: "login 1", identity: { issuer: two.issuer } });
    // With the first one's name and the second one's key it is nobody's.
    const mixed = await two.sign({ aud: AUDIENCE, sub: "ada", iss: one.issuer }, { keepIssuer: true });
    expect(await chain.authenticate(bearing(mixed))).toMatchObject({ ok: false, code: "INVALID_TOKEN" });
  });
});

it("reads every setting of a shared secret", () => {
  for (const algorithm of ["HS256", "HS384", "HS512"] satisfies SymmetricAlgorithm[])
    expect(jwtFromEnvironment({ JWT_SECRET_KEY: randomHex(32), JWT_ALGORITHM: algorithm }).name).toBe("jwt");
});

/** An identity provider in the wire form of real ones, over HTTP: metadata, JWK set, introspection, userinfo, Firebase's account lookup. */
import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { type IncomingMessage, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type JWTPayload, SignJWT } from "jose";
import { nowSeconds, systemClock } from "@deputize/core";

export interface Provider {
  readonly issuer: string;
  /** Where the server is. */
  readonly origin: string;
  /** How often a path was asked for. */
  readonly asked: Map<string, number>;
  /** Answers 500 everywhere while true. */
  down: boolean;
  /** Keeps every answer back while true, until `release`. */
  held: boolean;
  release(): void;
  /** `Cache-Control` of the JWK set. */
  cacheControl: string | undefined;
  addKey(kid: string, alg?: string): void;
  removeKey(kid: string): void;
  sign(claims: JWTPayload, options?: { kid?: string; typ?: string; keepIssuer?: boolean }): Promise<string>;
  /** What introspection answers, by token. */
  readonly opaque: Map<string, object>;
  /** What userinfo answers, by token. */
  readonly userinfo: Map<string, object>;
  /** Users of Firebase, by id. */
  readonly users: Map<string, object>;
  close(): Promise<void>;
}

export const CLIENT = { clientId: "api:1", clientSecret: "s3cret+/" } as const;
export const ADMIN_TOKEN = "ya29.admin";

/** Made once, and had in turn: an RSA key takes longer than most tests. */
const FIRST = [0, 1].map(() => generateKeyPairSync("rsa", { modulusLength: 2048 }));

/** `name` is the issuer that tokens carry unless told: the server's own address. */
export async function startProvider(name?: string): Promise<Provider> {
  const keys = new Map<string, { privateKey: KeyObject; publicKey: KeyObject; alg: string }>();
  const published = new Map<string, { key: KeyObject; alg: string }>();
  const waiting: (() => void)[] = [];
  const server: Server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    provider.asked.set(path, (provider.asked.get(path) ?? 0) + 1);
    void body(request).then((text) => {
      const send = () => {
        const [status, answer] = provider.down ? [500, {}] : answerTo(path, request, text);
        response.writeHead(status, {
          "content-type": "application/json",
          ...(provider.cacheControl && { "cache-control": provider.cacheControl }),
        });
        response.end(JSON.stringify(answer));
      };
      if (provider.held) waiting.push(send);
      else send();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = name ?? origin;

  function answerTo(path: string, request: IncomingMessage, text: string): [number, object] {
    const { authorization = "" } = request.headers;
    if (path === "/.well-known/openid-configuration")
      return [
        200,
        {
          issuer,
          jwks_uri: `${origin}/jwks`,
          introspection_endpoint: `${origin}/introspect`,
          userinfo_endpoint: `${origin}/userinfo`,
        },
      ];
    if (path === "/jwks")
      return [
        200,
        {
          keys: [...published].map(([kid, { key, alg }]) => ({
            ...key.export({ format: "jwk" }),
            kid,
            alg,
            use: "sig",
          })),
        },
      ];
    if (path === "/introspect") {
      const expected = `Basic ${Buffer.from("api%3A1:s3cret%2B%2F").toString("base64")}`;
      if (request.method !== "POST" || authorization !== expected) return [401, { error: "invalid_client" }];
      return [200, provider.opaque.get(new URLSearchParams(text).get("token") ?? "") ?? { active: false }];
    }
    if (path === "/userinfo") {
      const answer = provider.userinfo.get(authorization.replace("Bearer ", ""));
      return answer ? [200, answer] : [401, {}];
    }
    if (path.endsWith("/accounts:lookup")) {
      if (authorization !== `Bearer ${ADMIN_TOKEN}`) return [401, {}];
      const [id] = (JSON.parse(text) as { localId: string[] }).localId;
      const user = provider.users.get(id ?? "");
      return [
        200,
        {
          kind: "identitytoolkit#GetAccountInfoResponse",
          ...(user && { users: [{ localId: id, ...user }] }),
        },
      ];
    }
    return [404, {}];
  }

  const provider: Provider = {
    issuer,
    origin,
    asked: new Map(),
    down: false,
    held: false,
    cacheControl: undefined,
    opaque: new Map(),
    userinfo: new Map(),
    users: new Map(),
    release() {
      provider.held = false;
      for (const send of waiting.splice(0)) send();
    },
    addKey(kid, alg = "RS256") {
      const pair = pairFor(alg);
      keys.set(kid, { ...pair, alg });
      published.set(kid, { key: pair.publicKey, alg });
    },
    removeKey: (kid) => void published.delete(kid),
    sign(claims, { kid = "one", typ = "JWT", keepIssuer = false } = {}) {
      const key = keys.get(kid);
      if (!key) throw new Error(`no key ${kid}`);
      const now = nowSeconds(systemClock);
      const all = { ...(!keepIssuer && { iss: issuer }), iat: now, exp: now + 600, ...claims };
      return new SignJWT(all).setProtectedHeader({ alg: key.alg, kid, typ }).sign(key.privateKey);
    },
    close: () =>
      new Promise((done) => {
        provider.release();
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
  const first = FIRST.shift() ?? pairFor("RS256");
  FIRST.push(first);
  keys.set("one", { ...first, alg: "RS256" });
  published.set("one", { key: first.publicKey, alg: "RS256" });
  return provider;
}

const CURVES: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

/** A fresh pair that signs with an algorithm. */
export function pairFor(alg: string): { privateKey: KeyObject; publicKey: KeyObject } {
  const namedCurve = CURVES[alg];
  if (namedCurve) return generateKeyPairSync("ec", { namedCurve });
  return alg === "EdDSA"
    ? generateKeyPairSync("ed25519")
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
}

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** A request with a bearer token. */
export function bearing(token: string, path = "/threads"): Request {
  return new Request(`http://localhost:8000${path}`, { headers: { authorization: `Bearer ${token}` } });
}

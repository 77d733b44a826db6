/**
 * For tests: an authority that is only its three answers (keys, feed, check), each of which can be cut, delayed or
 * made to lie. Signs any claims, so that a test can ask what the verifier makes of them.
 */
import { type KeyObject, generateKeyPairSync, randomBytes } from "node:crypto";
import { type ManualClock, type PrincipalId, stableId } from "@deputize/core";
import type { FeedDocument, RevocationEntry } from "../feed/revocations.ts";
import { signCompactJws } from "../token/sign-jws.ts";
import { type PublicJwk, ed25519Thumbprint } from "../token/jwk.ts";

export const ISSUER = "https://authority.example";
export const AUDIENCE = "https://api.example";
export const ALICE = stableId("user:alice@example.com") as PrincipalId;
export const AGENT = stableId("agent:support") as PrincipalId;
export const GRANT = stableId("grant:1");

export interface TestKey {
  readonly privateKey: KeyObject;
  readonly jwk: PublicJwk;
}

export function testKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const x = publicKey.export({ format: "jwk" }).x ?? "";
  return {
    privateKey,
    jwk: { kty: "OKP", crv: "Ed25519", x, kid: ed25519Thumbprint(x), alg: "EdDSA", use: "sig" },
  };
}

export interface FakeAuthority {
  readonly fetch: typeof fetch;
  /** The signing key; replaced by a test that rotates. */
  key: TestKey;
  published: PublicJwk[];
  epoch: string;
  position: number;
  entries: RevocationEntry[];
  /** Which questions fail. */
  cut: { feed: boolean; check: boolean; keys: boolean };
  /** Called before the feed answers, after it was read. */
  beforeFeedAnswers: () => Promise<void>;
  /** Tokens that the check refuses. */
  readonly dead: Set<string>;
  readonly asked: { feed: number; check: number; keys: number };
  claims(change?: Record<string, unknown>): Record<string, unknown>;
  sign(claims?: Record<string, unknown>, header?: { typ?: string; kid?: string; by?: TestKey }): string;
  revoke(kind: RevocationEntry["kind"], value: string, number?: number): void;
}

export function fakeAuthority(clock: ManualClock): FakeAuthority {
  const seconds = (): number => Math.floor(clock.nowMs() / 1000);
  const key = testKey();

  function feed(url: URL): FeedDocument {
    const after = url.searchParams.get("after");
    const known =
      after !== null && url.searchParams.get("epoch") === fake.epoch && Number(after) <= fake.position;
    const from = known ? Number(after) : null;
    return {
      epoch: fake.epoch,
      position: fake.position,
      from,
      entries: fake.entries.filter((entry) => entry.position > (from ?? 0)),
    };
  }

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/.well-known/jwks.json":
        fake.asked.keys += 1;
        if (fake.cut.keys) throw new TypeError("connection refused");
        return Response.json({ keys: fake.published });
      case "/authority/revocations": {
        fake.asked.feed += 1;
        if (fake.cut.feed) throw new TypeError("connection refused");
        const document = feed(url);
        await fake.beforeFeedAnswers();
        return Response.json(document);
      }
      case "/authority/check": {
        fake.asked.check += 1;
        if (fake.cut.check) throw new TypeError("connection refused");
        const { token } = (await request.json()) as { token: string };
        return Response.json({ active: !fake.dead.has(token) });
      }
      default:
        return new Response(null, { status: 404 });
    }
  }

  const fake: FakeAuthority = {
    fetch: (input, init) => answer(new Request(input as string | URL, init)),
    key,
    published: [key.jwk],
    epoch: "first",
    position: 0,
    entries: [],
    cut: { feed: false, check: false, keys: false },
    beforeFeedAnswers: async () => {},
    dead: new Set(),
    asked: { feed: 0, check: 0, keys: 0 },
    claims: (change = {}) => ({
      iss: ISSUER,
      sub: ALICE,
      aud: AUDIENCE,
      exp: seconds() + 600,
      nbf: seconds(),
      iat: seconds(),
      jti: randomBytes(16).toString("hex"),
      client_id: "first-party",
      scope: "read:orders:*",
      tenant: "default",
      sub_kind: "user",
      roles: ["customer"],
      grants: [GRANT],
      epochs: { [ALICE]: 3, [AGENT]: 1 },
      ...change,
    }),
    sign: (claims = fake.claims(), { typ = "at+jwt", kid, by = fake.key } = {}) =>
      signCompactJws({ alg: "EdDSA", typ, kid: kid ?? by.jwk.kid }, claims, by.privateKey),
    revoke: (kind, value, number) => {
      fake.position += 1;
      fake.entries.push({
        position: fake.position,
        kind,
        value,
        ...(number !== undefined && { number }),
        expires_at: seconds() + 4000,
      });
    },
  };
  return fake;
}

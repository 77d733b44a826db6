/**
 * Callers by API keys, for programs that cannot do better.
 *
 * Guarantees: keys are kept as HMAC-SHA-256 only, under a key of this process or the operator's, so that a dump of what
 * is kept opens nothing (PR-D17); a presented key costs the same work whether it exists or not, and is compared in
 * constant time; short keys are refused at start-up. A client may have several keys, so that one is changed without a
 * pause. Expiry and `lookup` are asked on every request.
 * Does not: bind a key to a sender. Whoever reads it is its client; prefer tokens, which expire by themselves.
 */
import { type KeyObject, createHmac, createSecretKey, randomBytes, timingSafeEqual } from "node:crypto";
import {
  type Caller,
  type Clock,
  DeputizeError,
  isDeputizeError,
  nowSeconds,
  systemClock,
} from "@deputize/core";
import { z } from "zod";
import { type Authenticator, assertSingleCredential } from "./authenticator.ts";
import { externalSubject } from "./claims.ts";
import { CredentialRefusal, REFUSED, asked } from "./refusal.ts";

const text = z.string().min(1).max(256);
const Client = z.strictObject({
  clientId: text,
  roles: z.array(text).max(256).readonly().default([]),
  scopes: z.array(text).max(256).readonly().default([]),
  tenant: text.max(64).default("default"),
  /** When the key ends, as an RFC 3339 time. */
  expiresAt: z.iso.datetime({ offset: true }).optional(),
});

/** Whom a key stands for. */
export type ApiKeyClient = z.input<typeof Client>;

interface ApiKeyAuthBase {
  /** Where the key is sent; `x-api-key` unless told. With `authorization` it is sent as `Authorization: ApiKey <key>`. */
  readonly header?: string;
  /** Part of each client's subject; `urn:deputize:api-keys` unless told. */
  readonly issuer?: string;
  readonly clock?: Clock;
}

export type ApiKeyAuthOptions = ApiKeyAuthBase &
  (
    | {
        /** Each key and whom it stands for. At least 32 characters a key. */ readonly keys: Readonly<
          Record<string, ApiKeyClient>
        >;
      }
    | {
        /** 32 bytes or more; the one that `apiKeyDigest` made the stored digests with. */
        readonly hashKey: string;
        /** Whom a digest stands for, from where you keep them. Throwing refuses. */
        readonly lookup: (digest: string) => ApiKeyClient | undefined | Promise<ApiKeyClient | undefined>;
      }
  );

const MIN_KEY_CHARACTERS = 32;
const SENT_KEY = /^[\x21-\x2b\x2d-\x7e]{1,512}$/;
const SCHEME = /^apikey +(\S+)$/i;

/** What to store in place of a key: its keyed hash, in base64url. Throws `config_invalid` for a short `hashKey`. */
export function apiKeyDigest(key: string, hashKey: string): string {
  return digestOf(key, secretKey(hashKey)).toString("base64url");
}

/** An authenticator over API keys. Throws `config_invalid` for weak keys; `authenticate` throws `unauthenticated`, `invalid_token`. */
export function apiKeyAuth(options: ApiKeyAuthOptions): Authenticator {
  const { issuer = "urn:deputize:api-keys", clock = systemClock } = options;
  const header = (options.header ?? "x-api-key").toLowerCase();
  const hashKey = "keys" in options ? createSecretKey(randomBytes(32)) : secretKey(options.hashKey);
  const find = "keys" in options ? findAmong(options.keys, hashKey) : findBy(options.lookup);
  const claims = new WeakMap<Caller, Readonly<Record<string, unknown>>>();

  return {
    name: "api key",
    credentialHeaders: [header],
    claimsOf: (caller) => claims.get(caller),
    async authenticate(request) {
      const sent = request.headers.get(header);
      if (sent === null) throw new DeputizeError("unauthenticated", "send an API key");
      assertSingleCredential(request, header);
      try {
        const key = header === "authorization" ? (SCHEME.exec(sent)?.[1] ?? "") : sent;
        const digest = digestOf(key, hashKey);
        const client = await find(digest);
        if (!client || !SENT_KEY.test(key)) throw new CredentialRefusal("no such key");
        const expiresAt = client.expiresAt && Date.parse(client.expiresAt) / 1000;
        if (expiresAt && expiresAt <= nowSeconds(clock)) throw new CredentialRefusal("the key has expired");
        const { clientId, roles, scopes, tenant } = client;
        // Enough of the digest to tell which key of a client it was.
        const keyId = digest.toString("base64url").slice(0, 12);
        const caller: Caller = {
          tenant,
          subject: externalSubject(issuer, clientId),
          subjectKind: "service",
          actors: [],
          roles,
          scopes,
          grants: [],
          clientId,
          ...(expiresAt && {
            token: { issuer, jti: keyId, audience: [], issuedAt: 0, expiresAt, apiKey: keyId },
          }),
        };
        claims.set(caller, { iss: issuer, sub: clientId, api_key: keyId, roles, scope: scopes.join(" ") });
        return caller;
      } catch (cause) {
        if (isDeputizeError(cause, "unavailable")) throw cause;
        throw new DeputizeError("invalid_token", REFUSED, { cause });
      }
    },
  };
}

type Find = (digest: Buffer) => Promise<z.output<typeof Client> | undefined>;

function digestOf(key: string, hashKey: KeyObject): Buffer {
  return createHmac("sha256", hashKey).update(key, "utf8").digest();
}

function secretKey(hashKey: string): KeyObject {
  if (Buffer.byteLength(hashKey) < 32)
    throw new DeputizeError(
      "config_invalid",
      "`hashKey` needs 32 bytes or more; make one with `openssl rand -hex 32`",
    );
  return createSecretKey(hashKey, "utf8");
}

function findAmong(keys: Readonly<Record<string, ApiKeyClient>>, hashKey: KeyObject): Find {
  const known = Object.entries(keys).map(([key, client]) => {
    if (key.length < MIN_KEY_CHARACTERS || !SENT_KEY.test(key))
      throw new DeputizeError(
        "config_invalid",
        `an API key of \`${client.clientId}\` needs ${MIN_KEY_CHARACTERS} to 512 plain characters; make one with \`openssl rand -hex 32\``,
      );
    const read = Client.safeParse(client);
    if (!read.success)
      throw new DeputizeError(
        "config_invalid",
        `an API key of \`${client.clientId}\`: ${z.prettifyError(read.error)}`,
      );
    return { digest: digestOf(key, hashKey), client: read.data };
  });
  if (known.length === 0) throw new DeputizeError("config_invalid", "apiKeyAuth needs at least one key");
  // All of them are compared, so that the time says neither whether nor where one was found.
  return async (digest) =>
    known.reduce<z.output<typeof Client> | undefined>(
      (found, one) => (timingSafeEqual(one.digest, digest) ? one.client : found),
      undefined,
    );
}

function findBy(
  lookup: (digest: string) => ApiKeyClient | undefined | Promise<ApiKeyClient | undefined>,
): Find {
  return async (digest) => {
    const client = await asked("lookup", () => lookup(digest.toString("base64url")));
    return client && Client.parse(client);
  };
}

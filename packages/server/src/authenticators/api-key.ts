/**
 * Users by API keys, as `Authorization: Bearer` or `X-API-Key`.
 *
 * Guarantees: everything of api-key-store.ts; a key with an address list works from nowhere else; wrong keys are limited by where they come from and
 * by which key they aim at. Whoever used a key from an address before is not kept out by what a neighbour behind that address guesses
 * (SR-26).
 */
import { hash } from "node:crypto";
import type { Ephemeral } from "@deputize/store";
import type { ApiKeyStore } from "./api-key-store.ts";
import { KEY_PREFIX, readKey } from "./api-key-text.ts";
import { type AuthRequest, type Authenticator, SKIP, rejected } from "./authenticator.ts";

export interface ApiKeyOptions {
  /** `api-key` unless told. */
  readonly name?: string;
  readonly keys: ApiKeyStore;
  /** Counts wrong keys; over Redis for all replicas. */
  readonly ephemeral: Ephemeral;
  /** Wrong keys a minute from one address; 30 unless told. */
  readonly failuresPerAddress?: number;
  /** Wrong secrets a minute for one key from one address; 5 unless told. */
  readonly failuresPerKey?: number;
}

const MINUTE = 60;
const KNOWN_MS = 30 * 86_400_000;

/** An authenticator over the keys of a store. */
export function apiKeyAuthenticator(options: ApiKeyOptions): Authenticator {
  const { name = "api-key", keys, ephemeral, failuresPerAddress = 30, failuresPerKey = 5 } = options;
  const limiter = (kind: string, points: number) =>
    ephemeral.rateLimiter({ name: `authn-${kind}`, points, durationSeconds: MINUTE });
  const byAddress = limiter("key-address", failuresPerAddress);
  const byKey = limiter("key-id", failuresPerKey);
  // The ephemeral store holds no address.
  const digest = (...parts: readonly string[]) => hash("sha256", JSON.stringify(parts), "base64url");

  return {
    name,
    schemes: [{ kind: "apiKey", header: "X-API-Key" }],
    authenticate: async (request) => {
      const text = sentKey(request);
      if (text === undefined) return SKIP;
      const { peerAddress = "unknown" } = request;
      const address = digest(peerAddress);
      const parts = readKey(text);
      // A slip of the hand costs no read; it counts all the same.
      if (!parts) {
        const { allowed, retryAfterSeconds } = await byAddress.consume(address);
        return allowed
          ? rejected("INVALID_TOKEN", "the key has another form")
          : rejected("RATE_LIMIT_EXCEEDED", "too many wrong keys", { retryAfterSeconds });
      }
      const pair = digest(peerAddress, parts.id);
      const known = `authn:key:${pair}`;
      for (const [limit, id] of [
        [byKey, pair],
        [byAddress, address],
      ] as const) {
        // Nothing is taken: it asks whether something is left.
        const { allowed, retryAfterSeconds } = await limit.consume(id, 0);
        const passes = allowed || (limit === byAddress && (await ephemeral.get(known)) !== undefined);
        if (!passes) return rejected("RATE_LIMIT_EXCEEDED", "too many wrong keys", { retryAfterSeconds });
      }
      const holder = await keys.find(parts);
      if (!holder) {
        await Promise.all([byKey.consume(pair), byAddress.consume(address)]);
        return rejected("INVALID_TOKEN", "no such key");
      }
      if (holder.state === "revoked") return rejected("REVOKED_TOKEN", "the key was ended");
      if (holder.state === "expired") return rejected("EXPIRED_TOKEN", "the key has expired");
      if (!holder.allows(request.peerAddress))
        return rejected("INVALID_TOKEN", "the key is not for this address");
      if (await keys.used(holder.id)) await ephemeral.set(known, "1", KNOWN_MS);
      const { id, issuer, userId, tenantId, roles, scopes, expiresAt } = holder;
      return {
        ok: true,
        identity: {
          userId,
          issuer,
          ...(tenantId !== undefined && { tenantId }),
          roles: [...roles],
          scopes: [...scopes],
          amr: ["swk"],
          tokenId: `key:${id}`,
          expiresAt,
          claims: { api_key: id, name: holder.name },
        },
      };
    },
  };
}

function sentKey({ bearer, headers }: AuthRequest): string | undefined {
  const text = headers.get("x-api-key") ?? bearer;
  return text?.startsWith(KEY_PREFIX) ? text : undefined;
}

/**
 * Reading our own tokens with the database's word, and ending them one by one.
 *
 * Guarantees: `stands` is the last word on a token: canonical form, signature, issuer, time, its own
 * revocation, each grant of its path and each epoch, read now. Verifiers ask it when their feed is stale (SR-11).
 */
import { type Clock, DeputizeError, type GrantId, isDeputizeError, nowSeconds } from "@deputize/core";
import {
  ACCESS_TOKEN_TYPE,
  type VerifiedToken,
  jwsSignatureHolds,
  parseCompactJws,
  readAccessTokenClaims,
  tokenKey,
} from "@deputize/client";
import { type AuditLog, auditEvent } from "@deputize/audit";
import type { Queryable, Store } from "@deputize/store";
import type { Keys } from "../keys/keys.ts";
import { anyEndDue } from "../revocation/early-ends.ts";

export interface Tokens {
  /** Signature, form, issuer and time. Says nothing of revocation. Throws `invalid_token`. */
  read(token: string): Promise<VerifiedToken>;
  /** The token, when it stands now in every respect. */
  stands(token: string): Promise<VerifiedToken | undefined>;
  /** Ends one token and every grant made from it. Revoking what has ended is no error. */
  revoke(tx: Queryable, token: VerifiedToken, reason: string): Promise<readonly GrantId[]>;
}

export function createTokens(options: {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly issuer: string;
  readonly audit: Pick<AuditLog, "record">;
  readonly rememberSeconds: number;
}): Tokens {
  const { store, keys, clock, issuer, audit } = options;
  const iso = (ms: number): string => new Date(ms).toISOString();

  async function read(token: string): Promise<VerifiedToken> {
    const jws = parseCompactJws(token);
    const key = jws.header.typ === ACCESS_TOKEN_TYPE ? await keys.verifier(jws.header.kid) : undefined;
    if (!key || !jwsSignatureHolds(jws, key)) {
      throw new DeputizeError("invalid_token", "the token is not signed by this authority");
    }
    const verified = readAccessTokenClaims(jws.payload);
    if (verified.claims.iss !== issuer || nowSeconds(clock) >= verified.claims.exp) {
      throw new DeputizeError("invalid_token", "the token has expired or is of another issuer");
    }
    return verified;
  }

  return {
    read,
    async stands(token) {
      let verified: VerifiedToken;
      try {
        verified = await read(token);
      } catch (error) {
        if (isDeputizeError(error, "invalid_token")) return undefined;
        throw error;
      }
      const { claims } = verified;
      const { rows } = await store
        .pool("authority")
        .query<{ alive: boolean }>(
          `SELECT authority.token_alive($1, $2, $3, $4, $5) AND NOT ${anyEndDue("$5", "$2")} AS alive`,
          [
            claims.tenant,
            claims.grants,
            tokenKey(claims.iss, claims.jti),
            JSON.stringify(claims.epochs),
            iso(clock.nowMs()),
          ],
        );
      return rows[0]?.alive === true ? verified : undefined;
    },
    async revoke(tx, { claims, caller }, reason) {
      const { rows } = await tx.query<{ ended: GrantId[] }>(
        `SELECT authority.revoke_token($1, $2, $3, $4, $5, $6, $7) AS ended`,
        [
          claims.tenant,
          claims.grants.at(-1),
          tokenKey(claims.iss, claims.jti),
          iso(claims.exp * 1000),
          reason,
          iso(clock.nowMs()),
          iso(clock.nowMs() + options.rememberSeconds * 1000),
        ],
      );
      const ended = rows[0]?.ended ?? [];
      await audit.record(
        tx,
        auditEvent(caller, {
          action: "token.revoked",
          outcome: "allowed",
          detail: { reason, jti: claims.jti, ended: ended.length },
        }),
      );
      return ended;
    },
  };
}

/**
 * A token's succession and its end.
 *
 * Guarantees: renewal is a compare-and-set: of any number at once, one succeeds. The grant keeps its id, so what hangs below
 * lives on; it never passes its parent's expiry nor its own last day. Release ends the grant and everything below.
 */
import { DeputizeError } from "@deputize/core";
import type { Workers } from "./broker.ts";
import {
  type BrokerContext,
  brokerTokenKey,
  grantSeconds,
  isoAt,
  itemBatch,
  itemJson,
  newJti,
  refuse,
  signGrant,
  thisSecond,
} from "./broker-context.ts";
import { callerEvent } from "./broker-events.ts";
import { chainOf, knownClaims, principalsOf } from "./broker-claims.ts";

/** A verifier's clock may be behind ours. */
const SKEW_SECONDS = 120;

function gone(): DeputizeError {
  return new DeputizeError("invalid_token", "the token is invalid or expired");
}

export function createRenewAndRelease(context: BrokerContext): Pick<Workers, "renew" | "release"> {
  const { clock, settings, verifier } = context;
  const renew = itemBatch(context, "broker_renew");
  const release = itemBatch(context, "broker_release", ["released"]);

  return {
    async renew(by) {
      const claims = knownClaims(by);
      if (!claims) throw gone();
      if (by.kind !== "agent") {
        throw await refuse(
          context,
          by,
          { action: "token_renewal_failed" },
          "forbidden",
          "only workers renew; operators and apps sign in again",
        );
      }
      const now = thisSecond(clock);
      const lifetimeSeconds = Math.max(1, by.expiresAt - by.issuedAt);
      const jti = newJti();
      const item = {
        grant: by.grants.at(-1),
        path: by.grants,
        principals: principalsOf(by),
        jti: by.jti,
        nextJti: jti,
        ttlSeconds: grantSeconds(lifetimeSeconds),
        now: now.iso,
        tokenKey: brokerTokenKey(settings, by.jti),
        keepUntil: isoAt(by.expiresAt + SKEW_SECONDS),
      };
      const event = callerEvent(by, { action: "token_renewed", detail: { next_jti: jti } });
      const answer = await renew(itemJson(clock, item, [event]));
      if (answer.refused !== undefined) {
        await refuse(context, by, { action: "token_renewal_failed" }, "grant_revoked", "");
        throw gone();
      }
      verifier.ended([by.jti]);
      return signGrant(context, answer, {
        sub: by.sub,
        jti,
        issuedAt: now.seconds,
        lifetimeSeconds,
        chain: chainOf(claims),
        ...(claims.app_id !== undefined && { appId: claims.app_id }),
        ...(claims.cnf && { cnf: claims.cnf }),
      });
    },

    async release(by) {
      const grant = by.grants.at(-1);
      if (!grant) throw gone();
      const item = { grant, jti: by.jti, now: thisSecond(clock).iso };
      const answer = await release(itemJson(clock, item, [callerEvent(by, { action: "token_released" })]));
      if (answer.refused !== undefined) throw gone();
      verifier.ended([grant]);
    },
  };
}

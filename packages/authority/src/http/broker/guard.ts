/**
 * Who sends a request of the broker protocol, and whether the route is theirs. In this order: is there a credential, has
 * it the right form, does it stand, is it for this broker, does it hold the route's scope. Only then is a body read.
 *
 * Guarantees: everything that is wrong with a token answers one 401 with one text; a missing scope is named in a 403. A
 * token that is bound to a key counts only with a fresh proof of that key (RFC 9449), and never as a plain bearer.
 */
import type { Context, MiddlewareHandler } from "hono";
import { DeputizeError, isDeputizeError, scopeIsSubset } from "@deputize/core";
import { bearerChallenge } from "@deputize/client";
import type { Broker, BrokerCaller } from "../../broker/broker.ts";
import type { RefusalLog } from "./refusal-log.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** Set behind `BrokerGuard.bearer`. */
    brokerCaller: BrokerCaller;
  }
}

/** Checks a proof of possession (RFC 9449 §4.3) against the token that it comes with. Throws `invalid_token`. */
export type CheckProof = (request: {
  readonly proof: string;
  readonly method: string;
  /** The address that was asked for, without query. */
  readonly url: string;
  readonly token: string;
  readonly jkt: string;
}) => Promise<void>;

export interface BrokerGuardOptions {
  readonly broker: Pick<Broker, "verify">;
  readonly checkProof: CheckProof;
  readonly refusalLog: RefusalLog;
  readonly sourceOf: (c: Context) => string;
  /** The public origin, which proofs name. */
  readonly publicUrl: string;
}

export interface BrokerGuard {
  /** Who sends a request. Throws `unauthenticated`, `invalid_token`. */
  caller(c: Context): Promise<BrokerCaller>;
  /** Lets callers pass whose token holds `scope`; anybody with a token when there is none. */
  bearer(scope?: string): MiddlewareHandler;
}

/** One text for all: it never says what was wrong. */
const REFUSED = "the token is invalid, expired or revoked";
const FORM = /^(Bearer|DPoP) (\S+)$/;

function refused(cause?: unknown): DeputizeError {
  return new DeputizeError("invalid_token", REFUSED, { cause });
}

export function brokerGuard(options: BrokerGuardOptions): BrokerGuard {
  const { broker, refusalLog, sourceOf } = options;
  const publicOrigin = new URL(options.publicUrl);

  async function authenticate(c: Context): Promise<BrokerCaller> {
    const header = c.req.header("authorization");
    c.set("challenge", bearerChallenge({ realm: "broker" }));
    if (header === undefined || header === "") {
      throw new DeputizeError("unauthenticated", "send `Authorization: Bearer <token>`");
    }
    c.set("challenge", bearerChallenge({ realm: "broker", error: "invalid_token" }));
    const [, scheme, token] = FORM.exec(header) ?? [];
    if (scheme === undefined || token === undefined) {
      throw new DeputizeError("unauthenticated", "the `Authorization` header is not `Bearer <token>`");
    }
    const caller = await broker.verify(token);
    if (caller.jkt === undefined) {
      if (scheme !== "Bearer") throw refused();
      return caller;
    }
    c.set("challenge", 'DPoP error="invalid_token", algs="EdDSA"');
    const proof = c.req.header("dpop");
    if (scheme !== "DPoP" || proof === undefined) throw refused();
    const jkt = caller.jkt;
    const under = (origin: string): Promise<void> =>
      options.checkProof({ proof, method: c.req.method, url: `${origin}${c.req.path}`, token, jkt });
    // A proof names the public address, or the one of this machine's that was asked: `Host` is one of ours here.
    const asked = `${publicOrigin.protocol}//${c.req.header("host") ?? publicOrigin.host}`;
    try {
      await under(publicOrigin.origin);
    } catch (error) {
      if (asked === publicOrigin.origin || !isDeputizeError(error, "invalid_token")) throw error;
      await under(asked);
    }
    return caller;
  }

  /** As `authenticate`, with one text for everything that is wrong with a token, and a trace of it. */
  async function caller(c: Context): Promise<BrokerCaller> {
    try {
      return await authenticate(c);
    } catch (error) {
      if (!isDeputizeError(error) || error.status !== 401) throw error;
      await refusalLog.refused({
        type: "token_auth_failed",
        reason: error.code,
        source: sourceOf(c),
        detail: { path: c.req.path.slice(0, 200) },
      });
      throw error.code === "unauthenticated" ? error : refused(error);
    }
  }

  return {
    caller,
    bearer(scope) {
      return async function brokerBearer(c, next) {
        const found = await caller(c);
        if (scope !== undefined && !scopeIsSubset([scope], found.scopes)) {
          await refusalLog.refused({
            type: "scope_violation",
            reason: "insufficient_scope",
            source: sourceOf(c),
            caller: found,
            detail: { needed: scope, path: c.req.path.slice(0, 200) },
          });
          c.set("challenge", bearerChallenge({ realm: "broker", error: "insufficient_scope", scope }));
          throw new DeputizeError("insufficient_scope", `this route needs the scope ${scope}`);
        }
        c.set("brokerCaller", found);
        await next();
      };
    },
  };
}

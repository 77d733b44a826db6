/**
 * Authentication by token for Hono (RFC 6750, and RFC 9449 for key-bound tokens) with protected-resource challenges (RFC 9728).
 *
 * Guarantees: the handler runs only with a caller whose token this verifier accepted for this audience, and
 * inside that caller's context. Tokens in the query or the body are never read.
 */
import type { Context, MiddlewareHandler } from "hono";
import { type Caller, DeputizeError, requireCaller, scopeIsSubset, withCaller } from "@deputize/core";
import type { TokenVerifier } from "../verifier-core.ts";
import { readPresentedToken } from "./presented-token.ts";

export interface BearerAuthOptions {
  readonly verifier: TokenVerifier;
  /** This resource server's own audience; a token for another is refused. */
  readonly audience: string;
  /** Where this resource's RFC 9728 metadata is served; named in challenges. */
  readonly resourceMetadata?: string;
  /** The origin that clients use, which proofs name; behind a proxy the request's own is another. */
  readonly publicUrl?: string;
  /** Called for each refusal, to count it (SR-19). Gets no token. */
  readonly onRefused?: (code: string) => void;
}

declare module "hono" {
  interface ContextVariableMap {
    caller: Caller;
  }
}

function quote(value: string): string {
  return `"${value.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "")}"`;
}

/** A `Bearer` challenge (RFC 6750 §3, RFC 9728 §5.1). */
export function bearerChallenge(parameters: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${quote(value)}`],
  );
  return pairs.length > 0 ? `Bearer ${pairs.join(", ")}` : "Bearer";
}

/** Refuses with 401 and a challenge, or runs the rest as the verified caller. Throws when wired without an audience. */
export function bearerAuth(options: BearerAuthOptions): MiddlewareHandler {
  if (!options.audience) throw new DeputizeError("config_invalid", "bearerAuth needs an audience");
  const metadata = options.resourceMetadata;
  const origin = options.publicUrl === undefined ? undefined : new URL(options.publicUrl).origin;

  function challenge(c: Context, authorization: string | undefined): void {
    if (authorization === undefined) {
      c.set("challenge", bearerChallenge({ resource_metadata: metadata }));
    } else if (/^dpop /i.test(authorization)) {
      c.set("challenge", 'DPoP error="invalid_token", algs="EdDSA ES256"');
    } else {
      c.set("challenge", bearerChallenge({ error: "invalid_token", resource_metadata: metadata }));
    }
  }

  return async function bearerAuth(c, next) {
    const authorization = c.req.header("authorization");
    challenge(c, authorization);
    let caller: Caller;
    try {
      const { token, dpop } = readPresentedToken({
        authorization,
        dpop: c.req.header("dpop"),
        method: c.req.method,
        url: origin === undefined ? c.req.url : `${origin}${c.req.path}`,
      });
      caller = await options.verifier.verify(token, { audience: options.audience, ...(dpop && { dpop }) });
    } catch (error) {
      options.onRefused?.(error instanceof DeputizeError ? error.code : "internal");
      throw error;
    }
    c.set("caller", caller);
    await withCaller(caller, next);
  };
}

/** Refuses with 403 `insufficient_scope` unless the caller holds every scope. Names them in the challenge. */
export function requireScope(...scopes: readonly string[]): MiddlewareHandler {
  if (scopes.length === 0) throw new DeputizeError("config_invalid", "requireScope needs a scope");
  return async function requireScope(c, next) {
    if (!scopeIsSubset(scopes, requireCaller().scopes)) {
      c.set("challenge", bearerChallenge({ error: "insufficient_scope", scope: scopes.join(" ") }));
      throw new DeputizeError("insufficient_scope", "this needs a scope that the caller does not hold", {
        detail: { scope: scopes.join(" ") },
      });
    }
    await next();
  };
}

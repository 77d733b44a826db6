/**
 * A worker in front of one route: authenticated, and holding the very scope that the request needs.
 *
 * Guarantees: the handler runs only for a worker's token that covers what `scope` answers for this request; a `scope` that
 * answers nothing, or throws, refuses.
 */
import { DeputizeError, requireCaller, scopeIsSubset } from "@deputize/core";
import type { Context, MiddlewareHandler } from "hono";
import { type BearerAuthOptions, bearerAuth, bearerChallenge } from "./bearer-auth.ts";

export interface RequireWorkerOptions extends BearerAuthOptions {
  /** What this request needs, such as `` `read:data:customer-${c.req.param("id")}` ``; one or several, all needed. */
  readonly scope: (c: Context) => string | readonly string[];
}

/** Refuses with 401, or with 403 `insufficient_scope` naming the scope. Throws when wired without an audience. */
export function requireWorker(options: RequireWorkerOptions): MiddlewareHandler {
  const authenticate = bearerAuth(options);
  return async function requireWorker(c, next) {
    await authenticate(c, async () => {
      const caller = requireCaller();
      if (caller.subjectKind !== "app" || caller.actors.length === 0) {
        throw new DeputizeError("forbidden", "this is for workers; send a worker's token");
      }
      const needed = [options.scope(c)].flat();
      if (needed.length === 0 || !scopeIsSubset(needed, caller.scopes)) {
        c.set("challenge", bearerChallenge({ error: "insufficient_scope", scope: needed.join(" ") }));
        throw new DeputizeError("insufficient_scope", "this needs a scope that the worker does not hold", {
          detail: { scope: needed.join(" ") },
        });
      }
      await next();
    });
  };
}

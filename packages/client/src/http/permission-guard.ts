/**
 * An API whose every route declares the permission that it needs.
 *
 * Guarantees: a handler runs only for a caller whose token this verifier accepted and whose signed scopes hold the route's
 * permission, with no question to any database [AA-D06]; `assertEveryRouteDeclares` stops the start when a route declares
 * nothing, so that nobody forgets one [AA-F09]; each decision about a known caller is told, with its reason, before the
 * handler runs, and when that fails the request fails.
 * Does not: look at rows. A permission says what kind of thing a caller may do.
 */
import type { Context, Hono, MiddlewareHandler } from "hono";
import {
  type Caller,
  DeputizeError,
  isDeputizeError,
  permissionScope,
  requireCaller,
  scopeIsSubset,
} from "@deputize/core";
import type { TokenVerifier } from "../verifier-core.ts";
import { bearerAuth, bearerChallenge } from "./bearer-auth.ts";

export interface AccessDecision {
  readonly caller: Caller;
  /** As the route declares it. */
  readonly permission: string;
  readonly allowed: boolean;
  /** The code of the refusal. */
  readonly reason?: string;
  /** Method and path of the route, such as `GET /data/weather`. */
  readonly resource: string;
}

export interface PermissionGuardOptions {
  readonly verifier: TokenVerifier;
  /** This API's own audience. */
  readonly audience: string;
  /** Told of each decision before the handler runs; for the audit log. */
  readonly onDecision?: (decision: AccessDecision) => Promise<unknown> | unknown;
  /** Told of each refusal of somebody unknown, to count it. */
  readonly onRefused?: (code: string, c: Context) => void;
  /** Asked of each caller after their token and before their permission, such as a rate limit. Throws to refuse. */
  readonly admit?: (caller: Caller, c: Context) => Promise<void>;
}

export interface PermissionGuard {
  /** Lets callers pass who hold a permission: a scope, or short for one (`read_weather`). Throws `invalid_scope`. */
  needs(permission: string): MiddlewareHandler;
  /** Declares that a route is for everybody. */
  readonly nothing: MiddlewareHandler;
}

/** The handlers that declare something. Private, so that nothing else passes for one. */
const declares = new WeakSet<object>();

function declaring(handler: MiddlewareHandler): MiddlewareHandler {
  declares.add(handler);
  return handler;
}

/** Throws `config_invalid` when wired without an audience. */
export function permissionGuard(options: PermissionGuardOptions): PermissionGuard {
  const { verifier, audience, onDecision, onRefused, admit } = options;

  return {
    nothing: declaring(async (_c, next) => next()),
    needs(permission) {
      const scope = permissionScope(permission);
      return declaring(async (c, next) => {
        const authenticate = bearerAuth({
          verifier,
          audience,
          ...(onRefused && { onRefused: (code) => onRefused(code, c) }),
        });
        await authenticate(c, async () => {
          const caller = requireCaller();
          const decided = { caller, permission, resource: `${c.req.method} ${c.req.path}` };
          try {
            await admit?.(caller, c);
            if (!scopeIsSubset([scope], caller.scopes)) {
              c.set("challenge", bearerChallenge({ error: "insufficient_scope", scope }));
              throw new DeputizeError("insufficient_scope", "Permission Denied", { detail: { permission } });
            }
          } catch (error) {
            const reason = isDeputizeError(error) ? error.code : "internal";
            await onDecision?.({ ...decided, allowed: false, reason });
            throw error;
          }
          await onDecision?.({ ...decided, allowed: true });
          await next();
        });
      });
    },
  };
}

/**
 * Call it when all routes of `app` are there, before it serves. Throws `config_invalid` naming each route whose first
 * handler is neither `guard.needs(…)` nor `guard.nothing`.
 */
export function assertEveryRouteDeclares(app: Pick<Hono, "routes">): void {
  const first = new Map<string, object>();
  for (const { method, path, handler } of app.routes) {
    // Middleware for many paths passes on to the routes behind it, which declare for themselves.
    if (method === "ALL" && path.endsWith("*")) continue;
    const name = `${method} ${path}`;
    if (!first.has(name)) first.set(name, handler);
  }
  const open = [...first].filter(([, handler]) => !declares.has(handler)).map(([name]) => name);
  if (open.length === 0) return;
  throw new DeputizeError(
    "config_invalid",
    `${open.join(", ")}: every route declares its permission; put \`guard.needs("…")\` or \`guard.nothing\` first`,
  );
}

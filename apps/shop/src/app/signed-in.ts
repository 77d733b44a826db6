/**
 * Who is behind a request to the API, for the routes of the shop itself.
 *
 * Guarantees: a cookie session (with CSRF proof on writes) or a bearer token for this API, never both; checked against
 * the database, so that a signed-out or deactivated person is refused at once. The handler runs as the caller.
 */
import type { AuthenticateRequest } from "@deputize/authority";
import { type Caller, DeputizeError, requireCaller, withCaller } from "@deputize/core";
import { type Watch, pollWatch } from "@deputize/server";
import type { Context, MiddlewareHandler } from "hono";

/** Refuses with 401 unless somebody is signed in. */
export function signedIn(authenticate: AuthenticateRequest): MiddlewareHandler {
  return async function signedIn(c, next) {
    const caller = await authenticate(c.req.raw);
    c.set("caller", caller);
    c.header("Cache-Control", "no-store");
    await withCaller(caller, next);
  };
}

/** Runs as the caller when there is one. A credential that does not hold is refused, not ignored. */
export function maybeSignedIn(authenticate: AuthenticateRequest): MiddlewareHandler {
  return async function maybeSignedIn(c, next) {
    const { headers } = c.req.raw;
    const none =
      !headers.has("authorization") && !(headers.get("cookie") ?? "").includes("deputize_session=");
    if (none) return next();
    return withCaller(await authenticate(c.req.raw), next);
  };
}

/** Refuses with 403 whoever acts for the person, such as an agent. Behind `signedIn`. */
export const ownActOnly: MiddlewareHandler = async (_c, next) => {
  const { actors } = requireCaller();
  if (actors.length > 0)
    throw new DeputizeError("first_party_session_required", "only the person does this, by themselves");
  await next();
};

/** Watches the sign-in behind a request, for its streams [SR-26]. */
export function watchSignIn(authenticate: AuthenticateRequest, c: Context, caller: Caller): Watch {
  const request = c.req.raw;
  return pollWatch(async () => {
    const now = await authenticate(request);
    return now.subject === caller.subject && now.roles.join() === caller.roles.join();
  });
}

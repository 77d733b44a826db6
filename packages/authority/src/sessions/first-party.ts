/**
 * Who may decide: a person, at their own session, shortly after proving who they are.
 *
 * Guarantees: refused are agents, apps, exchanged and delegated tokens (they have the person as `sub`, so the
 * subject alone proves nothing), tokens of a browser's session used as bearer, sessions that ended, and sign-ins
 * older than twelve hours, or than what the route allows. The answer is read from the database in the transaction of what is decided, and the
 * session's row is locked until it commits.
 * Relies on: `sessions.authenticate` having checked the CSRF proof of a cookie's write.
 * Attack answered: an agent that approves its own call [SR-05], or opens a case [SR-04].
 */
import { type Caller, type CallerSession, type Clock, DeputizeError, isUuid } from "@deputize/core";
import type { Queryable } from "@deputize/store";
import { findSession } from "./session-rows.ts";

/** A working day: asked for again before the second one. */
export const RECENT_SIGN_IN_SECONDS = 12 * 3600;

function refused(message: string): DeputizeError {
  return new DeputizeError("first_party_session_required", message);
}

/**
 * The caller's own session, when they proved who they are within `withinSeconds`. Throws `first_party_session_required`.
 */
export async function requireFirstParty(
  tx: Queryable,
  caller: Caller,
  clock: Clock,
  withinSeconds: number = RECENT_SIGN_IN_SECONDS,
): Promise<CallerSession> {
  const grant = caller.grants[0];
  if (
    caller.actors.length > 0 ||
    caller.subjectKind !== "user" ||
    caller.grants.length !== 1 ||
    grant === undefined ||
    !isUuid(caller.session?.id)
  ) {
    throw refused("only the person can do this, at a session of their own; open the page or sign in");
  }
  await tx.query("SELECT 1 FROM authority.sessions WHERE id = $1 FOR SHARE", [caller.session.id]);
  const session = await findSession(tx, "id", caller.session.id, clock.nowMs());
  const fits =
    session?.grant === grant &&
    session.grantState === "active" &&
    session.person.id === caller.subject &&
    session.person.tenant === caller.tenant &&
    // A cookie's caller has no token, a bearer's has one: a token taken from a browser's session is neither.
    (session.kind === "api") === (caller.token !== undefined);
  if (!session || !fits) throw refused("the session has ended; sign in again");
  if (clock.nowMs() - session.authenticatedAt > withinSeconds * 1000) {
    const span =
      withinSeconds === RECENT_SIGN_IN_SECONDS ? "twelve hours" : `${Math.floor(withinSeconds / 60)} minutes`;
    throw refused(`sign in again: this needs a sign-in of the last ${span}`);
  }
  return { id: session.id, authenticatedAt: Math.floor(session.authenticatedAt / 1000) };
}

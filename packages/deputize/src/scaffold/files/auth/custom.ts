/**
 * Your own sign-in: sessions that this server signed, of users who are in `users.json`. Replace both by what you have; keep the three
 * answers: `skip` for what is no credential of yours, a code for one that does not hold, an identity for one that does.
 */
import { readFileSync } from "node:fs";
import { nowSeconds, systemClock } from "deputize";
import type { AuthOutcome, AuthRequest, Authenticator } from "deputize/authenticators";
import type { AuthContext } from "deputize/server";
import { readSession } from "./session.ts";

interface User {
  readonly username: string;
  readonly roles: readonly string[];
  readonly active: boolean;
}

const USERS = new Map(
  Object.entries(
    JSON.parse(readFileSync(new URL("./users.json", import.meta.url), "utf8")) as Record<string, User>,
  ),
);

export class Sessions implements Authenticator {
  readonly name = "sessions";
  readonly #secret: string;

  constructor({ env }: AuthContext) {
    this.#secret = env["SESSION_SECRET"] ?? "";
    if (this.#secret.length < 32) throw new Error("SESSION_SECRET needs 32 characters or more");
  }

  async authenticate({ bearer }: AuthRequest): Promise<AuthOutcome> {
    if (bearer === undefined || !bearer.startsWith("sess_")) return { ok: false, skip: true };
    const session = readSession(bearer, this.#secret);
    const user = session && USERS.get(session.userId);
    if (!session || !user) return { ok: false, skip: false, code: "INVALID_TOKEN" };
    if (session.expiresAt <= nowSeconds(systemClock))
      return { ok: false, skip: false, code: "EXPIRED_TOKEN" };
    if (!user.active) return { ok: false, skip: false, code: "REVOKED_TOKEN" };
    const { username, roles } = user;
    return {
      ok: true,
      identity: { userId: session.userId, username, roles: [...roles], expiresAt: session.expiresAt },
    };
  }
}

/**
 * How operators and apps get their tokens, and how operators take tokens back.
 *
 * Guarantees: limits come before anything is read or compared; a secret is compared in constant time, and an unknown app
 * costs what a wrong secret costs; every failure is traced with its source.
 */
import { type Context, Hono } from "hono";
import { DeputizeError, isDeputizeError } from "@deputize/core";
import type { Broker, BrokerToken } from "../../broker/broker.ts";
import type { BrokerGuard } from "./guard.ts";
import type { BrokerRateLimits } from "./rate-limits.ts";
import { checkBroker, readBrokerBody, readBrokerJson } from "./read-body.ts";
import type { RefusalLog, RefusalType } from "./refusal-log.ts";
import { AdminAuthBody, AppAuthBody, RevokeBody } from "./schemas.ts";

export interface SignInRoutesOptions {
  readonly broker: Broker;
  readonly guard: BrokerGuard;
  readonly refusalLog: RefusalLog;
  readonly limits: BrokerRateLimits;
  /** True for the installation's own admin secret, if it counts now. Compares in constant time. */
  readonly adminSecretMatches: (secret: string) => boolean;
  readonly sourceOf: (c: Context) => string;
}

function signedIn({ token, expiresIn }: BrokerToken) {
  return { access_token: token, expires_in: expiresIn, token_type: "Bearer" };
}

export function signInRoutes(options: SignInRoutesOptions): Hono {
  const { broker, guard, refusalLog, limits, adminSecretMatches, sourceOf } = options;
  const app = new Hono();

  /** Runs a sign-in and traces what it refuses. */
  async function traced<T>(c: Context, type: RefusalType, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDeputizeError(error) && (error.status === 401 || error.status === 429)) {
        await refusalLog.refused({
          type: error.status === 429 ? "rate_limited" : type,
          reason: error.code,
          source: sourceOf(c),
          detail: { path: c.req.path },
        });
      }
      throw error;
    }
  }

  app.post("/v1/admin/auth", (c) =>
    traced(c, "admin_auth_failed", async () => {
      await limits.admin(sourceOf(c));
      const value = await readBrokerJson(c);
      if (typeof value === "object" && value !== null && "client_secret" in value) {
        throw new DeputizeError(
          "invalid_request",
          "operators sign in with `secret`; apps at POST /v1/app/auth",
        );
      }
      const { secret } = checkBroker(AdminAuthBody, value);
      // Both are always looked at: the time does not tell whose secret it was, or whether it was one.
      const whole = adminSecretMatches(secret);
      const scoped = await broker.operatorToken(secret);
      if (!whole && !scoped) throw new DeputizeError("invalid_credentials", "the secret is no operator's");
      return c.json(signedIn(whole || !scoped ? await broker.adminToken() : scoped));
    }),
  );

  app.post("/v1/app/auth", (c) =>
    traced(c, "app_auth_failed", async () => {
      const source = sourceOf(c);
      await limits.appSource(source);
      const value = await readBrokerJson(c);
      const claimed = (value as { client_id?: unknown } | null)?.client_id;
      if (typeof claimed === "string") await limits.app(claimed.slice(0, 200), source);
      const { client_id: clientId, client_secret: clientSecret } = checkBroker(AppAuthBody, value);
      const token = await broker.apps.signIn({ clientId, clientSecret });
      return c.json({ ...signedIn(token), scopes: token.scopes });
    }),
  );

  app.post("/v1/revoke", guard.bearer("admin:revoke:*"), async (c) => {
    const body = await readBrokerBody(c, RevokeBody);
    const { level, target } = body;
    const { count } = await broker.revoke(c.get("brokerCaller"), {
      level,
      target,
      ...(body.app_id !== undefined && { appId: body.app_id }),
      ...(body.reason !== undefined && { reason: body.reason }),
      ...(body.dry_run !== undefined && { dryRun: body.dry_run }),
    });
    return c.json({ revoked: body.dry_run !== true, level, target, count });
  });

  return app;
}

/**
 * HTTP of an agent's own tokens: sign in with a key, refresh, revoke, introspect.
 *
 * Guarantees: a wrong key, an unknown one and a suspended agent's answer alike; no answer is stored by a cache. Whoever
 * holds a token may end it (RFC 7009). What a token says is answered to the agent itself, its owner, administrators and
 * services of the installation; to everybody else every token is inactive (RFC 7662 §2.2).
 */
import { type Context, Hono } from "hono";
import { type VerifiedToken, problemHandler, readJson } from "@deputize/client";
import type { PrincipalId } from "@deputize/core";
import type { Store } from "@deputize/store";
import type { AgentToken } from "../agents/agent-sessions.ts";
import type { Agents } from "../agents/agents.ts";
import type { Principals } from "../principals/principals.ts";
import type { AuthenticateRequest } from "../sessions/request-authenticator.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Tokens } from "../tokens/tokens.ts";
import * as shapes from "./agent-schemas.ts";
import { authenticateRequest } from "./client-authentication.ts";

export interface AgentAuthRoutesOptions {
  readonly agents: Agents;
  readonly sessions: Pick<Sessions, "signOutByRefreshToken">;
  readonly tokens: Tokens;
  readonly principals: Principals;
  readonly store: Store;
  readonly authenticate: AuthenticateRequest;
  readonly sourceOf: (c: Context) => string;
}

/** Who asks about a token. */
interface Asker {
  readonly tenant: string;
  readonly principal: PrincipalId;
  /** True for services of the installation and administrators, who may ask about every token. */
  readonly trusted: boolean;
}

export function agentAuthRoutes(options: AgentAuthRoutesOptions): Hono {
  const { agents, sessions, tokens, principals, store, authenticate, sourceOf } = options;
  const app = new Hono();
  problemHandler(app);
  app.use("/auth/*", async (c, next) => {
    c.header("Cache-Control", "no-store");
    await next();
  });

  function tokenAnswer(c: Context, token: AgentToken): Response {
    return c.json({
      access_token: token.token,
      token_type: "bearer",
      expires_in: token.expiresIn,
      refresh_token: token.refreshToken,
      scope: token.scopes.join(" "),
    });
  }

  app.post("/auth/login", async (c) => {
    const { api_key, audience, scope } = await readJson(c, shapes.AgentLoginBody);
    const token = await agents.signIn({
      apiKey: api_key,
      source: sourceOf(c),
      ...(audience !== undefined && { audience }),
      ...(scope !== undefined && { scopes: scope.split(" ").filter((one) => one !== "") }),
    });
    return tokenAnswer(c, token);
  });

  app.post("/auth/refresh", async (c) => {
    const { refresh_token } = await readJson(c, shapes.AgentRefreshBody);
    return tokenAnswer(c, await agents.refresh(refresh_token, sourceOf(c)));
  });

  app.post("/auth/revoke", async (c) => {
    const { token } = await readJson(c, shapes.AgentTokenBody);
    const verified = await tokens.stands(token);
    if (verified) {
      await store.transaction("authority", (tx) => tokens.revoke(tx, verified, "revoked_by_holder"));
    } else {
      await sessions.signOutByRefreshToken(token);
    }
    // RFC 7009 §2.2: an unknown token is as good as revoked.
    return c.json({});
  });

  async function asker(c: Context): Promise<Asker> {
    if (/^Basic /i.test(c.req.header("authorization") ?? "")) {
      const client = await authenticateRequest(c, {}, agents.authenticate, sourceOf(c));
      if (client) {
        const found = await principals.get(store.pool("authority"), {
          tenant: client.tenant,
          id: client.principal,
        });
        return { ...client, trusted: found?.kind === "service" };
      }
    }
    const caller = await authenticate(c.req.raw);
    const first = caller.actors.length === 0;
    return {
      tenant: caller.tenant,
      principal: caller.actors[0] ?? caller.subject,
      trusted:
        first &&
        (caller.subjectKind === "service" ||
          (caller.session !== undefined && caller.roles.includes("admin"))),
    };
  }

  function mayKnow({ tenant, principal, trusted }: Asker, { claims, caller }: VerifiedToken): boolean {
    if (claims.tenant !== tenant) return false;
    return trusted || caller.subject === principal || caller.token?.owner === principal;
  }

  app.post("/auth/introspect", async (c) => {
    const who = await asker(c);
    const { token } = await readJson(c, shapes.AgentTokenBody);
    const verified = await tokens.stands(token);
    if (!verified || !mayKnow(who, verified)) return c.json({ active: false });
    return c.json({
      active: true,
      token_type: "bearer",
      ...(verified.caller.subjectKind === "agent" && { agent_id: verified.caller.subject }),
      ...verified.claims,
    });
  });

  return app;
}

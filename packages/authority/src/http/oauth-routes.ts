/**
 * `POST /oauth/token` (RFC 6749, 8693), `/oauth/introspect` (RFC 7662), `/oauth/revoke` (RFC 7009).
 *
 * Guarantees: nothing but `issue` makes a token here; errors are problem documents that also carry OAuth's
 * `error` and `error_description`; no answer is stored by a cache (RFC 6749 §5.1).
 */
import { type Context, Hono } from "hono";
import { z } from "zod";
import {
  DeputizeError,
  type DeputizeErrorCode,
  type Problem,
  constraintsMember,
  isDeputizeError,
} from "@deputize/core";
import { problemHandler, readForm } from "@deputize/client";
import type { Store } from "@deputize/store";
import type { Broker } from "../broker/broker.ts";
import type { ClientCredentials } from "../exchange/client-credentials.ts";
import type { Mandates } from "../mandates/mandates.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { SignedToken } from "../tokens/issue.ts";
import type { Tokens } from "../tokens/tokens.ts";
import {
  type AuthenticateClient,
  type AuthenticatedClient,
  authenticateActorToken,
  authenticateRequest,
} from "./client-authentication.ts";

export const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const JWT = "urn:ietf:params:oauth:token-type:jwt";

/** The refresh grant and refresh-token revocation, by whoever keeps sessions. */
export interface RefreshHandler {
  /** Throws `invalid_grant`. */
  refresh(refreshToken: string, source: string): Promise<Record<string, unknown>>;
  /** Ends the session of a refresh token; no error when there is none. */
  revoke(refreshToken: string): Promise<void>;
}

export interface OauthRoutesOptions {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly exchange: Exchange;
  readonly clientCredentials: ClientCredentials;
  readonly authenticateClient: AuthenticateClient;
  /** Where agents get tokens under mandates; without it none are. */
  readonly mandates?: Pick<Mandates, "token">;
  readonly refreshHandler?: RefreshHandler;
  readonly apiAudience: string;
  /** Where a request comes from, for throttling. */
  readonly sourceOf: (c: Context) => string;
  /** Tokens of workers are introspected too, and apps and operators may ask with their own. */
  readonly broker?: Pick<Broker, "verify">;
}

const Text = z.string().min(1).max(8192);
const Many = z.union([Text.transform((one) => [one]), z.array(Text).max(32)]);
const Scope = z
  .string()
  .max(4096)
  .transform((text) => text.split(" ").filter((scope) => scope !== ""));
const client = { client_id: z.string().max(200).optional(), client_secret: z.string().max(1024).optional() };

const ConstraintsText = z
  .string()
  .max(8_192)
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "is no JSON", input: text });
      return z.NEVER;
    }
  })
  .pipe(constraintsMember);

export const TokenForm = z.discriminatedUnion("grant_type", [
  z.strictObject({
    ...client,
    grant_type: z.literal(TOKEN_EXCHANGE),
    subject_token: Text,
    subject_token_type: z.enum([ACCESS_TOKEN, JWT]),
    actor_token: Text.optional(),
    actor_token_type: z.enum([ACCESS_TOKEN, JWT]).optional(),
    requested_token_type: z.enum([ACCESS_TOKEN, JWT]).optional(),
    audience: Many.optional(),
    resource: Many.optional(),
    scope: Scope.optional(),
    /** JSON, since a form holds text. */
    constraints: ConstraintsText.optional(),
  }),
  z.strictObject({
    ...client,
    grant_type: z.literal("client_credentials"),
    /** For the person who made this mandate, instead of for the client itself. */
    mandate_id: z.uuid().optional(),
    audience: Many.optional(),
    resource: Many.optional(),
    scope: Scope.optional(),
  }),
  z.strictObject({
    ...client,
    grant_type: z.literal("refresh_token"),
    refresh_token: Text,
    scope: Scope.optional(),
  }),
]);

export const TokenOnlyForm = z.strictObject({
  ...client,
  token: Text,
  token_type_hint: z.string().max(100).optional(),
});

/** OAuth's words for our codes (RFC 6749 §5.2, RFC 8693 §2.2.2). */
const OAUTH_ERROR: Partial<Record<DeputizeErrorCode, string>> = {
  invalid_client: "invalid_client",
  invalid_grant: "invalid_grant",
  not_found: "invalid_grant",
  invalid_scope: "invalid_scope",
  scope_exceeded: "invalid_scope",
  invalid_target: "invalid_target",
  unsupported_grant_type: "unsupported_grant_type",
  forbidden: "unauthorized_client",
  depth_exceeded: "unauthorized_client",
  rate_limited: "temporarily_unavailable",
  unavailable: "temporarily_unavailable",
};

/** The OAuth members of a problem document. */
function oauthMembers(problem: Problem): Record<string, unknown> {
  const fallback = problem.status >= 500 ? "server_error" : "invalid_request";
  return { error: OAUTH_ERROR[problem.code] ?? fallback, error_description: problem.detail };
}

function tokenResponse(c: Context, signed: SignedToken, extra: Record<string, unknown> = {}): Response {
  c.header("Cache-Control", "no-store");
  return c.json({
    access_token: signed.token,
    token_type: "Bearer",
    expires_in: signed.expiresIn,
    scope: signed.grant.scopes.join(" "),
    ...extra,
  });
}

function audiencesOf(form: { audience?: string[] | undefined; resource?: string[] | undefined }): string[] {
  const audiences = [...new Set([...(form.audience ?? []), ...(form.resource ?? [])])];
  if (audiences.length === 0) throw new DeputizeError("invalid_target", "name an `audience` or `resource`");
  return audiences;
}

export function oauthRoutes(options: OauthRoutesOptions): Hono {
  const { tokens, exchange, clientCredentials, authenticateClient, refreshHandler, broker } = options;
  const app = new Hono();
  problemHandler(app, { extend: oauthMembers });

  async function requireClient(
    c: Context,
    form: { client_id?: string | undefined; client_secret?: string | undefined },
  ): Promise<AuthenticatedClient> {
    const found = await authenticateRequest(c, form, authenticateClient, options.sourceOf(c));
    if (!found) throw new DeputizeError("invalid_client", "authenticate the client first");
    return found;
  }

  /** Throws `not_found` for what is not the client's mandate, `invalid_grant` when it has ended. */
  async function underMandate(
    found: AuthenticatedClient,
    form: Extract<z.output<typeof TokenForm>, { grant_type: "client_credentials" }>,
  ): Promise<SignedToken> {
    if (!options.mandates) throw new DeputizeError("invalid_request", "mandates are not offered here");
    try {
      return await options.mandates.token(found, {
        mandateId: form.mandate_id ?? "",
        ...((form.audience ?? form.resource) && { audiences: audiencesOf(form) }),
        ...(form.scope && { scopes: form.scope }),
      });
    } catch (error) {
      if (!isDeputizeError(error, "grant_revoked")) throw error;
      throw new DeputizeError("invalid_grant", "the mandate has ended", { cause: error });
    }
  }

  app.post("/oauth/token", async (c) => {
    const form = await readForm(c, TokenForm);
    switch (form.grant_type) {
      case TOKEN_EXCHANGE: {
        const byCredential = await authenticateRequest(c, form, authenticateClient, options.sourceOf(c));
        const byToken =
          form.actor_token === undefined
            ? undefined
            : await authenticateActorToken(tokens, form.actor_token, options.apiAudience);
        const exchanger = byCredential ?? byToken;
        if (!exchanger) throw new DeputizeError("invalid_client", "authenticate the exchanging client first");
        const actor = byToken ?? exchanger;
        try {
          const subject = await tokens.read(form.subject_token);
          if (subject.caller.tenant !== exchanger.tenant || actor.tenant !== exchanger.tenant) {
            throw new DeputizeError("invalid_grant", "the subject token is not of this tenant");
          }
          const signed = await exchange.token(subject, {
            exchanger: exchanger.principal,
            actor: actor.principal,
            audiences: audiencesOf(form),
            ...(form.scope && { scopes: form.scope }),
            ...(form.constraints && { constraints: form.constraints }),
            ...(exchanger.key && { notAfter: exchanger.key.endsAt }),
          });
          return tokenResponse(c, signed, { issued_token_type: ACCESS_TOKEN });
        } catch (error) {
          if (isDeputizeError(error, "grant_revoked") || isDeputizeError(error, "invalid_token")) {
            throw new DeputizeError("invalid_grant", "the subject token is invalid, expired or revoked", {
              cause: error,
            });
          }
          throw error;
        }
      }
      case "client_credentials": {
        const found = await requireClient(c, form);
        if (form.mandate_id !== undefined) return tokenResponse(c, await underMandate(found, form));
        const signed = await clientCredentials(found, {
          audiences: audiencesOf(form),
          ...(form.scope && { scopes: form.scope }),
        });
        return tokenResponse(c, signed);
      }
      case "refresh_token": {
        if (!refreshHandler) throw new DeputizeError("unsupported_grant_type", "refresh is not offered here");
        c.header("Cache-Control", "no-store");
        return c.json(await refreshHandler.refresh(form.refresh_token, options.sourceOf(c)));
      }
    }
  });

  /** RFC 7662 §2.1 lets a protected resource show a token of its own: here one of an app or an operator. */
  async function askingBroker(c: Context): Promise<{ readonly tenant: string } | undefined> {
    const own = /^Bearer (\S+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    if (own === undefined || !broker) return undefined;
    c.set("challenge", 'Bearer error="invalid_token"');
    const caller = await broker.verify(own);
    // A worker that could look into other tokens would learn who else is at work.
    if (caller.kind === "agent") throw new DeputizeError("forbidden", "workers do not introspect tokens");
    return caller;
  }

  /** The claims of a worker's token, in the form of RFC 7662. */
  async function brokerClaims(token: string, tenant: string): Promise<Record<string, unknown> | undefined> {
    try {
      const caller = await broker?.verify(token);
      if (!caller || caller.tenant !== tenant) return undefined;
      const type = caller.jkt === undefined ? "Bearer" : "DPoP";
      return { ...caller.claims, token_type: type, scope: caller.scopes.join(" "), client_id: caller.sub };
    } catch (error) {
      if (isDeputizeError(error) && error.status === 401) return undefined;
      throw error;
    }
  }

  app.post("/oauth/introspect", async (c) => {
    const form = await readForm(c, TokenOnlyForm);
    const asker = (await askingBroker(c)) ?? (await requireClient(c, form));
    c.header("Cache-Control", "no-store");
    const verified = await tokens.stands(form.token);
    // Another tenant's token is as unknown as a forged one.
    if (verified && verified.caller.tenant === asker.tenant) {
      return c.json({ active: true, token_type: "Bearer", ...verified.claims });
    }
    const claims = await brokerClaims(form.token, asker.tenant);
    return c.json(claims ? { active: true, ...claims } : { active: false });
  });

  app.post("/oauth/revoke", async (c) => {
    const form = await readForm(c, TokenOnlyForm);
    // Holding a token is enough to end it; a client that does authenticate must do so rightly.
    await authenticateRequest(c, form, authenticateClient, options.sourceOf(c));
    const verified = await tokens.stands(form.token);
    if (verified) {
      await options.store.transaction("authority", (tx) => tokens.revoke(tx, verified, "revoked_by_holder"));
    } else {
      await refreshHandler?.revoke(form.token);
    }
    // RFC 7009 §2.2: an unknown token is as good as revoked.
    return c.body(null, 200);
  });

  return app;
}

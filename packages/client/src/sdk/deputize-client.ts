/**
 * A small client for programs: sign in, refresh, exchange, revoke, introspect, and a token per audience that is
 * renewed before it runs out.
 *
 * Guarantees: secrets are sent in bodies and headers only, never in URLs; redirects are refused; an error of
 * the authority arrives as a `DeputizeError` with its code. Does not: store anything on disk.
 */
import { tracedFetch } from "../http/traced-fetch.ts";
import { z } from "zod";
import {
  type Clock,
  type Constraint,
  DeputizeError,
  type DeputizeErrorCode,
  ERROR_STATUS,
  nowSeconds,
  systemClock,
} from "@deputize/core";

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

/** What the refresh tokens of agents begin with. */
const AGENT_REFRESH_PREFIX = "dar_";

const TokenResponse = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).optional(),
  expires_in: z.number().positive().optional(),
  scope: z.string().optional(),
});

const ProblemDocument = z.object({
  code: z.string(),
  detail: z.string(),
  request_id: z.string().optional(),
});

const Introspection = z.looseObject({ active: z.boolean() });

export interface IssuedToken {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
  readonly scopes?: readonly string[];
}

/** Gives a usable access token for one audience. */
export type TokenProvider = () => Promise<string>;

export interface DeputizeClientOptions {
  readonly authorityUrl: string;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** How this program authenticates itself at the token endpoint. */
  readonly credential?: { readonly clientId: string; readonly secret: string };
  readonly timeoutMs?: number;
}

/** A token is replaced this long before it expires, so that it does not die on the way. */
const RENEW_BEFORE_SECONDS = 30;

function isErrorCode(code: string): code is DeputizeErrorCode {
  return Object.hasOwn(ERROR_STATUS, code);
}

async function toError(response: Response): Promise<DeputizeError> {
  const problem = ProblemDocument.safeParse(await response.json().catch(() => undefined));
  const code: DeputizeErrorCode =
    problem.success && isErrorCode(problem.data.code)
      ? problem.data.code
      : response.status >= 500
        ? "unavailable"
        : "invalid_request";
  const message = problem.success ? problem.data.detail : `the authority answered ${response.status}`;
  const retryAfter = Number(response.headers.get("retry-after"));
  return new DeputizeError(code, message, retryAfter > 0 ? { retryAfterSeconds: retryAfter } : {});
}

export class DeputizeClient {
  readonly #authorityUrl: string;
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;
  readonly #credential: DeputizeClientOptions["credential"];
  readonly #timeoutMs: number;

  constructor(options: DeputizeClientOptions) {
    if (!URL.canParse(options.authorityUrl)) {
      throw new DeputizeError("config_invalid", "`authorityUrl` is a URL");
    }
    this.#authorityUrl = options.authorityUrl.replace(/\/$/, "");
    this.#fetch = tracedFetch(options.fetch ?? fetch);
    this.#clock = options.clock ?? systemClock;
    this.#credential = options.credential;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /** Signs a person in. Throws `invalid_credentials`, `rate_limited`. */
  async login(credentials: { readonly email: string; readonly password: string }): Promise<IssuedToken> {
    return this.#issued(await this.#json("/api/auth/login", credentials));
  }

  /**
   * Signs an agent in with its API key: a token for one audience, the authority's API unless told, for all that the agent
   * may do or only for `scopes`. Throws `invalid_credentials`, `invalid_target`, `invalid_scope`, `rate_limited`.
   */
  async loginWithApiKey(
    apiKey: string,
    options: { readonly audience?: string; readonly scopes?: readonly string[] } = {},
  ): Promise<IssuedToken> {
    const body = {
      api_key: apiKey,
      ...(options.audience !== undefined && { audience: options.audience }),
      ...(options.scopes && { scope: options.scopes.join(" ") }),
    };
    return this.#issued(await this.#json("/auth/login", body));
  }

  /**
   * Trades a refresh token, a person's or an agent's, for the next pair; the old one is spent. Throws `invalid_token`.
   */
  async refresh(refreshToken: string): Promise<IssuedToken> {
    const path = refreshToken.startsWith(AGENT_REFRESH_PREFIX) ? "/auth/refresh" : "/api/auth/refresh";
    return this.#issued(await this.#json(path, { refresh_token: refreshToken }));
  }

  /** Ends a person's session. */
  async logout(refreshToken: string): Promise<void> {
    await this.#json("/api/auth/logout", { refresh_token: refreshToken });
  }

  /** A narrower token for the next hop (RFC 8693). Throws `forbidden`, `invalid_target`, `scope_exceeded`. */
  async exchange(request: {
    readonly subjectToken: string;
    readonly audience: string | readonly string[];
    readonly scopes?: readonly string[];
    /** Beside those of the token, which stay. */
    readonly constraints?: Readonly<Record<string, Constraint>>;
    readonly actorToken?: string;
  }): Promise<IssuedToken> {
    const form = new URLSearchParams({
      grant_type: TOKEN_EXCHANGE,
      subject_token: request.subjectToken,
      subject_token_type: ACCESS_TOKEN,
    });
    for (const audience of [request.audience].flat()) form.append("audience", audience);
    if (request.scopes) form.set("scope", request.scopes.join(" "));
    if (request.constraints) form.set("constraints", JSON.stringify(request.constraints));
    if (request.actorToken !== undefined) {
      form.set("actor_token", request.actorToken);
      form.set("actor_token_type", ACCESS_TOKEN);
    }
    return this.#issued(await this.#form("/oauth/token", form));
  }

  /** A token for this program itself (RFC 6749 §4.4). */
  async clientCredentials(request: {
    readonly audience: string;
    readonly scopes?: readonly string[];
  }): Promise<IssuedToken> {
    return this.#credentialsGrant({ resource: request.audience }, request.scopes);
  }

  /**
   * A token for this agent under a person's mandate; for the first of its audiences unless told. Throws `not_found` for a mandate
   * that is not this agent's, `invalid_grant` when it has ended, `invalid_target`, and `forbidden` while the person's permission
   * does not stand.
   */
  async underMandate(request: {
    readonly mandateId: string;
    readonly audience?: string;
    readonly scopes?: readonly string[];
  }): Promise<IssuedToken> {
    const { mandateId, audience, scopes } = request;
    return this.#credentialsGrant(
      { mandate_id: mandateId, ...(audience !== undefined && { resource: audience }) },
      scopes,
    );
  }

  async #credentialsGrant(
    fields: Readonly<Record<string, string>>,
    scopes: readonly string[] | undefined,
  ): Promise<IssuedToken> {
    const form = new URLSearchParams({ grant_type: "client_credentials", ...fields });
    if (scopes) form.set("scope", scopes.join(" "));
    return this.#issued(await this.#form("/oauth/token", form));
  }

  /** Ends a token and what was made from it (RFC 7009). */
  async revoke(token: string): Promise<void> {
    await this.#form("/oauth/revoke", new URLSearchParams({ token }));
  }

  /** What the authority says of a token (RFC 7662). */
  async introspect(token: string): Promise<{ readonly active: boolean; readonly [claim: string]: unknown }> {
    return Introspection.parse(await this.#form("/oauth/introspect", new URLSearchParams({ token })));
  }

  /**
   * Keeps one token and gets the next shortly before it expires. `get` is any of the methods above. Callers at
   * the same moment share one request; a failed one is not remembered.
   */
  tokenProvider(get: () => Promise<IssuedToken>): TokenProvider {
    let held: IssuedToken | undefined;
    let getting: Promise<IssuedToken> | undefined;
    return async () => {
      if (held && nowSeconds(this.#clock) < held.expiresAt - RENEW_BEFORE_SECONDS) return held.accessToken;
      getting ??= get().finally(() => {
        getting = undefined;
      });
      held = await getting;
      return held.accessToken;
    };
  }

  #issued(body: unknown): IssuedToken {
    const token = TokenResponse.parse(body);
    return {
      accessToken: token.access_token,
      ...(token.refresh_token !== undefined && { refreshToken: token.refresh_token }),
      // No lifetime said is not "for ever": ask again next time.
      expiresAt: nowSeconds(this.#clock) + (token.expires_in ?? 0),
      ...(token.scope !== undefined && { scopes: token.scope.split(" ") }),
    };
  }

  #json(path: string, body: object): Promise<unknown> {
    return this.#send(path, JSON.stringify(body), { "Content-Type": "application/json" });
  }

  #form(path: string, form: URLSearchParams): Promise<unknown> {
    const headers: Record<string, string> = { "Content-Type": "application/x-www-form-urlencoded" };
    if (this.#credential) {
      // RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
      const pair = [this.#credential.clientId, this.#credential.secret].map(encodeURIComponent).join(":");
      headers["Authorization"] = `Basic ${Buffer.from(pair).toString("base64")}`;
    }
    return this.#send(path, form.toString(), headers);
  }

  async #send(path: string, body: string, headers: Record<string, string>): Promise<unknown> {
    let response: Response;
    try {
      response = await this.#fetch(`${this.#authorityUrl}${path}`, {
        method: "POST",
        headers: { Accept: "application/json", ...headers },
        body,
        redirect: "error",
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
    } catch (cause) {
      throw new DeputizeError("unavailable", "the authority cannot be reached", { cause });
    }
    if (!response.ok) throw await toError(response);
    return response.status === 204 || response.headers.get("content-length") === "0"
      ? {}
      : response.json().catch(() => ({}));
  }
}

/**
 * Opaque tokens, by asking whoever made them (RFC 7662).
 *
 * Guarantees: a yes is kept until the token ends and 60 s at most, a no 10 s, both under the token's digest and apart, so that strangers' tokens
 * push out nobody's; one question a token at a time. A provider that fails again and again is left alone for a while; whoever asks meanwhile
 * hears 503 at once. What the provider says is held to the rules of signed tokens: active, issuer, audience, user, times.
 */
import { hash } from "node:crypto";
import { DeputizeError, isDeputizeError, nowSeconds } from "@deputize/core";
import {
  circuitBreaker,
  fetchJson,
  isLocalHttp,
  providerMetadata,
  providerUrl,
  readRegistered,
  throughCircuits,
} from "@deputize/mcp/auth";
import { z } from "zod";
import { type AuthOutcome, rejected } from "./authenticator.ts";
import { type IdentityTokenRules, identityOfClaims, rejectionOf } from "./identity-tokens.ts";
import { shortCache } from "./short-cache.ts";

export interface IntrospectionOptions {
  /** Who this server is to the provider. */
  readonly clientId: string;
  readonly clientSecret: string;
  /** Where to ask; the provider's metadata says unless told. */
  readonly endpoint?: string;
  /** How long a yes is kept, 0 to 60 seconds; 30 unless told. A token that was taken back may pass for so long. */
  readonly cacheSeconds?: number;
  /** Failures in a row after which the provider is left alone; 5 unless told. */
  readonly failures?: number;
  /** For how long; 10 seconds unless told. */
  readonly restSeconds?: number;
}

type Rules = Pick<
  IdentityTokenRules,
  | "identityIssuer"
  | "audience"
  | "leewaySeconds"
  | "clock"
  | "userClaims"
  | "rolesAt"
  | "scopesAt"
  | "tenantAt"
  | "also"
> & { readonly issuer: string };

interface Answer {
  readonly outcome: AuthOutcome;
  /** Epoch seconds; a yes that ends. */
  readonly expiresAt?: number;
}

const NO_SECONDS = 10;
const MOST_SECONDS = 60;
const SIZE = 10_000;
const Active = z.looseObject({ active: z.boolean() });

/** A function that answers who an opaque token is of. Throws `unavailable` while nobody can be asked. */
export function introspection(
  options: IntrospectionOptions & {
    readonly name: string;
    readonly rules: Rules;
    readonly fetch: typeof fetch;
  },
) {
  const { name, rules, fetch: get, clientId, clientSecret, cacheSeconds = 30, restSeconds = 10 } = options;
  const { clock, issuer } = rules;
  if (!clientId || !clientSecret || !(cacheSeconds >= 0 && cacheSeconds <= MOST_SECONDS))
    throw new DeputizeError(
      "config_invalid",
      `${name}: introspection needs \`clientId\` and \`clientSecret\`, and keeps answers 0 to ${MOST_SECONDS} seconds`,
    );
  const local = isLocalHttp(providerUrl(issuer, "the issuer"));
  let endpoint =
    options.endpoint === undefined ? undefined : providerUrl(options.endpoint, "`endpoint`", local);
  const circuit = circuitBreaker({
    failures: options.failures ?? 5,
    resetMs: restSeconds * 1000,
    perTool: false,
    counts: () => true,
  });
  const yes = shortCache<Answer>({ size: SIZE, clock });
  const no = shortCache<Answer>({ size: SIZE, clock });

  async function question(token: string, signal: AbortSignal): Promise<unknown> {
    if (!endpoint) {
      const { introspection_endpoint } = await providerMetadata(issuer, get, signal);
      if (introspection_endpoint === undefined) throw new Error("the issuer answers no introspection");
      endpoint = providerUrl(introspection_endpoint, "`introspection_endpoint`", local);
    }
    const credentials = [clientId, clientSecret].map(formEncoded).join(":");
    return fetchJson(endpoint, get, {
      method: "POST",
      signal,
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      },
      body: new URLSearchParams({ token, token_type_hint: "access_token" }).toString(),
    });
  }

  async function ask(token: string, signal: AbortSignal): Promise<Answer> {
    let said: z.infer<typeof Active>;
    try {
      const call = { tool: name, clock, signal, cancelled: () => false };
      said = await throughCircuits([circuit], call, async () => Active.parse(await question(token, signal)));
    } catch (cause) {
      if (isDeputizeError(cause, "unavailable")) throw cause;
      throw new DeputizeError("unavailable", "the provider cannot be asked", { cause, retryAfterSeconds: 1 });
    }
    if (!said.active)
      return { outcome: rejected("INVALID_TOKEN", "the provider says that it is not active") };
    try {
      // RFC 7662 §2.2: it may leave out who it is, since it was asked itself.
      const claims = Object.hasOwn(said, "iss") ? said : { ...said, iss: issuer };
      const { exp } = readRegistered(claims, rules, nowSeconds(clock));
      rules.also?.(claims, nowSeconds(clock));
      return { outcome: { ok: true, identity: identityOfClaims(claims, rules, exp) }, expiresAt: exp };
    } catch (error) {
      return { outcome: rejectionOf(error) };
    }
  }

  return async (token: string, signal: AbortSignal): Promise<AuthOutcome> => {
    const key = hash("sha256", token, "base64url");
    const now = () => clock.monotonicMs();
    // What is kept in the one cache was never in the other: a no is looked for first, and asked for through the yes.
    const answer = await no.get(
      key,
      () =>
        yes.get(
          key,
          () => ask(token, signal),
          (one) => (one.outcome.ok ? now() + keepMs(one) : 0),
        ),
      (one) => (one.outcome.ok ? 0 : now() + NO_SECONDS * 1000),
    );
    const ended =
      answer.expiresAt !== undefined && answer.expiresAt + rules.leewaySeconds <= nowSeconds(clock);
    return ended ? rejected("EXPIRED_TOKEN", "the token has expired") : answer.outcome;
  };

  function keepMs({ expiresAt = 0 }: Answer): number {
    return Math.min(cacheSeconds, expiresAt - nowSeconds(clock)) * 1000;
  }
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. */
function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}

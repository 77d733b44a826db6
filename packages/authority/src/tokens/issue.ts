/**
 * The one signer. A token is a snapshot of one grant that the database confirmed moments ago, rendered in a
 * profile; there is no other way to get one, whatever the route (SR-25).
 *
 * Guarantees: a token never outlives its grant nor the longest token lifetime; its claims come from the grant
 * alone, epochs of the whole path included (SR-12). Profiles differ in issuer and `typ` (SR-09).
 */
import { type CallerSession, type Clock, DeputizeError, type PrincipalId, randomHex } from "@deputize/core";
import { type DelegationLink, signCompactJws } from "@deputize/client";
import { type Grant, assertJustRead } from "../grants/grant.ts";
import type { Keys } from "../keys/keys.ts";
import { agentwritClaims } from "./agentwrit-profile.ts";
import { oauthClaims } from "./oauth-profile.ts";

export interface IssueOptions {
  /** 60 minutes unless told. */
  readonly lifetimeSeconds?: number;
  /** Only some of the grant's audiences. */
  readonly audiences?: readonly string[];
  /** RFC 7800 confirmation: the token is of use only with this key. */
  readonly cnf?: { readonly jkt: string };
  /** For a person's own session: which one, and when they last proved who they are. */
  readonly session?: CallerSession;
  /** For an agent that signs in by itself: with which key, and who owns it. Ids, never names. */
  readonly agent?: { readonly keyId: string; readonly owner?: PrincipalId };
}

export interface AgentwritOptions extends IssueOptions {
  /** `admin`, `app:<app_id>` or a SPIFFE id. `aud` is claimed only when `audiences` is given. */
  readonly sub: string;
  /** The app's name outside. */
  readonly appId?: string;
  /** The hops that led here, oldest first. */
  readonly chain?: readonly DelegationLink[];
  /** 32 hex digits, chosen before the grant was written. */
  readonly jti?: string;
  /** Epoch seconds at which the grant was written; the present second unless told. */
  readonly issuedAt?: number;
}

export interface SignedToken {
  readonly token: string;
  readonly jti: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
  readonly expiresIn: number;
  readonly grant: Grant;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface Issue {
  (grant: Grant, profile: "oauth", options?: IssueOptions): Promise<SignedToken>;
  (grant: Grant, profile: "agentwrit", options: AgentwritOptions): Promise<SignedToken>;
}

export interface ProfileInput {
  readonly grant: Grant;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly jti: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export function createIssue(context: {
  readonly keys: Keys;
  readonly clock: Clock;
  readonly issuer: string;
  /** Issuer of the `agentwrit` profile; must differ. */
  readonly agentwritIssuer: string;
  readonly defaultLifetimeSeconds: number;
  readonly maxLifetimeSeconds: number;
  readonly agentwritMaxLifetimeSeconds: number;
}): Issue {
  if (context.issuer === context.agentwritIssuer) {
    throw new DeputizeError("config_invalid", "each token profile needs an issuer of its own");
  }

  return async function issue(
    grant: Grant,
    profile: "oauth" | "agentwrit",
    options: IssueOptions | AgentwritOptions = {},
  ): Promise<SignedToken> {
    const { keys, clock } = context;
    const signer = await keys.signer();
    assertJustRead(grant, clock);
    const audiences = options.audiences ?? grant.audiences;
    if (audiences.length === 0 || !audiences.every((audience) => grant.audiences.includes(audience))) {
      throw new DeputizeError("invalid_target", "the grant is not for that audience");
    }
    const lifetime = Math.min(
      options.lifetimeSeconds ?? context.defaultLifetimeSeconds,
      profile === "oauth" ? context.maxLifetimeSeconds : context.agentwritMaxLifetimeSeconds,
    );
    const fixed: Partial<AgentwritOptions> = profile === "agentwrit" ? options : {};
    const issuedAt = fixed.issuedAt ?? Math.floor(clock.nowMs() / 1000);
    // Whole seconds, rounded down: a token never outlives its grant by a fraction. The broker protocol's tokens are good
    // through the second of `exp`, so theirs is the one before.
    const lastSecond = Math.floor(grant.expiresAt / 1000) - (profile === "agentwrit" ? 1 : 0);
    const expiresAt = Math.min(issuedAt + lifetime, lastSecond);
    if (!(expiresAt > issuedAt)) {
      throw new DeputizeError("grant_revoked", "the grant is about to end; renew it or get a new one");
    }
    const jti = fixed.jti ?? randomHex(16);
    const common = { grant, audiences, jti, issuedAt, expiresAt };
    const [typ, claims] =
      profile === "oauth"
        ? (["at+jwt", oauthClaims({ ...common, issuer: context.issuer }, options)] as const)
        : ([
            "JWT",
            agentwritClaims({ ...common, issuer: context.agentwritIssuer }, options as AgentwritOptions),
          ] as const);
    const token = signCompactJws({ alg: "EdDSA", typ, kid: signer.kid }, claims, signer.privateKey);
    return { token, jti, expiresAt, expiresIn: expiresAt - issuedAt, grant, claims };
  };
}

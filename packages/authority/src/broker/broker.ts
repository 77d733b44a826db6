/**
 * What the broker does: apps with ceilings launch workers, each with a key and a credential of one task; workers renew,
 * hand on, release. The interface of the rooms in this folder, apart from how they are kept; the HTTP face is
 * `http/broker/`. Wire shapes: the AgentWrit protocol.
 */
import type { Constraint, GrantId, PrincipalId } from "@deputize/core";

/** Whoever sends a verified broker token: an operator, an app, or a worker. */
export interface BrokerCaller {
  readonly kind: "admin" | "app" | "agent";
  readonly tenant: string;
  /** `admin`, `admin:<name>`, `app:<app_id>`, or a SPIFFE id. */
  readonly sub: string;
  /** Who acts. */
  readonly principal: PrincipalId;
  /** The app that it belongs to; an app's own id for an app. */
  readonly app?: PrincipalId;
  readonly scopes: readonly string[];
  /** Root to leaf. */
  readonly grants: readonly GrantId[];
  readonly epochs: Readonly<Record<string, number>>;
  readonly jti: string;
  /** May be empty. */
  readonly taskId: string;
  readonly orchId: string;
  /** Epoch seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Of the key that the token is bound to (RFC 9449). */
  readonly jkt?: string;
  /** All claims, as `validate` shows them. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface BrokerToken {
  readonly token: string;
  readonly expiresIn: number;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface AppView {
  readonly id: PrincipalId;
  /** `app-{name}-{6 hex}`. */
  readonly appId: string;
  readonly name: string;
  readonly clientId: string;
  /** The ceiling of everything that the app's workers may hold. */
  readonly scopes: readonly string[];
  readonly tokenTtlSeconds: number;
  readonly status: "active" | "inactive";
  /** Registration must carry `transcript_signature`. */
  readonly requireTranscript: boolean;
  /** Times in epoch milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly deregisteredAt?: number;
}

export interface Apps {
  /** Throws `invalid_request`, `invalid_scope` (malformed or reserved), `invalid_ttl`, `conflict`. */
  register(
    by: BrokerCaller,
    request: {
      readonly name: string;
      readonly scopes: readonly string[];
      readonly tokenTtlSeconds?: number;
      readonly requireTranscript?: boolean;
    },
  ): Promise<AppView & { readonly clientSecret: string }>;
  /** Newest last; `next` is the cursor of the page after. */
  list(
    by: BrokerCaller,
    page?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<{ readonly apps: readonly AppView[]; readonly total: number; readonly next?: string }>;
  /** Throws `not_found`. */
  get(by: BrokerCaller, appId: string): Promise<AppView>;
  /** All or nothing. Grants above a narrowed ceiling end, with what is below them. */
  update(
    by: BrokerCaller,
    appId: string,
    change: {
      readonly scopes?: readonly string[];
      readonly tokenTtlSeconds?: number;
      readonly requireTranscript?: boolean;
    },
  ): Promise<AppView>;
  /** Ends the app's tokens, launch tokens and workers in one transaction. Repeatable. */
  deregister(by: BrokerCaller, appId: string): Promise<AppView>;
  /** A second secret; the old one works for `overlapSeconds` more. */
  rotateSecret(
    by: BrokerCaller,
    appId: string,
    overlapSeconds: number,
  ): Promise<{ readonly clientSecret: string }>;
  /** Throws `invalid_credentials`, the same and at the same cost for every reason. */
  signIn(credentials: { readonly clientId: string; readonly clientSecret: string }): Promise<BrokerToken>;
}

export interface OperatorView {
  readonly id: PrincipalId;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly status: "active" | "inactive";
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly removedAt?: number;
}

/** Each throws `forbidden` where the operator holds, or would hold, more than `by`; `not_found` for an unknown name. */
export interface Operators {
  /** The secret is told once. Throws `invalid_scope` for what is no admin scope, `conflict` for a name that was used. */
  add(
    by: BrokerCaller,
    request: { readonly name: string; readonly scopes: readonly string[] },
  ): Promise<OperatorView & { readonly secret: string }>;
  /** By name, removed ones too. */
  list(): Promise<readonly OperatorView[]>;
  /** Ends its secrets and tokens at once. Repeatable. */
  remove(by: BrokerCaller, name: string): Promise<OperatorView>;
  /** A second secret; the old one works for `overlapSeconds` more, or dies at once with its tokens for 0. */
  rotate(by: BrokerCaller, name: string, overlapSeconds: number): Promise<{ readonly secret: string }>;
}

export interface LaunchTokens {
  /** Throws `forbidden` above the ceiling or for a reserved scope, `invalid_request`. */
  create(
    by: BrokerCaller,
    request: {
      readonly agentName: string;
      readonly allowedScope: readonly string[];
      readonly maxTtlSeconds?: number;
      readonly singleUse?: boolean;
      readonly ttlSeconds?: number;
      /** What workers are held to, and whoever they delegate to. */
      readonly constraints?: Readonly<Record<string, Constraint>>;
      /** For an operator: whose ceiling holds; the operator's own policy otherwise. */
      readonly appId?: string;
    },
  ): Promise<{
    readonly launchToken: string;
    /** Epoch milliseconds. */
    readonly expiresAt: number;
    readonly allowedScope: readonly string[];
    readonly maxTtlSeconds: number;
  }>;
}

export interface Workers {
  /** Costs nothing to keep: the nonce proves itself, and only its use is written down. */
  challenge(): { readonly nonce: string; readonly expiresIn: number };
  /** Order of checks as the protocol says. Throws `invalid_request`, `invalid_credentials` (401), `scope_exceeded`. */
  register(request: {
    readonly launchToken: string;
    readonly nonce: string;
    /** Padded base64 of 32 and of 64 bytes. */
    readonly publicKey: string;
    readonly signature: string;
    readonly orchId: string;
    readonly taskId: string;
    readonly requestedScope: readonly string[];
    readonly transcriptSignature?: string;
    /** Bind the token to the key (`cnf.jkt`). */
    readonly bind?: boolean;
  }): Promise<BrokerToken & { readonly agentId: string }>;
  /** The old token dies first. Only workers renew. Throws `forbidden`, `invalid_token`. */
  renew(by: BrokerCaller): Promise<BrokerToken>;
  /** Ends the grant and everything below it. */
  release(by: BrokerCaller): Promise<void>;
  /** Throws `forbidden`, `scope_exceeded`, `depth_exceeded`, `not_found`. */
  delegate(
    by: BrokerCaller,
    request: {
      readonly delegateTo: string;
      readonly scope: readonly string[];
      readonly ttlSeconds?: number;
      /** Beside the delegator's own, which stay. `scope_exceeded` for a name that it uses for another limit. */
      readonly constraints?: Readonly<Record<string, Constraint>>;
      /** The delegator's own proof: `jti` chosen by it, signature (padded base64) over `delegationStatement`. */
      readonly jti?: string;
      readonly signature?: string;
    },
  ): Promise<BrokerToken & { readonly delegationChain: readonly unknown[] }>;
}

export const REVOKE_LEVELS = ["token", "agent", "task", "chain", "app", "tenant", "user"] as const;
export type RevokeLevel = (typeof REVOKE_LEVELS)[number];

export interface Broker {
  readonly apps: Apps;
  readonly operators: Operators;
  readonly launchTokens: LaunchTokens;
  readonly workers: Workers;
  /** A token of the operator of the installation's own secret, after the HTTP face compared the secret. */
  adminToken(): Promise<BrokerToken>;
  /** The token of the operator whose secret this is; undefined for every wrong one, at one cost. */
  operatorToken(secret: string): Promise<BrokerToken | undefined>;
  /**
   * The caller of a token that stands: canonical, signed, of the broker's issuer, in time, not revoked as far as this
   * process's fresh feed knows. Throws `invalid_token`, the same for every reason. Must be cheap: every request pays it.
   */
  verify(token: string): Promise<BrokerCaller>;
  /** Ends what the target names, with everything below. Answers how many grants ended; 0 for an unknown target. */
  revoke(
    by: BrokerCaller,
    request: {
      readonly level: RevokeLevel;
      readonly target: string;
      readonly appId?: string;
      readonly reason?: string;
      /** Changes nothing, and answers how many would end. */
      readonly dryRun?: boolean;
    },
  ): Promise<{ readonly count: number }>;
  close(): Promise<void>;
}

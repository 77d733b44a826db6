/**
 * Wires the authority. Each room is a folder of its own; this file only puts them together.
 */
import { type Context, Hono } from "hono";
import { type Clock, DeputizeError, type PrincipalId, newId, systemClock } from "@deputize/core";
import { type AuditLog, type RefusalCounter, refusalCounter } from "@deputize/audit";
import type { Ephemeral, Store } from "@deputize/store";
import type { PasswordHasher } from "./credentials/password.ts";
import {
  type ClientCredentials,
  type HoldingsOfClient,
  createClientCredentials,
} from "./exchange/client-credentials.ts";
import { type Exchange, createExchange } from "./exchange/exchange.ts";
import type { Broker } from "./broker/broker.ts";
import { type BrokerOptions, brokerSettings } from "./broker/broker-settings.ts";
import { type BrokerRooms, createBroker } from "./broker/create-broker.ts";
import { meteredExchange } from "./exchange/metered-exchange.ts";
import { isFirstParty } from "./first-party.ts";
import { type Grants, createGrants } from "./grants/grants.ts";
import { agentAuthRoutes } from "./http/agent-auth.ts";
import { agentRoutes } from "./http/agents.ts";
import { type ApprovalRoutesOptions, approvalRoutes } from "./http/approvals.ts";
import { caseRoutes } from "./http/cases.ts";
import { mandateRoutes } from "./http/mandates.ts";
import type { AuthenticateClient } from "./http/client-authentication.ts";
import { type RefreshHandler, oauthRoutes } from "./http/oauth-routes.ts";
import { type PeopleRoutesOptions, peopleRoutes } from "./http/people.ts";
import { revocationRoutes } from "./http/revocation-routes.ts";
import { wellKnownRoutes } from "./http/well-known.ts";
import type { Mandates } from "./mandates/mandates.ts";
import { type Keys, type SigningKeyStore, createKeys } from "./keys/keys.ts";
import type { PrivateJwk } from "./keys/private-key.ts";
import { type PeopleRooms, createPeopleRooms } from "./people-rooms.ts";
import { type AuthorityPolicy, apiAudience, writePolicy } from "./policy.ts";
import { type Principals, createPrincipals } from "./principals/principals.ts";
import { endRestored } from "./restore.ts";
import { type Revocation, createRevocation } from "./revocation/revocation.ts";
import { type Issue, createIssue } from "./tokens/issue.ts";
import type { AgentLimits } from "./throttle/agent-throttle.ts";
import { type Statistics, createStatistics } from "./statistics.ts";
import { type Tokens, createTokens } from "./tokens/tokens.ts";

export interface TokenLifetimes {
  /** 60 minutes unless told. */
  readonly accessSeconds?: number;
  /** Tokens of agents and exchanges; 300 s unless told. */
  readonly workerSeconds?: number;
}

export interface GrantCoreOptions {
  readonly store: Store;
  readonly audit: Pick<AuditLog, "record" | "append">;
  readonly clock?: Clock;
  readonly issuer: string;
  readonly signingKeys: readonly PrivateJwk[];
  /** Where rotation keeps new keys; without it no rotation begins here. */
  readonly signingKeyStore?: SigningKeyStore;
  readonly policy: AuthorityPolicy;
  readonly tenant?: string;
  readonly lifetimes?: TokenLifetimes;
  readonly broker?: BrokerOptions;
}

/** Principals, grants, keys, tokens and revocation: what the people rooms build on. */
export interface GrantCore {
  readonly clock: Clock;
  readonly tenant: string;
  readonly apiAudience: string;
  readonly principals: Principals;
  readonly grants: Grants;
  readonly keys: Keys;
  readonly issue: Issue;
  readonly tokens: Tokens;
  readonly revocation: Revocation;
  readonly lifetimes: Required<TokenLifetimes>;
  readonly statistics: Statistics;
  /** How long the feed remembers: the longest token lifetime plus skew. */
  readonly rememberSeconds: number;
}

/** Tokens may be verified on a clock that is a little behind ours. */
const SKEW_SECONDS = 120;

/** Throws `config_invalid`. */
export async function createGrantCore(options: GrantCoreOptions): Promise<GrantCore> {
  const { store, audit, issuer, policy } = options;
  const clock = options.clock ?? systemClock;
  const tenant = options.tenant ?? "default";
  if (!URL.canParse(issuer)) throw new DeputizeError("config_invalid", "`issuer` is the public URL");
  const lifetimes = {
    accessSeconds: options.lifetimes?.accessSeconds ?? 3600,
    workerSeconds: options.lifetimes?.workerSeconds ?? 300,
  };
  const maxLifetimeSeconds = Math.max(lifetimes.accessSeconds, lifetimes.workerSeconds);
  const broker = brokerSettings(options.broker);
  const longestSeconds = options.broker
    ? Math.max(maxLifetimeSeconds, broker.lifetimes.maxSeconds, broker.lifetimes.renewSeconds)
    : maxLifetimeSeconds;
  const rememberSeconds = longestSeconds + SKEW_SECONDS;

  const principals = createPrincipals({ clock, audit, rememberSeconds });
  const grants = createGrants({ clock, audit, rememberSeconds });
  const keys = createKeys({
    store,
    clock,
    audit,
    tenant,
    privateKeys: options.signingKeys,
    ...(options.signingKeyStore && { keyStore: options.signingKeyStore }),
    overlapSeconds: rememberSeconds,
  });
  const issue = createIssue({
    keys,
    clock,
    issuer,
    agentwritIssuer: broker.issuer,
    defaultLifetimeSeconds: lifetimes.accessSeconds,
    maxLifetimeSeconds,
    agentwritMaxLifetimeSeconds: broker.lifetimes.maxSeconds,
  });
  const tokens = createTokens({ store, keys, clock, issuer, audit, rememberSeconds });
  const revocation = createRevocation({ store, clock, audit, grants, tenant, newEpoch: () => newId(clock) });

  await store.transaction("authority", (tx) => writePolicy(tx, tenant, policy));
  await keys.start();
  await revocation.start();
  return {
    clock,
    tenant,
    apiAudience: apiAudience(policy),
    principals,
    grants,
    keys,
    issue,
    tokens,
    revocation,
    lifetimes,
    rememberSeconds,
    statistics: createStatistics(store),
  };
}

export interface DelegationOptions {
  readonly store: Store;
  readonly audit: Pick<AuditLog, "announce">;
  readonly refusals: Pick<RefusalCounter, "refused">;
  readonly policy: AuthorityPolicy;
  readonly issuer: string;
  readonly authenticateClient: AuthenticateClient;
  readonly holdingsOfClient?: HoldingsOfClient;
  /** Where agents get tokens under mandates; without it none are. */
  readonly mandates?: Pick<Mandates, "token">;
  readonly refreshHandler?: RefreshHandler;
  /** Where a request comes from, for throttling; behind a proxy only the composer knows. */
  readonly sourceOf?: (c: Context) => string;
  /** Whose tokens introspection knows too. */
  readonly broker?: Pick<Broker, "verify">;
}

export interface Delegation {
  readonly exchange: Exchange;
  readonly clientCredentials: ClientCredentials;
  /** OAuth, revocation and well-known routes. */
  readonly routes: Hono;
}

/** Exchange and the HTTP of tokens, over the core and what the people rooms answer. */
export function createDelegation(core: GrantCore, options: DelegationOptions): Delegation {
  const { store, policy } = options;
  const exchange = meteredExchange(
    createExchange({
      store,
      clock: core.clock,
      issue: core.issue,
      statistics: core.statistics,
      audit: options.audit,
      refusals: options.refusals,
      defaultLifetimeSeconds: core.lifetimes.workerSeconds,
      agentAt: (audience): PrincipalId | undefined => {
        const answers = policy.audiences[audience];
        return answers?.kind === "agent" ? answers.principal : undefined;
      },
      isSessionCaller: isFirstParty,
    }),
  );
  const clientCredentials = createClientCredentials({
    store,
    clock: core.clock,
    principals: core.principals,
    grants: core.grants,
    issue: core.issue,
    edges: policy.edges,
    apiAudience: core.apiAudience,
    lifetimeSeconds: core.lifetimes.workerSeconds,
    ...(options.holdingsOfClient && { holdingsOfClient: options.holdingsOfClient }),
  });
  const routes = new Hono();
  routes.route(
    "/",
    wellKnownRoutes({
      keys: core.keys,
      issuer: options.issuer,
      offersRefresh: options.refreshHandler !== undefined,
    }),
  );
  const sourceOf = options.sourceOf ?? (() => "unknown");
  routes.route("/", revocationRoutes({ revocation: core.revocation, tokens: core.tokens, sourceOf }));
  routes.route(
    "/",
    oauthRoutes({
      store,
      tokens: core.tokens,
      exchange,
      clientCredentials,
      authenticateClient: options.authenticateClient,
      ...(options.mandates && { mandates: options.mandates }),
      ...(options.refreshHandler && { refreshHandler: options.refreshHandler }),
      apiAudience: core.apiAudience,
      sourceOf,
      ...(options.broker && { broker: options.broker }),
    }),
  );
  return { exchange, clientCredentials, routes };
}

export interface AuthoritySecrets {
  /** The first signs when the database knows none yet; the others are published as next. */
  readonly signingKeys: readonly PrivateJwk[];
  /** Where rotation keeps new keys; without it no rotation begins here. */
  readonly signingKeyStore?: SigningKeyStore;
  /** 32 bytes or more, from which the keys of sessions, API keys and throttles are derived. */
  readonly rootSecret: Uint8Array;
}

export interface AuthorityOptions {
  readonly store: Store;
  readonly audit: Pick<AuditLog, "record" | "append" | "announce">;
  readonly ephemeral: Ephemeral;
  readonly clock?: Clock;
  /** The public URL. When it is https, cookies are `Secure`. */
  readonly issuer: string;
  readonly secrets: AuthoritySecrets;
  readonly policy: AuthorityPolicy;
  readonly tenant?: string;
  readonly lifetimes?: TokenLifetimes;
  /** Where a request comes from, for throttling: the socket's address, or what a trusted proxy says. */
  readonly sourceOf: (c: Context) => string;
  /** What `GET /api/auth/session` adds, such as demo accounts and the model. */
  readonly sessionExtras?: PeopleRoutesOptions["sessionExtras"];
  /** Resumes the run of an approval that was decided; see `approvalRoutes`. */
  readonly onDecided?: ApprovalRoutesOptions["onDecided"];
  /** Who may register agents: people who are signed in (`owner`, unless told), or also strangers (`open`). */
  readonly agentRegistration?: "owner" | "open";
  /** Limits of agents that differ from `AGENT_LIMITS`. */
  readonly agentLimits?: AgentLimits;
  /** For tests that count the work done. */
  readonly passwords?: PasswordHasher;
  /** Apps and workers; without it this authority is no broker. */
  readonly broker?: BrokerOptions;
}

export interface Authority extends GrantCore, Omit<Delegation, "routes">, PeopleRooms {
  /** When `broker` was asked for. Its HTTP is mounted by the composer. */
  readonly broker?: BrokerRooms;
  /** Everything the authority serves, to be mounted at the root. */
  readonly routes: Hono;
  /**
   * After restoring a backup, before serving: a new epoch, every grant, key, session, open approval and case ended, in
   * one transaction [SR-21]. Keep `signingKey` with the secrets first: everything signed from now on needs it.
   */
  afterRestore(reason: string, signingKey: PrivateJwk): Promise<void>;
  /** Writes the refusals counted so far and stops listening. */
  close(): Promise<void>;
}

/** The whole authority. Throws `config_invalid`. */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  const { store, audit, policy, issuer, sourceOf } = options;
  const core = await createGrantCore({
    store,
    audit,
    issuer,
    policy,
    signingKeys: options.secrets.signingKeys,
    ...(options.secrets.signingKeyStore && { signingKeyStore: options.secrets.signingKeyStore }),
    ...(options.clock && { clock: options.clock }),
    ...(options.tenant !== undefined && { tenant: options.tenant }),
    ...(options.lifetimes && { lifetimes: options.lifetimes }),
    ...(options.broker && { broker: options.broker }),
  });
  const refusals = refusalCounter({ log: audit, clock: core.clock, tenant: core.tenant });
  const rooms = createPeopleRooms(core, {
    store,
    audit,
    refusals,
    policy,
    ephemeral: options.ephemeral,
    rootSecret: options.secrets.rootSecret,
    ...(options.agentLimits && { agentLimits: options.agentLimits }),
    ...(options.passwords && { passwords: options.passwords }),
  });
  const broker: BrokerRooms | undefined =
    options.broker &&
    (await createBroker(core, {
      store,
      audit,
      refusals,
      rootSecret: options.secrets.rootSecret,
      settings: brokerSettings(options.broker),
    }));
  const { exchange, clientCredentials, routes } = createDelegation(core, {
    store,
    audit,
    refusals,
    policy,
    issuer,
    sourceOf,
    ...(broker && { broker }),
    authenticateClient: rooms.agents.authenticate,
    holdingsOfClient: rooms.agents.holdingsOfClient,
    mandates: rooms.mandates,
    refreshHandler: rooms.refreshHandler,
  });
  const { authenticate, authenticateForDecision } = rooms;
  const secure = new URL(issuer).protocol === "https:";
  routes.route(
    "/",
    peopleRoutes({
      ...rooms,
      sourceOf,
      secure,
      ...(options.sessionExtras && { sessionExtras: options.sessionExtras }),
    }),
  );
  routes.route(
    "/",
    agentRoutes({
      ...rooms,
      sourceOf,
      ...(options.agentRegistration && { registration: options.agentRegistration }),
    }),
  );
  routes.route(
    "/",
    agentAuthRoutes({ ...rooms, store, tokens: core.tokens, principals: core.principals, sourceOf }),
  );
  routes.route("/", approvalRoutes({ ...rooms, ...(options.onDecided && { onDecided: options.onDecided }) }));
  routes.route("/", caseRoutes({ cases: rooms.cases, authenticate, authenticateForDecision }));
  routes.route("/", mandateRoutes({ mandates: rooms.mandates, authenticate, authenticateForDecision }));
  return {
    ...core,
    ...rooms,
    exchange,
    clientCredentials,
    ...(broker && { broker }),
    routes,
    async afterRestore(reason, signingKey) {
      await store.transaction("authority", (tx) =>
        endRestored(tx, {
          store,
          audit,
          clock: core.clock,
          tenant: core.tenant,
          reason,
          signingKey,
          keys: core.keys,
        }),
      );
      await core.keys.refresh();
    },
    async close() {
      await broker?.close();
      await refusals.close();
      core.keys.close();
      await core.revocation.close();
    },
  };
}

/**
 * Puts together the rooms of people: people, sessions, agents, permissions, approvals, cases, mandates, and what the token
 * endpoints ask of them.
 */
import type { AuditLog, RefusalCounter } from "@deputize/audit";
import { type Clock, DeputizeError, isDeputizeError } from "@deputize/core";
import type { Ephemeral, Store } from "@deputize/store";
import { AGENT_REFRESH_PREFIX } from "./agents/agent-sessions.ts";
import { type Agents, createAgents } from "./agents/agents.ts";
import { type Approvals, createApprovals } from "./approvals/approvals.ts";
import { type Cases, createCases } from "./cases/cases.ts";
import { deriveKey } from "./credentials/derive-key.ts";
import { type PasswordHasher, createPasswordHasher } from "./credentials/password.ts";
import type { Grants } from "./grants/grants.ts";
import type { RefreshHandler } from "./http/oauth-routes.ts";
import { type Mandates, createMandates } from "./mandates/mandates.ts";
import { type People, createPeople } from "./people/people.ts";
import { type Permissions, createPermissions } from "./permissions/permissions.ts";
import type { AuthorityContext } from "./ports.ts";
import type { AuthorityPolicy } from "./policy.ts";
import type { Principals } from "./principals/principals.ts";
import { type AuthenticateRequest, createRequestAuthenticator } from "./sessions/request-authenticator.ts";
import { type RequireFreshSession, createRequireFreshSession } from "./sessions/fresh-session.ts";
import { type Sessions, createSessions } from "./sessions/sessions.ts";
import { createDeviceTokens } from "./throttle/device.ts";
import { type AgentLimits, type AgentThrottle, createAgentThrottle } from "./throttle/agent-throttle.ts";
import { type Throttle, createThrottle } from "./throttle/throttle.ts";
import type { Issue } from "./tokens/issue.ts";
import type { Tokens } from "./tokens/tokens.ts";

export interface PeopleRoomsOptions {
  readonly store: Store;
  readonly ephemeral: Ephemeral;
  readonly audit: Pick<AuditLog, "record" | "append">;
  readonly refusals: Pick<RefusalCounter, "count" | "refused">;
  readonly policy: AuthorityPolicy;
  /** 32 bytes or more. Throws `config_invalid`. */
  readonly rootSecret: Uint8Array;
  /** Limits of agents that differ from `AGENT_LIMITS`. */
  readonly agentLimits?: AgentLimits;
  /** For tests that count the work done. */
  readonly passwords?: PasswordHasher;
}

/** The part of the grant core that these rooms stand on. */
export interface PeopleCore {
  readonly clock: Clock;
  readonly apiAudience: string;
  readonly principals: Principals;
  readonly grants: Grants;
  readonly issue: Issue;
  readonly tokens: Tokens;
  /** Of tokens of agents, seconds. */
  readonly lifetimes: { readonly workerSeconds: number };
  /** How long the feed says that tokens ended. */
  readonly rememberSeconds: number;
}

export interface PeopleRooms {
  readonly people: People;
  readonly sessions: Sessions;
  readonly agents: Agents;
  readonly permissions: Permissions;
  readonly approvals: Approvals;
  readonly cases: Cases;
  readonly mandates: Mandates;
  readonly throttle: Throttle;
  /** Limits of agents, for their sign-in here and for requests at any API of the installation. */
  readonly agentThrottle: AgentThrottle;
  /** Who is behind a request to the API: a cookie session or a bearer token. */
  readonly authenticate: AuthenticateRequest;
  /** The same for routes where only a person's own session counts. */
  readonly authenticateForDecision: AuthenticateRequest;
  /** For what a person does about all that is kept of them. */
  readonly requireFreshSession: RequireFreshSession;
  readonly refreshHandler: RefreshHandler;
}

export function createPeopleRooms(core: PeopleCore, options: PeopleRoomsOptions): PeopleRooms {
  const { store, ephemeral, audit, refusals, policy, rootSecret } = options;
  const { clock, principals, grants, issue, tokens, apiAudience } = core;
  const context: AuthorityContext = {
    store,
    clock,
    audit,
    refusals,
    rootSecret,
    principals,
    grants,
    issue,
    policy: {
      roles: policy.roles,
      apiAudience,
      agentAudiences: [apiAudience, ...(policy.agentAudiences ?? [])],
      agentRoles: policy.agentRoles ?? {},
    },
  };
  const passwords = options.passwords ?? createPasswordHasher();
  const throttle = createThrottle({ ephemeral, key: deriveKey(rootSecret, "throttle") });
  const agentThrottle = createAgentThrottle({
    ephemeral,
    key: deriveKey(rootSecret, "throttle"),
    ...(options.agentLimits && { limits: options.agentLimits }),
  });
  const agents = createAgents(context, agentThrottle);
  const devices = createDeviceTokens({ key: deriveKey(rootSecret, "device"), clock });
  const sessions = createSessions(context, { passwords, throttle, devices });
  const permissions = createPermissions(context);
  const authenticator = (forDecisions: boolean) =>
    createRequestAuthenticator({
      sessions,
      tokens,
      refusals: options.refusals,
      apiAudience,
      forDecisions,
    });

  return {
    people: createPeople(context, passwords, core.rememberSeconds),
    sessions,
    agents,
    permissions,
    approvals: createApprovals(context),
    cases: createCases(context),
    mandates: createMandates(context, {
      permissions,
      holdingsOfClient: agents.holdingsOfClient,
      lifetimeSeconds: core.lifetimes.workerSeconds,
    }),
    throttle,
    agentThrottle,
    authenticate: authenticator(false),
    authenticateForDecision: authenticator(true),
    requireFreshSession: createRequireFreshSession(context),
    refreshHandler: {
      async refresh(refreshToken, source) {
        try {
          if (refreshToken.startsWith(`${AGENT_REFRESH_PREFIX}_`)) {
            const fresh = await agents.refresh(refreshToken, source);
            return {
              access_token: fresh.token,
              refresh_token: fresh.refreshToken,
              token_type: "Bearer",
              expires_in: fresh.expiresIn,
              scope: fresh.scopes.join(" "),
            };
          }
          const { tokens: fresh } = await sessions.refresh(refreshToken, source);
          return {
            access_token: fresh.accessToken,
            refresh_token: fresh.refreshToken,
            token_type: "Bearer",
            expires_in: fresh.expiresIn,
          };
        } catch (error) {
          if (!isDeputizeError(error, "invalid_token")) throw error;
          throw new DeputizeError("invalid_grant", error.message, { cause: error });
        }
      },
      revoke: (refreshToken) => sessions.signOutByRefreshToken(refreshToken),
    },
  };
}

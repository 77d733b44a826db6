/**
 * authority: who may act for whom, for how long, to do what; and how that ends. Principals, grants, tokens,
 * keys, revocation; people, sessions, agents, approvals and cases.
 */
export type {
  AgentPermissions,
  PermissionRequest,
  PermissionView,
  PermissionsView,
} from "./agents/agent-permissions.ts";
export type { AgentManager, AgentPage, AgentView } from "./agents/agent-rows.ts";
export type { AgentSignIn, AgentToken } from "./agents/agent-sessions.ts";
export type { Agents, RegisterRequest, RegisteredAgent } from "./agents/agents.ts";
export type { ApiKeyView, NewKey, RotateRequest } from "./agents/api-keys.ts";
export {
  APPROVAL_STATUSES,
  type ApprovalRequest,
  type ApprovalStatus,
  type ApprovalView,
  type DecidedApproval,
} from "./approvals/approval.ts";
export type { Approvals } from "./approvals/approvals.ts";
export {
  type Authority,
  type AuthorityOptions,
  type AuthoritySecrets,
  type Delegation,
  type DelegationOptions,
  type GrantCore,
  type GrantCoreOptions,
  type TokenLifetimes,
  createAuthority,
  createDelegation,
  createGrantCore,
} from "./authority.ts";
export type { BrokerLifetimes, BrokerOptions, BrokerSettings } from "./broker/broker-settings.ts";
export type {
  AppView,
  Apps,
  Broker,
  BrokerCaller,
  BrokerToken,
  LaunchTokens,
  Workers,
} from "./broker/broker.ts";
export type { BrokerRooms } from "./broker/create-broker.ts";
export {
  CASE_RESOURCES,
  type CaseResource,
  type CaseView,
  type Cases,
  OPEN_CASES_SCOPE,
} from "./cases/cases.ts";
export type { ClientCredentials, HoldingsOfClient } from "./exchange/client-credentials.ts";
export type { Exchange, ExchangeRequest } from "./exchange/exchange.ts";
export { isFirstParty, rememberFirstParty } from "./first-party.ts";
export type { Grant, GrantKind } from "./grants/grant.ts";
export type { AttenuateRequest, GrantRef, Grants, RootRequest } from "./grants/grants.ts";
export { Approval as ApprovalAnswer } from "./http/answers.ts";
export { DecideBody } from "./http/approvals.ts";
export { registryRoutes } from "./http/broker/registry.ts";
export { BROKER_ROUTES, REGISTRY_ROUTES } from "./http/broker/route-table.ts";
export { meteredBroker } from "./broker/metered-broker.ts";
export { renderEvent } from "./http/broker/audit-events.ts";
export { type BrokerRoutes, type BrokerRoutesOptions, brokerRoutes } from "./http/broker/broker-routes.ts";
export type { StraightAnswer, StraightRoute, StraightRoutes } from "./http/broker/straight-route.ts";
export type { BrokerGuard, CheckProof } from "./http/broker/guard.ts";
export {
  BROKER_CODE,
  BROKER_STATUS,
  type BrokerCode,
  type BrokerProblem,
  brokerProblemResponse,
  toBrokerProblem,
  unknownRoute,
} from "./http/broker/problem.ts";
export { brokerHeaders, brokerRequest, requestContextOf, requestIdOf } from "./http/broker/request.ts";
export type { AuthenticateClient, AuthenticatedClient } from "./http/client-authentication.ts";
export type { RefreshHandler } from "./http/oauth-routes.ts";
export { type OperatorRoutesOptions, operatorRoutes } from "./http/operator/operator-routes.ts";
export { OPERATOR_ROUTES } from "./http/operator/route-table.ts";
export { AUTHORITY_ROUTES } from "./http/route-table.ts";
export type { KeyView, Keys, SigningKeyStore } from "./keys/keys.ts";
export { type PrivateJwk, generateSigningKey } from "./keys/private-key.ts";
export {
  type LinkedCallersOptions,
  type OutsideAuthenticator,
  linkedCallers,
} from "./linked/linked-callers.ts";
export type { MandateRequest, MandateStatus, MandateView } from "./mandates/mandate.ts";
export { MANDATE_MAX_DAYS, type Mandates } from "./mandates/mandates.ts";
export type { RequireFreshSession } from "./sessions/fresh-session.ts";
export { type ErasedBy, type PersonEraser, createPersonEraser } from "./people/erase-person.ts";
export type { People } from "./people/people.ts";
export { type Person, ROLES, type Role, type UserView } from "./people/person.ts";
export type { PeopleRooms } from "./people-rooms.ts";
export type { AgentPermission, PermissionRef, Permissions } from "./permissions/permissions.ts";
export { authorityMigrations } from "./migrations.ts";
export { type AudienceKind, type AuthorityPolicy } from "./policy.ts";
export type { NewPrincipal, PrincipalRecord, PrincipalRef, Principals } from "./principals/principals.ts";
export type { FeedPlace, Revocation } from "./revocation/revocation.ts";
export { CSRF_COOKIE, SESSION_COOKIE } from "./sessions/cookies.ts";
export { CSRF_HEADER } from "./sessions/csrf.ts";
export { RECENT_SIGN_IN_SECONDS } from "./sessions/first-party.ts";
export type { AuthenticateRequest } from "./sessions/request-authenticator.ts";
export type { SessionTokens, SessionView, Sessions, SignedIn, SignInRequest } from "./sessions/sessions.ts";
export type { AgentwritOptions, Issue, IssueOptions, SignedToken } from "./tokens/issue.ts";
export type { Tokens } from "./tokens/tokens.ts";
export {
  AGENT_LIMITS,
  type AgentLimitName,
  type AgentLimits,
  type AgentThrottle,
} from "./throttle/agent-throttle.ts";
export { type RestoredEnds, endRestored } from "./restore.ts";

/**
 * client: what resource servers, tool servers and workers install. Verifies tokens offline, follows
 * revocation, guards HTTP, and gets tokens.
 */
export { DeputizeError, isDeputizeError, scopeCovers, scopeIsSubset } from "@deputize/core";
export { type FeedOptions, type RevocationFeed, createRevocationFeed } from "./feed/feed.ts";
export {
  type FeedDocument,
  type RevocationEntry,
  type RevocationState,
  type RevocationSubject,
  createRevocationState,
  principalKey,
  tokenKey,
} from "./feed/revocations.ts";
export { type BearerAuthOptions, bearerAuth, bearerChallenge, requireScope } from "./http/bearer-auth.ts";
export {
  type AccessDecision,
  type PermissionGuard,
  type PermissionGuardOptions,
  assertEveryRouteDeclares,
  permissionGuard,
} from "./http/permission-guard.ts";
export { type PresentedToken, readPresentedToken } from "./http/presented-token.ts";
export { type ProblemOptions, problemHandler, problemResponse } from "./http/problem-handler.ts";
export {
  type ReadOptions,
  parseInput,
  parseJsonText,
  readBoundedText,
  readForm,
  readJson,
} from "./http/read-body.ts";
export {
  type RequestContextOptions,
  assertOneCredential,
  assertStorableAddress,
  requestContext,
} from "./http/request-context.ts";
export { type Access, type RouteDoc, documentedPath } from "./http/route-doc.ts";
export { tracedFetch } from "./http/traced-fetch.ts";
export { type RequireWorkerOptions, requireWorker } from "./http/require-worker.ts";
export type { AgentClaims, DelegationRecord } from "./sdk/agent-claims.ts";
export { type Agent, type AutoRenew } from "./sdk/agent.ts";
export {
  type BrokerHttp,
  type BrokerHttpOptions,
  type RetryOptions,
  createBrokerHttp,
} from "./sdk/broker-http.ts";
export {
  type CreateAgentRequest,
  DeputizeApp,
  type DeputizeAppOptions,
  type HealthStatus,
} from "./sdk/deputize-app.ts";
export { type AgentFetchOptions, agentFetch } from "./sdk/agent-fetch.ts";
export {
  DeputizeClient,
  type DeputizeClientOptions,
  type IssuedToken,
  type TokenProvider,
} from "./sdk/deputize-client.ts";
export { fromEnvironment } from "./sdk/environment.ts";
export {
  AuthenticationError,
  AuthorizationError,
  CryptoError,
  type ProblemDetail,
  ProblemResponseError,
  RateLimitError,
  TransportError,
} from "./sdk/errors.ts";
export {
  type AppChange,
  type BrokerEvent,
  type EventFilter,
  type EventPage,
  OperatorClient,
  type OperatorClientOptions,
  type RegisteredApp,
  type RevocationLevel,
} from "./sdk/operator.ts";
export { startHeartbeat } from "./sdk/heartbeat.ts";
export {
  type MutualAnswer,
  type MutualHello,
  type MutualParty,
  type MutualPeer,
  type MutualProof,
  answerMutual,
  beginMutual,
} from "./sdk/mutual.ts";
export { type ToolScope, guardTools } from "./sdk/guard-tools.ts";
export { guarded } from "./sdk/guarded.ts";
export { type AgentRequest, registerAgent } from "./sdk/register-agent.ts";
export { type InvalidReason, type ValidateResult, validate } from "./sdk/validate.ts";
export { decodeBase64url } from "./token/base64url.ts";
export {
  ACCESS_TOKEN_TYPE,
  type AccessTokenClaims,
  type VerifiedToken,
  readAccessTokenClaims,
} from "./token/claims.ts";
export {
  type CompactJws,
  type JwsHeader,
  MAX_TOKEN_LENGTH,
  parseCompactJws,
  splitCompactJws,
  splitJwsBytes,
} from "./token/compact-jws.ts";
export type { ChainOptions, KeysByKid } from "./token/delegation-chain.ts";
export {
  type DelegationLink,
  type DelegationStatement,
  FIRST_RECORD,
  type RegistrationTranscript,
  delegationStatement,
  registrationTranscript,
} from "./token/delegation-record.ts";
export { type ProofExpectation, createDpopProof, jwkThumbprint, verifyDpopProof } from "./token/dpop.ts";
export type { ProofJwk, ProofKey } from "./token/proof-key.ts";
export { type PublicJwk, ed25519Thumbprint, importJwkSet } from "./token/jwk.ts";
export { type Seen, createReplayMemory } from "./token/replay-memory.ts";
export { jwsSignatureHolds, signCompactJws } from "./token/sign-jws.ts";
export { assertVerified } from "./token/verified-caller.ts";
export type {
  PresentedProof,
  TokenProfile,
  TokenVerifier,
  VerifierOptions,
  VerifyOptions,
} from "./verifier-core.ts";
export { createVerifier, verifyDelegationChain } from "./verifier.ts";

/**
 * mcp: guarded MCP servers. A tool declares who may call it and what it does; the server makes sure of it, in one
 * fixed order, and leaves an audit entry for every call.
 */
export type { ApprovalGate, ApprovalRequest, ApprovalUse, Preview } from "./approval.ts";
export {
  type ArgumentGuard,
  type ArgumentGuardInput,
  type Find,
  type OwnedArguments,
  owns,
} from "./argument-guards.ts";
export { auditLog } from "@deputize/audit";
export { type AuditSink, type MemoryAudit, memoryAudit } from "./audit-sink.ts";
export { type ApiKeyAuthOptions, type ApiKeyClient, apiKeyAuth, apiKeyDigest } from "./auth/api-key-auth.ts";
export { type AsymmetricJwtAuthOptions, type PublicKey, asymmetricJwtAuth } from "./auth/asymmetric-auth.ts";
export { type Authenticator, bearerToken } from "./auth/authenticator.ts";
export { type AuthorityAuthOptions, authorityAuth } from "./auth/authority-auth.ts";
export { type ClaimPath, type ClaimPaths, type RolePolicy, externalSubject } from "./auth/claims.ts";
export type { DevTokenOptions } from "./auth/dev-tokens.ts";
export { type JwksAuth, type JwksAuthOptions, jwksAuth } from "./auth/jwks-auth.ts";
export { type JwtAuth, type JwtAuthOptions, type TokenClaims, jwtAuth } from "./auth/jwt-auth.ts";
export type { AsymmetricAlgorithm, SymmetricAlgorithm } from "./auth/signature.ts";
export type { RevocationQuestion, TokenAuthOptions, TokenType } from "./auth/token-auth.ts";
export { type AuthorityApprovalsOptions, authorityApprovals } from "./authority-approvals.ts";
export { type CaseDirectory, caseFor } from "./cases.ts";
export type { WaitingApproval } from "./approval-step.ts";
export type { AfterWork } from "./background.ts";
export type { ClientContext } from "./client-context.ts";
export type {
  CaseUse,
  ClientInput,
  LegacyRequests,
  ReadDatabase,
  ToolContext,
  WriteDatabase,
} from "./context.ts";
export type {
  PromptHandler,
  PromptMessages,
  PromptOptions,
  ResourceContent,
  ResourceHandler,
  ResourceOptions,
  ResourceTemplateOptions,
  ToolAnswer,
  ToolHandler,
  ToolOptions,
} from "./options.ts";
export type { Explanation } from "./explain.ts";
export {
  type Guard,
  type GuardInput,
  type GuardLike,
  all,
  any,
  guard,
  hasAllRoles,
  hasAllScopes,
  hasRole,
  hasScope,
  hasTenant,
  not,
  publicTool,
  requireAuth,
  requireClientId,
  requireTenant,
} from "./guards.ts";
export type { Health } from "./http/health.ts";
export type { Reads, ResultLabel } from "./labels.ts";
export { getContext } from "./handler.ts";
export { type CallInfo, aroundHandler } from "./middleware/around-handler.ts";
export type { CacheOptions } from "./middleware/cache.ts";
export { type CircuitBreakerOptions, circuitBreaker } from "./middleware/circuit-breaker.ts";
export { concurrency } from "./middleware/concurrency.ts";
export { type CallLogLine, logging } from "./middleware/logging.ts";
export type { Middleware } from "./middleware/middleware.ts";
export { type OutputLimits, outputLimit } from "./middleware/output-limit.ts";
export { type RateLimitOptions, rateLimit } from "./middleware/rate-limit.ts";
export { type RedactionOptions, redaction } from "./middleware/redaction.ts";
export { timeout } from "./middleware/timeout.ts";
export { type Provided, provide } from "./provide.ts";
export { type ContentResult, META, contentResult } from "./results.ts";
export type { ManifestEntry } from "./manifest.ts";
export { MCPRouter, type RouterOptions } from "./router.ts";
export type { FetchInfo, MCPServerOptions } from "./server-options.ts";
export { MCPServer } from "./server.ts";
export {
  type SecretScope,
  type SecretScopeOptions,
  type SecretUse,
  type Secrets,
  createSecretScope,
} from "./secrets/secret-scope.ts";
export type { SecretSources } from "./secrets/call-secrets.ts";
export type { SessionKey, SessionState, SessionStore } from "./session-state.ts";
export { databaseSessions, ephemeralSessions, mcpMigrations } from "./session-stores.ts";
export type { CredentialFrom, StatedPrincipal, StdioPrincipal } from "./stdio/principal.ts";
export type { StdioConnection, StdioOptions } from "./stdio/serve-stdio.ts";
export { RpcError, TestClient, type TestClientOptions, type ToolCallResult } from "./testing/test-client.ts";

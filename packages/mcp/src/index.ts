/**
 * mcp: guarded MCP servers. A tool declares who may call it and what it does; the server makes sure of it, in one
 * fixed order, and leaves an audit entry for every call.
 */
export type { ApprovalGate, ApprovalRequest, ApprovalUse, ContextIntegrity, Preview } from "./approval.ts";
export { type ArgumentGuard, type ArgumentGuardInput, owns } from "./argument-guards.ts";
export { type AuditSink, type MemoryAudit, memoryAudit } from "./audit-sink.ts";
export { type Authenticator, bearerToken } from "./auth/authenticator.ts";
export { type AuthorityAuthOptions, authorityAuth } from "./auth/authority-auth.ts";
export { type JwtAuth, type JwtAuthOptions, type TokenClaims, jwtAuth } from "./auth/jwt-auth.ts";
export type { WaitingApproval } from "./call.ts";
export type { ClientContext } from "./client-context.ts";
export type { ClientInput, LegacyRequests, ReadDatabase, ToolContext, WriteDatabase } from "./context.ts";
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
} from "./definition.ts";
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
export type { Reads, ResultLabel } from "./labels.ts";
export {
  type CallInfo,
  type CallLogLine,
  type Middleware,
  aroundHandler,
  logging,
  rateLimit,
  timeout,
} from "./middleware.ts";
export { type ContentResult, META, contentResult } from "./results.ts";
export { MCPRouter, type RouterOptions } from "./router.ts";
export type { FetchInfo, MCPServerOptions } from "./server-options.ts";
export { MCPServer } from "./server.ts";
export type { SessionState } from "./session-state.ts";
export { RpcError, TestClient, type TestClientOptions, type ToolCallResult } from "./testing/test-client.ts";

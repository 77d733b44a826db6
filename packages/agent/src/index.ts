/**
 * agent: the loop that lets a model use a caller's tools, and what it keeps: conversations, messages, runs.
 * Nothing that protects data or money is decided here by what a model says.
 */
export type {
  Agent,
  AgentLimits,
  AgentOptions,
  CarriedOn,
  LastingRequest,
  ResumeRequest,
  RunOptions,
  TurnAccount,
  TurnRequest,
} from "./agent-types.ts";
export {
  type ApprovalHandler,
  type ApprovalQuestion,
  approvalCallback,
} from "./approvals/approval-handler.ts";
export { type ApprovalQueue, type ApprovalQueueOptions, approvalQueue } from "./approvals/approval-queue.ts";
export {
  type ApprovalWebhookOptions,
  approvalWebhook,
  signApprovalAnswer,
} from "./approvals/approval-webhook.ts";
export type { ToolApprovalOptions } from "./approvals/tool-approvals.ts";
export type { RuleEffect, ToolRules } from "./approvals/tool-rules.ts";
export type { CacheScope } from "./cache/answer-slot.ts";
export {
  type CacheBackend,
  type CacheLimits,
  type KeepRequest,
  inProcessCache,
} from "./cache/cache-backend.ts";
export { type PresentVersions, storeVersions } from "./cache/present-versions.ts";
export { type RedisCacheOptions, redisCache } from "./cache/redis-cache.ts";
export { type CachePurged, SemanticCache, type SemanticCacheOptions } from "./cache/semantic-cache.ts";
export {
  type BuildAgentOptions,
  type BuiltAgent,
  type OwnApprovals,
  type TurnOptions,
  buildAgent,
} from "./build-agent.ts";
export { type ToolChoiceOptions, type ToolLevel, toolChooser } from "./choice/tool-chooser.ts";
export { type ToolRanker, type ToolRankerOptions, toolRanker } from "./choice/tool-ranker.ts";
export type { NamedTool } from "./choice/tool-text.ts";
export { createAgent } from "./create-agent.ts";
export { DEFAULT_LIMITS } from "./turn/agent-runtime.ts";
export { APPROVAL_REASONS, type ApprovalReason } from "./approval-reason.ts";
export type {
  Approval,
  ApprovalArgument,
  ApprovalStatus,
  Card,
  RunStatus,
  Step,
  StepStatus,
  TurnEnd,
  TurnEvent,
  TurnMetadata,
  TurnResult,
} from "./events.ts";
export {
  type AgentCaller,
  type CallerFacts,
  PresentedCaller,
  createCaller,
} from "./identity/agent-caller.ts";
export { type TurnCaller, withTurnCaller } from "./identity/turn-caller.ts";
export {
  type AgentIdentity,
  type ExchangeIdentityOptions,
  type TokenIdentityOptions,
  exchangeIdentity,
  tokenIdentity,
} from "./identity/agent-identity.ts";
export { type AuthorityIdentityOptions, authorityIdentity } from "./identity/authority-identity.ts";
export { type HopOptions, hopAuthority } from "./identity/hop-authority.ts";
export { type UsageBudgetOptions, type UsageLimit, usageBudgets } from "./budgets/usage-budgets.ts";
export {
  type LastingStart,
  type LastingView,
  type LastingWork,
  type LastingWorkOptions,
  lastingWork,
} from "./lasting/lasting-work.ts";
export {
  type LastingAuthority,
  type MandateAuthorityOptions,
  mandateAuthority,
} from "./lasting/mandate-authority.ts";
export { prepareLastingWork } from "./lasting/schema.ts";
export type { LastingStatus } from "./lasting/workflow.ts";
export { type AgentMemory, type AgentMemoryOptions, agentMemory } from "./memory/agent-memory.ts";
export { InMemoryProvider, type InMemoryProviderOptions } from "./memory/in-memory-provider.ts";
export { mem0Provider } from "./memory/mem0-provider.ts";
export {
  type FoundMemory,
  type Memory,
  MemoryIsolationError,
  type MemoryOrigin,
  type MemoryProvider,
  type MemoryQuery,
  type NewMemory,
} from "./memory/memory-provider.ts";
export { type MemoryToolsOptions, memoryTools } from "./memory/memory-tools.ts";
export type { OwnMemories } from "./memory/own-memories.ts";
export { signatureOf } from "./memory/signature.ts";
export { VectorProvider, type VectorProviderOptions } from "./memory/vector-provider.ts";
export type { ModelPrice } from "./models/price.ts";
export { type FallbackChainOptions, fallbackChain } from "./models/fallback-chain.ts";
export { ModelFault, type ModelFaultKind } from "./models/model-fault.ts";
export { type ModelOptions, type ResolvedModel, modelFrom, resolveModel } from "./models/resolve-model.ts";
export type { RetryOptions } from "./models/retrying.ts";
export type { ModelPatience } from "./models/watched-model.ts";
export type { AgentStats } from "./observe/agent-stats.ts";
export type { AgentEvent, AgentFact, AgentObserver, Said, TurnIds } from "./observe/agent-event.ts";
export { type Observation, type ObserveLevel, type ObserveOptions, observe } from "./observe/observe.ts";
export type { DeliveryCounts, ObservedEvent, Transporter } from "./observe/transporter.ts";
export { callbackTransport } from "./observe/transports/callback.ts";
export { type ConsoleTransportOptions, consoleTransport } from "./observe/transports/console.ts";
export { type HtmlReportOptions, htmlReportTransport } from "./observe/transports/html-report.ts";
export { type JsonLogOptions, jsonLogTransport } from "./observe/transports/json-log.ts";
export { prometheusTransport } from "./observe/transports/prometheus.ts";
export { type WebhookOptions, webhookTransport } from "./observe/transports/webhook.ts";
export { type CheckedFetch, type CheckedFetchOptions, checkedFetch } from "./webhooks/checked-fetch.ts";
export { type SignedEvents, verifyEventSignature } from "./webhooks/webhook-signature.ts";
export { offlinePlanner } from "./planner/offline-planner.ts";
export { type Embedder, type Pieces, embedAll } from "./embeddings/embedder.ts";
export { resolveEmbedder } from "./embeddings/embedder-setting.ts";
export { hashedNgrams } from "./embeddings/hashed-embedder.ts";
export { type EndpointOptions, endpointEmbedder, modelEmbedder } from "./embeddings/model-embedder.ts";
export { sentenceEmbedder, transformersEmbedder } from "./embeddings/threaded-embedder.ts";
export {
  type Conversation,
  type ConversationFacts,
  type ConversationStore,
  type ConversationSummary,
  type Conversations,
  type ErasedConversations,
  type ExportRecord,
  type KeptMessage,
  type Message,
  SessionAccessDeniedError,
} from "./conversations/conversation-store.ts";
export { InMemoryConversationStore } from "./conversations/memory-store.ts";
export { agentMigrations } from "./conversations/migrations.ts";
export { PostgresConversationStore } from "./conversations/postgres-store.ts";
export { RedisConversationStore } from "./conversations/redis-store.ts";
export { toJsonb } from "./conversations/jsonb.ts";
export { generateSessionId } from "./conversations/session-id.ts";
export { SqliteConversationStore } from "./conversations/sqlite-store.ts";
export { type HttpServerOptions, type ServerSpec, httpServer } from "./servers/server-spec.ts";
export { type AgentToolOptions, agentTool } from "./tools/agent-tool.ts";
export { type LocalTool, localTools } from "./tools/local-tools.ts";
export { type BearerFetch, bearerFetch } from "./tools/bearer-fetch.ts";
export { type McpToolsOptions, mcpTools } from "./tools/mcp-tools.ts";
export type {
  AgentAuthority,
  ApprovalDecision,
  OfferedTool,
  TokenOptions,
  ToolCall,
  ToolContext,
  ToolOutcome,
  ToolSource,
} from "./tools/tool-source.ts";
export {
  type UsageLedger,
  type UsageLedgerOptions,
  type UsageQuery,
  type UsageRow,
  usageLedger,
} from "./usage/usage-ledger.ts";
export { type Used, estimatedUse, readUsed } from "./usage/used.ts";
export type { UsageLine } from "./usage/usage-tally.ts";
export type {
  AnswerBasis,
  AnswerCache,
  AnswerRests,
  Budgets,
  CacheLook,
  CachedAnswer,
  FreshAnswer,
  OutputGuard,
  Reads,
  Recalled,
  RunBudget,
  TextGuard,
  ToolChooser,
  Turn,
  TurnMemory,
} from "./turn/ports.ts";
export { scannerGuard } from "./turn/scanner-guard.ts";

/**
 * agent: the loop that lets a model use a caller's tools, and what it keeps: conversations, messages, runs.
 * Nothing that protects data or money is decided here by what a model says.
 */
export type {
  Agent,
  AgentLimits,
  AgentOptions,
  ResumeRequest,
  RunOptions,
  TurnRequest,
} from "./agent-types.ts";
export { DEFAULT_LIMITS, createAgent } from "./create-agent.ts";
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
export { type ResolvedModel, resolveModel } from "./models/resolve-model.ts";
export { offlinePlanner } from "./planner/offline-planner.ts";
export type { Conversation, ConversationSummary, Conversations, Message } from "./store/conversations.ts";
export { agentMigrations } from "./store/migrations.ts";
export { type LocalTool, localTools } from "./tools/local-tools.ts";
export { type McpToolsOptions, mcpTools } from "./tools/mcp-tools.ts";
export type {
  AgentAuthority,
  ApprovalDecision,
  OfferedTool,
  ToolCall,
  ToolContext,
  ToolOutcome,
  ToolSource,
} from "./tools/tool-source.ts";

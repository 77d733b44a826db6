/**
 * client/server: the client of an agent server. Needs nothing of Node: it runs in browsers and at the edge as well.
 * docs/agent-server-client.md shows its use.
 */
export { DeputizeError } from "@deputize/core/portable";
export type { RetryOptions } from "../sdk/retry.ts";
export { TransportError } from "../sdk/transport-error.ts";
export { type ServerAuth, type TokenProvider, basicAuth, bearerAuth, headerAuth } from "./auth.ts";
export {
  type Chat,
  type ChatMessage,
  type ChatOptions,
  type ChatPhase,
  type ChatState,
  createChat,
} from "./chat.ts";
export { type StreamChunk, StreamEventType } from "./chunks.ts";
export { AgentServerClient, type AgentServerClientOptions } from "./client.ts";
export {
  AgentServerError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  type ErrorDetail,
  GraphError,
  NodeError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  RequestTooLargeError,
  ServerError,
  StorageError,
  TransientStorageError,
  ValidationError,
} from "./errors.ts";
export { type ServerEvent, readEvents, sseParser } from "./event-stream.ts";
export type { FileAccessUrl, FileInfo, MultimodalConfig, Upload } from "./files.ts";
export type {
  AskOptions,
  GraphDescription,
  GraphTools,
  InvokeMeta,
  InvokeResult,
  PartialResult,
  ToolDescription,
} from "./graph.ts";
export type { Json } from "./guards.ts";
export type { Answer, Metadata } from "./http.ts";
export {
  type Memory,
  type MemoryConfig,
  type MemoryFilter,
  type MemorySearch,
  MemoryType,
  type NewMemory,
} from "./memories.ts";
export {
  AudioBlock,
  type ContentBlock,
  DocumentBlock,
  type ErrorBlock,
  ImageBlock,
  MediaRef,
  Message,
  type ReasoningBlock,
  type Role,
  TextBlock,
  type ToolCallBlock,
  ToolResultBlock,
  type UnknownBlock,
  VideoBlock,
} from "./message.ts";
export {
  REALTIME_INPUT_SAMPLE_RATE,
  REALTIME_OUTPUT_SAMPLE_RATE,
  type RealtimeEvent,
  type RealtimeInit,
  type RealtimeOptions,
  type RealtimeSession,
} from "./realtime.ts";
export type {
  Approval,
  ApprovalArgument,
  Run,
  RunEnd,
  RunEvent,
  RunFault,
  RunStatus,
  Step,
  Usage,
} from "./run-events.ts";
export { type RunView, emptyRunView, withEvent } from "./run-view.ts";
export type { Decided, NewRun, RunFilter } from "./runs.ts";
export type { ThreadState } from "./state.ts";
export type {
  CallOptions,
  Done,
  HistoryItem,
  MessagePage,
  NewThread,
  PageRequest,
  ThreadDetails,
  ThreadItem,
} from "./threads.ts";
export type { ToolRegistration } from "./tools.ts";

/**
 * client/react: hooks over the client of an agent server. React is the page's own (18 or newer).
 *
 * Guarantees: a hook only reads when it is mounted, however often React mounts it; runs begin by `send` alone. What a component that
 * is gone asked for is not waited for. docs/agent-server-client.md shows their use.
 */
export type { ChatMessage, ChatPhase, ChatState } from "../server/chat.ts";
export type { RunView } from "../server/run-view.ts";
export { type UseApprovals, useApprovals } from "./use-approvals.ts";
export { type UseChat, type UseChatOptions, useChat } from "./use-chat.ts";
export type { Loaded } from "./use-loaded.ts";
export { type UseRun, useRun } from "./use-run.ts";
export { type UseThread, useThread } from "./use-thread.ts";
export { type UseThreads, useThreads } from "./use-threads.ts";

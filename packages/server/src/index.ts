/**
 * server: authenticated HTTP around an agent. A2A between agents, each hop with an exchanged token of its own;
 * chat routes for people, as JSON and as server-sent events.
 */
export { type AgentAppOptions, agentApp } from "./a2a/agent-app.ts";
export {
  SPECIALIST_TOOL,
  type Specialist,
  type SpecialistToolsOptions,
  specialistTools,
} from "./a2a/call-specialist.ts";
export { A2A_VERSION, type AgentCardOptions, type AgentSkillInfo, agentCard } from "./a2a/card.ts";
export { LABEL_KEY, TURN_EXTENSION } from "./a2a/parts.ts";
export { serverMigrations } from "./a2a/task-store.ts";
export { type ChatRoutesOptions, chatRoutes } from "./chat/chat-routes.ts";
export { ChatBody, PageQuery, RenameBody } from "./chat/schemas.ts";
export { type ChatAnswer, chatAnswer, messageOf } from "./chat/turn-result.ts";
export { type ServerEvent, type SseOptions, type Watch, pollWatch, sseResponse } from "./sse.ts";

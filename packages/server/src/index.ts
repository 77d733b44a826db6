/**
 * server: authenticated HTTP around an agent. A2A between agents, each hop with an exchanged token of its own;
 * chat routes for people, as JSON and as server-sent events.
 */
export { type AgentAppOptions, agentApp } from "./a2a/agent-app.ts";
export {
  type AgentEndpoint,
  type AgentEndpointOptions,
  type EndpointRequest,
  agentEndpoint,
} from "./a2a/agent-endpoint.ts";
export {
  SPECIALIST_TOOL,
  type Specialist,
  type SpecialistToolsOptions,
  specialistTools,
} from "./a2a/call-specialist.ts";
export { A2A_VERSION, type AgentCardOptions, type AgentSkillInfo, agentCard } from "./a2a/card.ts";
export {
  type CardKey,
  type CardSigner,
  type CardSignerOptions,
  type PublishedKey,
  cardSigner,
} from "./a2a/card-signature.ts";
export {
  type CardTrust,
  type CardVerifier,
  type CardVerifierOptions,
  type VerifiedCard,
  cardVerifier,
} from "./a2a/card-trust.ts";
export { type AgentAddress, type FetchCardOptions, fetchAgentCard } from "./a2a/fetch-card.ts";
export {
  type AgentRegistry,
  type AgentRegistryOptions,
  type RegistryPage,
  type RegistryQuery,
  agentRegistry,
} from "./a2a/registry/agent-registry.ts";
export { type ListedAgent, type RegistryStore, memoryRegistry } from "./a2a/registry/registry-store.ts";
export { sqlRegistry } from "./a2a/registry/sql-registry.ts";
export { LABEL_KEY, TURN_EXTENSION } from "./a2a/parts.ts";
export { serverMigrations } from "./a2a/task-store.ts";
export {
  BACKGROUND_ROUTES,
  type BackgroundAgent,
  type BackgroundRoutesOptions,
  backgroundRoutes,
} from "./background/background-routes.ts";
export type { BackgroundOffer } from "./background/schemas.ts";
export { type ChatRoutesOptions, chatRoutes } from "./chat/chat-routes.ts";
export { MEMORY_ROUTES, type MemoryRoutesOptions, memoryRoutes } from "./chat/memory-routes.ts";
export { ChatBody, PageQuery, RenameBody } from "./chat/schemas.ts";
export { type ChatAnswer, chatAnswer, messageOf } from "./chat/turn-result.ts";
export { databaseKeepers } from "./erasure/database-keepers.ts";
export {
  type ErasePersonOptions,
  type ErasureCounts,
  type ErasureReceipt,
  erasePerson,
  previewErasure,
} from "./erasure/erase-person.ts";
export { exportPerson } from "./erasure/export-person.ts";
export {
  type PersonKeeper,
  type PersonOwner,
  type PersonRecord,
  ownerKeeper,
} from "./erasure/person-keeper.ts";
export { EraseBody, type PersonRoutesOptions, personRoutes } from "./erasure/person-routes.ts";
export { type ServerEvent, type SseOptions, type Watch, pollWatch, sseResponse } from "./sse.ts";

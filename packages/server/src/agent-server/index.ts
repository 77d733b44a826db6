/**
 * agent-server: agents behind HTTP, with users, threads and ownership. One list of routes makes the server, its documentation and its
 * rules. docs/agent-server.md shows how to put one up.
 */
export { type A2aRoutesOptions, type ServedCard, a2aRoutes } from "./a2a/a2a-routes.ts";
export { type RegistryRoutesOptions, registryRoutes } from "./a2a/registry-routes.ts";
export {
  type Authorization,
  type AuthorizationBackend,
  type AuthorizationRequest,
  type AuthorizationSetting,
} from "./authorization/authorization.ts";
export { type RolesInput, RolesSetting } from "./authorization/roles.ts";
export {
  type AgentServer,
  type AgentServerOptions,
  type AgentServerParts,
  type ServerLimits,
  createAgentServer,
} from "./create-agent-server.ts";
export type { CorsOptions } from "./door.ts";
export { type ApiCode, ApiError, errorBody } from "./errors.ts";
export { hopsAddress } from "./limits/hops.ts";
export {
  type RateLimitInput,
  RateLimitSetting,
  type RateLimiterOptions,
  rateLimiter,
} from "./limits/rate-limiter.ts";
export type { ReadinessCheck } from "./health-routes.ts";
export { Answer, type AgentRoute, type RouteCall, type RouteScope, route } from "./route.ts";
export { PROVE_PATH, secondFactorRoutes } from "./second-factor-routes.ts";
export { type ServerAuth, type SignedIn, currentIdentity, withIdentity } from "./sign-in.ts";
export {
  type AgentContext,
  type AgentMaker,
  type AuthContext,
  type Diagnosis,
  type Finding,
  type InProcessServerOptions,
  type Project,
  type ProjectConfig,
  type ProjectConfigInput,
  type ReadProjectOptions,
  type RequestCounter,
  type StartProjectOptions,
  type StartedProject,
  defineAgent,
  defineConfig,
  diagnose,
  findProject,
  inProcessServer,
  readProject,
  readTestSetting,
  startProject,
} from "./project/index.ts";

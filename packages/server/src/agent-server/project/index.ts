/**
 * project: an agent server that a folder describes. `deputize.json` (or `deputize.config.ts`) says which agents are served, who may come
 * in and what is kept; `deputize init` makes such a folder, `dev` and `start` serve it, `doctor` says what is unsafe.
 */
export { type AgentContext, type AgentMaker, defineAgent } from "./agent-context.ts";
export { type Diagnosis, type Finding, diagnose } from "./doctor/diagnose.ts";
export { type InProcessServerOptions, inProcessServer } from "./in-process-server.ts";
export { findConfigFile as findProject } from "./config-file.ts";
export type { AuthContext } from "./project-auth.ts";
export { type ProjectConfig, type ProjectConfigInput, defineConfig } from "./project-config.ts";
export type { RequestCounter } from "./rate-limit.ts";
export { type ReadProjectOptions, type Project, readProject, readTestSetting } from "./read-project.ts";
export { type StartProjectOptions, type StartedProject, startProject } from "./start-project.ts";

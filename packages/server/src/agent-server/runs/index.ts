/**
 * runs: turns of agents that are kept, followed, waited for and cancelled, by any replica.
 */
export { memoryRunStore } from "./memory-run-store.ts";
export { postgresRunStore } from "./postgres-run-store.ts";
export { type RunAuthority, type RunEngine, type RunLimits, type StartRun, runEngine } from "./run-engine.ts";
export { approvalRoutes } from "./approval-routes.ts";
export { authorityOfCall, runRoutes } from "./run-routes.ts";
export { formatOf, runStream } from "./run-stream.ts";
export type { RunFault, RunStatus, RunStore, StoredEvent, StoredRun } from "./run.ts";
export { type SignInWatches, signInWatches } from "./sign-in-watch.ts";

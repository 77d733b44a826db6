/** The part of core that needs nothing of Node: for what also runs in browsers and at the edge. */
export { type Caller, type CallerToken, type PrincipalKind, freezeCaller } from "./caller.ts";
export { type Clock, nowSeconds, systemClock } from "./clock.ts";
export { DeputizeError, type DeputizeErrorCode, ERROR_STATUS, isDeputizeError } from "./errors.ts";
export type { GrantId, PrincipalId } from "./id-types.ts";
export { scopeCovers, scopeIsSubset } from "./scope.ts";

/**
 * core: the words that every room shares. No I/O, no dependency but zod.
 */
export { answersWithin } from "./answers.ts";
export {
  type Caller,
  type CallerSession,
  type CallerToken,
  type Principal,
  type PrincipalKind,
  actingPrincipal,
  currentGrant,
  freezeCaller,
} from "./caller.ts";
export { type Clock, type ManualClock, manualClock, nowSeconds, systemClock } from "./clock.ts";
export {
  type RequestContext,
  currentCaller,
  currentContext,
  requireCaller,
  withCaller,
  withContext,
} from "./context.ts";
export {
  type ConstrainedCall,
  type Constraint,
  assertWithinConstraints,
  constraintInWords,
  constraintsMember,
  parseConstraints,
  withConstraints,
} from "./constraint.ts";
export { EFFECTS, type Effect } from "./effect.ts";
export {
  DeputizeError,
  type DeputizeErrorCode,
  type DeputizeErrorOptions,
  ERROR_STATUS,
  type Problem,
  isDeputizeError,
  toProblem,
} from "./errors.ts";
export { faultInOneLine } from "./fault-in-one-line.ts";
export { hashParts } from "./hash-parts.ts";
export {
  type GrantId,
  type PrincipalId,
  isUuid,
  newId,
  parseGrantId,
  parsePrincipalId,
  randomHex,
  stableId,
} from "./ids.ts";
export { AGENT_NAMES, MODEL_NAMES, NameList, TOOL_NAMES } from "./name-list.ts";
export { permissionScope } from "./permission-name.ts";
export { type Scope, parseScope, readScope, scopeCovers, scopeIntersect, scopeIsSubset } from "./scope.ts";
export {
  COUNTERS,
  type CounterName,
  DURATIONS,
  type DurationName,
  type SpanAttributes,
  type TelemetrySink,
  installTelemetry,
  telemetry,
} from "./telemetry.ts";

/**
 * `@deputize/guardrails/flow`: labels and what they decide, without the scanners. A tool server that scans nothing loads no detector,
 * no weights and no tables.
 */
export {
  EMPTY_LABEL,
  type Integrity,
  type Label,
  type Readers,
  UNKNOWN_LABEL,
  joinLabels,
  labelFlowsTo,
  parseLabel,
  privateLabel,
} from "../label.ts";
export {
  type FlowArgument,
  type FlowCall,
  type FlowDecision,
  type FlowReason,
  type FlowRule,
  type ReasonLink,
  decideFlow,
  linkWords,
} from "./decide-flow.ts";
export {
  type Destination,
  UNDECLARED,
  destinationWords,
  isOutward,
  parseDestination,
} from "./destination.ts";
export { LINKS_MAX, ORIGIN, ORIGINS, type Origin, type OriginKind, originWords } from "./origin.ts";

/**
 * guardrails: what may flow where. Information-flow labels; scanners come later.
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
} from "./label.ts";

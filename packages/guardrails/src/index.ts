/**
 * guardrails: what may flow where. Information-flow labels, and what they decide about a call; scanners of what comes in
 * and goes out.
 */
export { type View, type ViewKind, type Views, decodedViews } from "./decode.ts";
export type { Detector, Direction, Finding } from "./detector.ts";
export { type InjectionOptions, injectionDetector } from "./injection/detector.ts";
export { type Mapped, normalise } from "./normalise.ts";
export * from "./flow/index.ts";
export { type Canary, createCanary } from "./canary/canary.ts";
export { CREDENTIAL_TYPES, credentialsDetector, looksSecret } from "./credentials/detector.ts";
export { type CustomRule, customRule } from "./custom-rule.ts";
export {
  type DefaultScannerOptions,
  GUARDRAIL_PARTS,
  type GuardrailPart,
  defaultScanner,
} from "./default-scanner.ts";
export { type ExfiltrationOptions, exfiltrationDetector } from "./exfiltration/links-out.ts";
export { type PersonalDataOptions, personalDataDetector, personalDataTypes } from "./personal/detector.ts";
export type { PersonalGroup } from "./personal/kind.ts";
export { type Placeholders, createPlaceholders } from "./scan/placeholders.ts";
export { type Action, type ActionPolicy, type Actions, DEFAULT_ACTIONS } from "./scan/policy.ts";
export type { ScannedFinding } from "./scan/resolve.ts";
export { type Scanned, type Scanner, type ScannerOptions, createScanner } from "./scan/scanner.ts";
export type { TextStream } from "./scan/stream.ts";
export { GuardrailViolationError } from "./scan/violation.ts";
export { codePoints } from "./scan/code-points.ts";

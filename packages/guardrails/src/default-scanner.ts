/** The scanner that most programs want: every part of the guardrails, each of which can be turned off by name. */
import { createCanary } from "./canary/canary.ts";
import { credentialsDetector } from "./credentials/detector.ts";
import type { Detector } from "./detector.ts";
import { type ExfiltrationOptions, exfiltrationDetector } from "./exfiltration/links-out.ts";
import { type InjectionOptions, injectionDetector } from "./injection/detector.ts";
import { type PersonalDataOptions, personalDataDetector } from "./personal/detector.ts";
import type { ActionPolicy } from "./scan/policy.ts";
import { type Scanner, createScanner } from "./scan/scanner.ts";

/** The parts of `defaultScanner`, as settings name them. */
export const GUARDRAIL_PARTS = ["injection", "personal", "credentials", "exfiltration", "canary"] as const;

export type GuardrailPart = (typeof GUARDRAIL_PARTS)[number];

export interface DefaultScannerOptions {
  /** Prompt injection and jailbreaks. */
  readonly injection?: boolean | InjectionOptions;
  readonly personal?: boolean | PersonalDataOptions;
  readonly credentials?: boolean;
  readonly exfiltration?: boolean | ExfiltrationOptions;
  /** Puts a word into the instructions that may not come out. */
  readonly canary?: boolean;
  /** Rules of one's own; see `customRule`. */
  readonly rules?: readonly Detector[];
  /** What is done about findings, where it differs from `DEFAULT_ACTIONS`. */
  readonly actions?: ActionPolicy;
}

/** Throws `config_invalid`. */
export function defaultScanner(options: DefaultScannerOptions = {}): Scanner {
  const {
    injection = true,
    personal = true,
    credentials = true,
    exfiltration = true,
    canary = true,
    rules = [],
    actions,
  } = options;
  const bird = canary ? createCanary() : undefined;
  const detectors: Detector[] = [
    ...(injection === false ? [] : [injectionDetector(injection === true ? {} : injection)]),
    ...(personal === false ? [] : [personalDataDetector(personal === true ? {} : personal)]),
    ...(credentials ? [credentialsDetector()] : []),
    ...(exfiltration === false ? [] : [exfiltrationDetector(exfiltration === true ? {} : exfiltration)]),
    ...(bird ? [bird.detector] : []),
    ...rules,
  ];
  return createScanner({
    detectors,
    ...(actions && { actions }),
    ...(bird && { instructions: bird.line }),
  });
}

/** The guardrails of the shop's agents. */
import { type TextGuard, scannerGuard } from "@deputize/agent";
import { GUARDRAIL_PARTS, type GuardrailPart, defaultScanner } from "@deputize/guardrails";

/**
 * From this score on a text of a tool is taken for planted. Higher than for mails and pages, since a review is a few sentences in the
 * first person; what such a review wants is stopped by labels and approvals in any case.
 */
const PLANTED = 0.5;

/** For one agent: a guard with these parts, or none where no part is wanted. */
export function shopGuard(parts: readonly GuardrailPart[]): { readonly guard?: TextGuard } {
  if (parts.length === 0) return {};
  const chosen = Object.fromEntries(GUARDRAIL_PARTS.map((part) => [part, parts.includes(part)]));
  // The agents answer people about themselves: their own address and telephone number may be said to them.
  const scanner = defaultScanner({
    ...chosen,
    injection: parts.includes("injection") && { thresholds: { planted: PLANTED } },
    actions: { output: { "personal.contact": "warn" } },
  });
  // What cannot be loaded is told by the first scan, which refuses.
  scanner.warmup().catch(() => {});
  return { guard: scannerGuard(scanner) };
}

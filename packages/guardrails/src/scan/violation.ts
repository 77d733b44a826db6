import { DeputizeError, type DeputizeErrorOptions } from "@deputize/core";
import type { Direction } from "../detector.ts";

/**
 * A text that may not go on, or that could not be judged. `code` is `guardrail_violation` for what was found, `unavailable` where a
 * detector failed. Neither it nor its cause holds anything of the text.
 */
export class GuardrailViolationError extends DeputizeError {
  override readonly name = "GuardrailViolationError";
  /** Which way the text went. */
  readonly direction: Direction;
  /** What it was refused for, such as `prompt_injection`. */
  readonly types: readonly string[];

  constructor(
    code: "guardrail_violation" | "unavailable",
    direction: Direction,
    types: readonly string[],
    options: DeputizeErrorOptions = {},
  ) {
    super(code, code === "unavailable" ? FAILED : MESSAGES[direction], {
      ...options,
      detail: { direction, ...(types.length > 0 && { types }) },
    });
    this.direction = direction;
    this.types = types;
  }
}

const FAILED = "the text could not be checked, so it was not passed on; try again";
const MESSAGES: Readonly<Record<Direction, string>> = {
  input: "this message reads like an attempt to take over the assistant, so it was not passed on",
  output: "the answer held something that may not leave, so it was stopped",
  tool_result: "what the tool answered reads like instructions to the assistant, so it was withheld",
};

/** Throws for the findings that block. */
export function refuseBlocked(
  findings: readonly { readonly type: string; readonly action: string }[],
  direction: Direction,
): void {
  const types = new Set(findings.filter(({ action }) => action === "block").map(({ type }) => type));
  if (types.size > 0) throw new GuardrailViolationError("guardrail_violation", direction, [...types]);
}

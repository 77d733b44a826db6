/** What is said of a run that did not end well: stable codes, and words that tell nothing of the inside (AF-D16). */
import { type DeputizeErrorCode, type Problem, isDeputizeError } from "@deputize/core";
import { AuthRefused } from "../../authenticators/auth-code.ts";
import { ApiError, type ApiCode, apiCodeOf, turnFailure } from "../errors.ts";
import type { RunEnd, RunEvent, RunFault } from "./run.ts";

/** The replica that ran it went away, or goes away now. */
export const INTERRUPTED: RunFault = {
  code: "RUN_INTERRUPTED" satisfies ApiCode,
  message: "the server that ran this went away; nothing more will happen by itself, ask again",
};
/** Nobody acts for somebody whose sign-in has ended [SR-14]. */
export const SIGN_IN_ENDED: RunFault = {
  code: "SIGN_IN_ENDED" satisfies ApiCode,
  message: "the sign-in that this run worked by has ended",
};
export const TOO_MUCH: RunFault = {
  code: "LIMIT_EXCEEDED" satisfies ApiCode,
  message: "the run told more than a run may; what was done so far is kept",
};

/** A problem that an agent told. */
export const faultOfProblem = (problem: Pick<Problem, "code" | "detail">): RunFault =>
  faultOf(turnFailure(problem));

/** Anything thrown. What is no error of ours says nothing of itself. */
export function faultOf(error: unknown): RunFault {
  if (error instanceof AuthRefused) return SIGN_IN_ENDED;
  if (error instanceof ApiError) return { code: error.apiCode, message: error.message };
  const code: DeputizeErrorCode = isDeputizeError(error) ? error.code : "internal";
  return {
    code: apiCodeOf(code),
    message: isDeputizeError(error) ? error.message : "something went wrong on our side",
  };
}

/** The last events of a run. */
export function lastEvents(status: RunEnd, fault?: RunFault, messageId?: string): readonly RunEvent[] {
  return [
    ...(fault ? [{ event: "error", data: { ...fault } }] : []),
    { event: "done", data: { status, ...(messageId !== undefined && { message_id: messageId }) } },
  ];
}

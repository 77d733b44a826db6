/**
 * Refusals of the SQL functions (SQLSTATE DPA01, a code as message) as `DeputizeError`s with a message that
 * says what to do.
 */
import { DeputizeError, type DeputizeErrorCode } from "@deputize/core";
import { sqlState } from "@deputize/store";

const MESSAGES = {
  grant_revoked: "the grant has ended; get a new one",
  forbidden: "this principal may not do that",
  not_found: "there is no such principal",
  invalid_request: "a grant is not delegated to its own actor; narrow it instead",
  invalid_target: "the actor has no edge to that audience",
  scope_exceeded: "the scopes exceed what the grant and the actor's ceiling allow; ask for less",
  outlives_parent: "the grant would outlive its parent; ask for less time",
  depth_exceeded: "the chain of delegation is as long as it may be",
} as const satisfies Partial<Record<DeputizeErrorCode, string>>;

type Refusal = keyof typeof MESSAGES;

function isRefusal(code: string): code is Refusal {
  return Object.hasOwn(MESSAGES, code);
}

/** The error of a refusal that a function answered as a value. */
export function refusal(code: string): DeputizeError {
  return isRefusal(code)
    ? new DeputizeError(code, MESSAGES[code])
    : new DeputizeError("internal", "the database refused in words that nobody knows");
}

/** Turns a refusal of ours into its error; returns anything else unchanged. */
function mapRefusal(error: unknown): unknown {
  if (sqlState(error) !== "DPA01" || !(error instanceof Error)) return error;
  return isRefusal(error.message)
    ? new DeputizeError(error.message, MESSAGES[error.message], { cause: error })
    : error;
}

/** Runs one statement and maps its refusals. */
export async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw mapRefusal(error);
  }
}

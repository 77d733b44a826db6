/** The register of callers that a verifier made: a brand stops mistakes, a private register stops look-alikes. */
import { type Caller, DeputizeError, freezeCaller } from "@deputize/core/portable";

const verified = new WeakSet<Caller>();

/** Freezes and registers. Only for readers of tokens whose signature holds. */
export function registerVerified(caller: Caller): Caller {
  freezeCaller(caller);
  verified.add(caller);
  return caller;
}

/** Throws `unauthenticated` unless the caller came out of a verifier in this process. */
export function assertVerified(caller: Caller): void {
  if (!verified.has(caller)) {
    throw new DeputizeError("unauthenticated", "the caller did not come from a verified token");
  }
}

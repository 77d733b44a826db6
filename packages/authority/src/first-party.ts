/**
 * Callers that the authority itself made from a session row it had just read. A private registry, so that an
 * object that merely looks like one is refused (the same idea as the verifier's `assertVerified`).
 */
import { type Caller, freezeCaller } from "@deputize/core";

const firstParty = new WeakSet<Caller>();

/** For the one place that reads sessions. Answers the same caller, frozen. */
export function rememberFirstParty(caller: Caller): Caller {
  freezeCaller(caller);
  firstParty.add(caller);
  return caller;
}

/** True for a caller that `rememberFirstParty` saw. */
export function isFirstParty(caller: Caller): boolean {
  return firstParty.has(caller);
}

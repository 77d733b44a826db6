/**
 * Whom a program serves right now, for what it asks of agents without naming a caller.
 *
 * Guarantees: what is set here ends with the work that it was set for, and reaches no work beside it. A caller that is named
 * wins. Within a turn it is that turn's own caller, so that what a tool asks of another agent is asked for the same person.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { DeputizeError } from "@deputize/core";
import { type AgentCaller, PresentedCaller } from "./agent-caller.ts";

/** A caller as a program has it: presented, or verified. */
export type TurnCaller = PresentedCaller | AgentCaller;

const present = new AsyncLocalStorage<TurnCaller>();

/** Runs `work` for `caller`: agents that it asks without naming one act for them. */
export function withTurnCaller<T>(caller: TurnCaller, work: () => T): T {
  return present.run(caller, work);
}

/** The named caller, or the one of the present work. Throws `unauthenticated` where there is neither, and for what is none. */
export function turnCaller(named: TurnCaller | undefined): TurnCaller {
  const caller = named ?? present.getStore();
  if (caller instanceof PresentedCaller) return caller;
  if (!caller?.caller?.subject || typeof caller.authority?.tokenFor !== "function") {
    throw new DeputizeError(
      "unauthenticated",
      "a turn needs a caller: createCaller({ bearerToken }), or one that is verified",
    );
  }
  // Nothing else of what carries a caller, such as another turn's request, comes along.
  return { caller: caller.caller, authority: caller.authority };
}

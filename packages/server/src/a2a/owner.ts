/**
 * Who owns an A2A task, and the SDK's idea of a user made from our caller.
 *
 * Guarantees: the owner is a digest of tenant, issuer and subject, so tasks of two people, and of one name under
 * two issuers, never share a key. Nobody is "unknown": without a caller there is no context at all (the
 * SDK's own resolver puts all anonymous callers under one owner).
 */
import { createHash } from "node:crypto";
import { ServerCallContext, type User } from "@a2a-js/sdk/server";
import { type Caller, DeputizeError } from "@deputize/core";
import type { AgentAuthority } from "@deputize/agent";
import type { RunHold } from "./run-hold.ts";

const CALL = "deputize.call";

/** What a request to an agent stands on: the verified caller and the way to its next hops. */
export interface AgentCall {
  readonly caller: Caller;
  readonly authority: AgentAuthority;
  readonly requestId: string;
  /** The id of the request that all began with, where another agent of ours sent it. */
  readonly correlationId?: string;
  /** What a run of this call hangs on: it stops when all have left, or its authority ended. */
  readonly hold: RunHold;
  /** Called when its run has ended, whichever way. */
  readonly onEnded?: () => void;
}

/** The owner key of a caller's tasks. */
export function taskOwner(caller: Caller): string {
  return createHash("sha256")
    .update(JSON.stringify([caller.tenant, caller.token?.issuer ?? "", caller.subject]))
    .digest("hex");
}

/** The SDK's call context for a verified caller. */
export function callContext(
  call: AgentCall,
  requestedVersion: string,
  requestedExtensions: string[] = [],
): ServerCallContext {
  const owner = taskOwner(call.caller);
  const user: User = {
    get isAuthenticated() {
      return true;
    },
    get userName() {
      return owner;
    },
  };
  return new ServerCallContext({
    user,
    tenant: call.caller.tenant,
    requestedVersion,
    requestedExtensions,
    state: new Map<string, unknown>([[CALL, call]]),
  });
}

/** The call behind a context of ours. Throws `unauthenticated` for any other context. */
export function callOf(context: ServerCallContext): AgentCall {
  const call = context.state.get(CALL) as AgentCall | undefined;
  if (!call) throw new DeputizeError("unauthenticated", "this agent acts for verified callers only");
  return call;
}

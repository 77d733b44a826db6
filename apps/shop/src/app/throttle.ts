/**
 * How often a person may ask the agents.
 *
 * Guarantees: twenty turns a minute, eighty for power users, counted over all replicas (SH-D11); the refusal says when
 * to come back. A program that acts for itself has the same allowance, and asks only the agents that an administrator
 * permitted it (`use:agents:<name>`): registering is open to everybody, and opens nothing [AA-D02].
 */
import { type AuditLog, auditEvent } from "@deputize/audit";
import { type Caller, DeputizeError, scopeIsSubset } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";

const TURNS_PER_MINUTE = 20;
const POWER_TURNS_PER_MINUTE = 80;

export function chatThrottle(ephemeral: Ephemeral): (caller: Caller) => Promise<void> {
  const limiter = (name: string, points: number) =>
    ephemeral.rateLimiter({ name, points, durationSeconds: 60 });
  const usual = limiter("chat", TURNS_PER_MINUTE);
  const power = limiter("chat-power", POWER_TURNS_PER_MINUTE);
  return async (caller) => {
    const limit = caller.roles.includes("power_user") ? power : usual;
    const { allowed, retryAfterSeconds } = await limit.consume(`${caller.tenant}:${caller.subject}`);
    if (allowed) return;
    throw new DeputizeError("rate_limited", "that were many questions in a minute; wait a little", {
      retryAfterSeconds,
    });
  };
}

/**
 * Who may ask the agent `name`. For calls that come from another agent, the turn was admitted where the person asked, and
 * each hop's token needed their permission. Throws `rate_limited`, `insufficient_scope`.
 */
export function agentAdmission(options: {
  readonly name: string;
  readonly throttle: (caller: Caller) => Promise<void>;
  readonly audit: Pick<AuditLog, "append">;
}): (caller: Caller) => Promise<void> {
  const { name, throttle, audit } = options;
  return async (caller) => {
    if (caller.actors.length > 0) return;
    // First, so that the entries of refusals are bounded too [SR-19].
    await throttle(caller);
    if (caller.subjectKind === "user" || scopeIsSubset([`use:agents:${name}`], caller.scopes)) return;
    await audit.append(
      auditEvent(caller, {
        action: "agent.asked",
        outcome: "refused",
        reason: "insufficient_scope",
        resource: `agent:${name}`,
      }),
    );
    throw new DeputizeError("insufficient_scope", "an administrator has not permitted you to ask this agent");
  };
}

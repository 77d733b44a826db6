/**
 * Validations leave a trace that does not grow with their number: failed ones are counted by source, and of those that
 * succeed one every ten seconds is written down, with how many there were [AW-D24].
 */
import type { AuditLog, RefusalCounter } from "@deputize/audit";
import type { Clock } from "@deputize/core";
import type { BrokerCaller } from "../../broker/broker.ts";
import { actorOf } from "./refusal-log.ts";

const EVERY_MS = 10_000;

/** Told of each validation: its caller, or none when the token does not stand. Never throws, never waits. */
export type ValidationSample = (caller: BrokerCaller | undefined, source: string) => void;

export function createValidationSample(options: {
  readonly audit: Pick<AuditLog, "append">;
  readonly refusals: Pick<RefusalCounter, "count">;
  readonly clock: Clock;
}): ValidationSample {
  const { audit, refusals, clock } = options;
  let writtenAt = Number.NEGATIVE_INFINITY;
  let since = 0;

  return (caller, source) => {
    if (!caller) {
      refusals.count("token_not_valid", source);
      return;
    }
    since += 1;
    const now = clock.monotonicMs();
    if (now - writtenAt < EVERY_MS) return;
    writtenAt = now;
    const validations = since;
    since = 0;
    void audit
      .append({
        action: "token_validated",
        outcome: "allowed",
        ...actorOf(caller),
        detail: { jti: caller.jti, source, validations },
      })
      .catch(() => {
        since += validations;
      });
  };
}

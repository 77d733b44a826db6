/**
 * Proofs of possession at the broker's routes (RFC 9449).
 *
 * Guarantees: a proof counts once, over all replicas that share the ephemeral store. This process also remembers by itself
 * and refuses when it can remember no more, so that a flood cannot make room for a replay.
 */
import type { CheckProof } from "@deputize/authority";
import { createReplayMemory, verifyDpopProof } from "@deputize/client";
import type { Clock } from "@deputize/core";
import type { Ephemeral } from "@deputize/store";

export function checkProofs(options: {
  readonly ephemeral: Pick<Ephemeral, "setIfAbsent">;
  readonly clock: Clock;
}): CheckProof {
  const { ephemeral, clock } = options;
  const seenHere = createReplayMemory(clock);
  return async ({ proof, method, url, token, jkt }) => {
    await verifyDpopProof(proof, {
      method,
      url,
      accessToken: token,
      jkt,
      clock,
      seen: async (id, ttlSeconds) =>
        (await seenHere(id, ttlSeconds)) ||
        !(await ephemeral.setIfAbsent(`dpop:${id}`, "1", ttlSeconds * 1_000)),
    });
  };
}

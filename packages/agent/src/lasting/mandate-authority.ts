/**
 * Authority for work whose person is away: an agent's tokens under a mandate [SR-14].
 *
 * Guarantees: every token is asked for by the agent's own credential and under a mandate that stands at that moment; where it does
 * not, nothing is done. A server that the mandate does not name is one where the person may do nothing.
 */
import {
  type Caller,
  type Clock,
  DeputizeError,
  isDeputizeError,
  nowSeconds,
  systemClock,
} from "@deputize/core";
import type { AgentCaller } from "../identity/agent-caller.ts";
import type { ApprovalStatus } from "../events.ts";

export interface LastingAuthority {
  /**
   * The caller under a mandate. Throws `not_found` for a mandate that is not this agent's, `grant_revoked` when it has ended,
   * `forbidden` while the person's permission does not stand.
   */
  open(mandateId: string): Promise<AgentCaller>;
  /** How an approval of the caller's stands. Throws `not_found`. */
  approval(caller: Caller, id: string): Promise<ApprovalStatus>;
}

export interface MandateAuthorityOptions {
  /** Gets a token under the mandate; for its first audience unless told. `DeputizeClient.underMandate` does. */
  readonly underMandate: (request: {
    readonly mandateId: string;
    readonly audience?: string;
  }) => Promise<{ readonly accessToken: string; /** Epoch seconds. */ readonly expiresAt: number }>;
  /** Verifies such a token; it need not be for this agent's own audience. */
  readonly verify: (token: string) => Promise<Caller>;
  readonly approvals: {
    get(caller: Caller, id: string): Promise<{ readonly status: ApprovalStatus }>;
  };
  readonly clock?: Clock;
}

/** A token is asked for anew this long before it ends, so that it does not end on the way. */
const RENEW_BEFORE_SECONDS = 15;

export function mandateAuthority(options: MandateAuthorityOptions): LastingAuthority {
  const { underMandate, verify, approvals, clock = systemClock } = options;

  async function ask(mandateId: string, audience?: string) {
    try {
      return await underMandate({ mandateId, ...(audience !== undefined && { audience }) });
    } catch (error) {
      // Over HTTP an ended mandate is `invalid_grant` (RFC 6749).
      if (isDeputizeError(error, "invalid_grant"))
        throw new DeputizeError("grant_revoked", "the mandate has ended", { cause: error });
      throw error;
    }
  }

  return {
    async open(mandateId) {
      const caller = await verify((await ask(mandateId)).accessToken);
      if (caller.grants[0] !== mandateId) throw new DeputizeError("not_found", "no such mandate");
      const held = new Map<string, { readonly accessToken: string; readonly expiresAt: number }>();
      return {
        caller,
        authority: {
          async tokenFor(audience, { fresh = false } = {}) {
            const kept = held.get(audience);
            if (!fresh && kept && nowSeconds(clock) < kept.expiresAt - RENEW_BEFORE_SECONDS)
              return kept.accessToken;
            try {
              const made = await ask(mandateId, audience);
              held.set(audience, made);
              return made.accessToken;
            } catch (error) {
              if (!isDeputizeError(error, "invalid_target")) throw error;
              throw new DeputizeError("forbidden", "the mandate is not for that server", { cause: error });
            }
          },
        },
      };
    },
    approval: async (caller, id) => (await approvals.get(caller, id)).status,
  };
}

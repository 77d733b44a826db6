/**
 * Lasting work of the shop's specialists: under mandates, by each agent's own credential, on the engine of this process.
 *
 * Guarantees: no agent works for an absent person but by a token that the authority gave it under that person's mandate; the API's
 * own way from a signed-in person to the agents is not used here [SR-14].
 * Does not: let the front desk take part: `lastingWork` refuses an agent that asks others (docs/agents.md says why).
 */
import {
  type Agent,
  type ApprovalStatus,
  type LastingWork,
  lastingWork,
  mandateAuthority,
} from "@deputize/agent";
import type { Authority } from "@deputize/authority";
import { DeputizeClient, type TokenVerifier } from "@deputize/client";
import type { Caller, Clock } from "@deputize/core";
import type { BackgroundAgent } from "@deputize/server";
import type { Store } from "@deputize/store";
import { type Addresses, type AgentName, SPECIALISTS, agentId, toolServerOf } from "./policy.ts";

export interface LastingPaceOptions {
  readonly pollMs?: number;
  readonly deadAfterMs?: number;
}

export interface BackgroundOptions extends LastingPaceOptions {
  readonly store: Store;
  readonly agents: Readonly<Record<AgentName, Agent>>;
  readonly addresses: Addresses;
  readonly approvals: Pick<Authority["approvals"], "get">;
  readonly verifier: Pick<TokenVerifier, "verify">;
  readonly fetch: typeof fetch;
  readonly apiKeys: ReadonlyMap<AgentName, string>;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

/** Starts taking part; the store was prepared by `prepareLastingWork`. Throws `config_invalid`. */
export async function openBackground(options: BackgroundOptions): Promise<readonly BackgroundAgent[]> {
  const { store, agents, addresses, approvals, verifier, fetch, apiKeys, clock, onFault } = options;
  const { pollMs, deadAfterMs } = options;
  const open: BackgroundAgent[] = [];
  try {
    for (const name of SPECIALISTS) {
      const principal = agentId(name);
      const client = new DeputizeClient({
        authorityUrl: addresses.api,
        credential: { clientId: "", secret: apiKeys.get(name) ?? "" },
        fetch,
        clock,
      });
      const audience = addresses.tools(toolServerOf(name));
      const authority = mandateAuthority({
        underMandate: (request) => client.underMandate(request),
        verify: (token): Promise<Caller> => verifier.verify(token, { audience }),
        approvals: { get: (caller, id): Promise<{ status: ApprovalStatus }> => approvals.get(caller, id) },
        clock,
      });
      const work: LastingWork = await lastingWork({
        store,
        agent: agents[name],
        authority,
        clock,
        onFault,
        ...(pollMs !== undefined && { pollMs }),
        ...(deadAfterMs !== undefined && { deadAfterMs }),
      });
      open.push({ principal, agent: agents[name], work });
    }
  } catch (error) {
    await closeBackground(open);
    throw error;
  }
  return open;
}

/** Lets go of what runs here; before the agents are closed. */
export async function closeBackground(open: readonly BackgroundAgent[]): Promise<void> {
  for (const { work } of open) await work.close();
}

/** What receipts call people, agents and grants. */
import type { ReceiptNames } from "@deputize/audit";
import type { Authority } from "@deputize/authority";
import type { Store } from "@deputize/store";
import { AGENTS, SERVICES, agentId, serviceId } from "./policy.ts";

/** Names of the principals and grants in entries, as they are now. */
export function namesOf(authority: Authority, store: Store): ReceiptNames {
  const builtIn = new Map<string, string>([
    ...AGENTS.map((name) => [agentId(name), name] as const),
    ...SERVICES.map((name) => [serviceId(name), name] as const),
  ]);
  return {
    principal: async (id) => builtIn.get(id) ?? (await authority.people.get(id))?.name,
    async grant(id) {
      const grant = await authority.grants.get(
        { query: (text, params = []) => store.pool("authority").query(text, params as unknown[]) as never },
        { tenant: authority.tenant, id },
      );
      return grant && { scopes: grant.scopes, expires: new Date(grant.expiresAt).toISOString() };
    },
  };
}

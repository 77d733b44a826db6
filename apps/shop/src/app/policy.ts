/**
 * Who exists in the shop's installation, what each role holds, and which agent may reach which address.
 *
 * Guarantees: everything that is not written here is refused. An agent's tokens are cut to what its work needs, so a
 * product agent never holds a token that reads orders, and no agent can open cases or read the log.
 */
import type { AuthorityPolicy } from "@deputize/authority";
import { type PrincipalId, stableId } from "@deputize/core";

export const ORCHESTRATOR = "customer-support";
export const SPECIALISTS = ["order-management", "product-discovery"] as const;
export const AGENTS = [ORCHESTRATOR, ...SPECIALISTS] as const;
export type AgentName = (typeof AGENTS)[number];

export const SERVICES = ["shop-api", "mcp-orders", "mcp-products"] as const;
export const TOOL_SERVERS = ["orders", "products"] as const;
export type ToolServerName = (typeof TOOL_SERVERS)[number];

/** The only tool server of a specialist. */
export const toolServerOf = (name: (typeof SPECIALISTS)[number]): ToolServerName =>
  name === "order-management" ? "orders" : "products";

const PRODUCTS = ["read:products:*"];
const OWN = ["read:orders:*", "cancel:orders:*", "read:profile:*"];
const SHOPPING = [...PRODUCTS, ...OWN];

const ROLE_SCOPES: Readonly<Record<string, readonly string[]>> = {
  customer: SHOPPING,
  power_user: SHOPPING,
  seller: SHOPPING,
  admin: [...SHOPPING, "read:usage:*", "open:cases:*", "read:audit:*"],
};

/** What a token in which this agent acts may hold at most. */
export const AGENT_SCOPES: Readonly<Record<AgentName, readonly string[]>> = {
  "customer-support": SHOPPING,
  "order-management": OWN,
  "product-discovery": PRODUCTS,
};

export function agentId(name: string): PrincipalId {
  return stableId(`agent:${name}`) as PrincipalId;
}

export function serviceId(name: (typeof SERVICES)[number]): PrincipalId {
  return stableId(`service:${name}`) as PrincipalId;
}

export interface Addresses {
  /** The public URL without a slash at its end: issuer, and audience of the API. */
  readonly api: string;
  agent(name: string): string;
  tools(name: ToolServerName): string;
}

export function addressesUnder(publicUrl: string): Addresses {
  const api = publicUrl.replace(/\/+$/, "");
  return { api, agent: (name) => `${api}/agents/${name}`, tools: (name) => `${api}/mcp/${name}` };
}

/** The policy of the authority. */
export function shopPolicy(at: Addresses): AuthorityPolicy {
  return {
    // An agent with a key of its own asks for a token for the one that it calls.
    agentAudiences: [...TOOL_SERVERS.map(at.tools), ...AGENTS.map(at.agent)],
    roles: ROLE_SCOPES,
    audiences: {
      [at.api]: { kind: "api", principal: serviceId("shop-api") },
      ...Object.fromEntries(
        AGENTS.map((name) => [at.agent(name), { kind: "agent", principal: agentId(name) }]),
      ),
      [at.tools("orders")]: { kind: "tool", principal: serviceId("mcp-orders") },
      [at.tools("products")]: { kind: "tool", principal: serviceId("mcp-products") },
    },
    edges: {
      [agentId("customer-support")]: SPECIALISTS.map(at.agent),
      ...Object.fromEntries(SPECIALISTS.map((name) => [agentId(name), [at.tools(toolServerOf(name))]])),
    },
  };
}

/**
 * What the shop's specialists can be let do while their person is away, as their tool servers say it themselves.
 *
 * Guarantees: a tool that asks for more than scopes, such as a role of staff, is not among them.
 */
import type { MCPServer } from "@deputize/mcp";
import type { BackgroundOffer } from "@deputize/server";
import { type Addresses, SPECIALISTS, type ToolServerName, agentId, toolServerOf } from "./policy.ts";

const SCOPES_ONLY = /^hasScope\(/;
/** Tools whose calls a person may bind to orders of theirs. */
const OF_ORDERS: ReadonlySet<string> = new Set(["get_order_details", "get_order_tracking", "cancel_order"]);

export function backgroundOffers(
  servers: Readonly<Record<ToolServerName, Pick<MCPServer, "explain">>>,
  at: Addresses,
): readonly BackgroundOffer[] {
  return SPECIALISTS.map((name) => {
    const server = toolServerOf(name);
    const tools = servers[server]
      .explain()
      .filter(({ kind, guards }) => kind === "tool" && guards.every((guard) => SCOPES_ONLY.test(guard)));
    return {
      agent: agentId(name),
      name,
      audiences: [at.tools(server)],
      tools: tools.map(({ name: tool, title = tool, effect, scopes }) => ({
        name: `${server}/${tool}`,
        title,
        asks: effect === "sensitive",
        scopes: [...new Set(scopes)],
        bounds: OF_ORDERS.has(tool) ? [{ argument: "order_id", of: "orders" as const }] : [],
      })),
    };
  });
}

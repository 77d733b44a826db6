/** The desk's tool server: sixteen tools over one schema, for customers and whoever acts for them. */
import type { PrincipalId } from "@deputize/core";
import { MCPServer, type MCPServerOptions, hasScope } from "@deputize/mcp";
import { addChanges } from "./changes.ts";
import { text } from "./inputs.ts";
import { OWNED } from "./owned.ts";
import { addReads } from "./reads.ts";
import { READ } from "./scopes.ts";

export interface HandedOver {
  readonly customer: PrincipalId;
  readonly summary: string;
}

export interface DeskServerOptions extends MCPServerOptions {
  /** Takes a customer to the people behind the desk. */
  readonly handOver: (request: HandedOver) => void | Promise<void>;
}

/** Throws `config_invalid`. */
export function deskServer({ handOver, ...options }: DeskServerOptions): MCPServer {
  const server = new MCPServer({
    instructions:
      "Orders, payments and the profile of the customer who asks, and the catalogue. Every change asks the customer first.",
    owned: OWNED,
    ...options,
  });
  addReads(server);
  addChanges(server);
  server.tool(
    "transfer_to_human_agents",
    {
      description:
        "Hands the customer to a person, with a summary. Only when they ask for one, or nothing here can help.",
      effect: "write",
      sends: "house",
      guards: [hasScope(READ)],
      reads: "own",
      input: { summary: text(4_000) },
      approval: { exempt: "asking for a person changes nothing of the customer's", evenUntrusted: true },
    },
    async ({ summary }, { caller }) => {
      await handOver({ customer: caller.subject, summary });
      return { message: "Transfer successful" };
    },
  );
  return server;
}

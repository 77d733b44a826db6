/** The shop's tool servers, each at its own address, behind tokens that the authority made for it. */
import type { AuditLog } from "@deputize/audit";
import type { Authority } from "@deputize/authority";
import type { TokenVerifier } from "@deputize/client";
import type { Caller, Clock } from "@deputize/core";
import { type MCPServer, authorityAuth } from "@deputize/mcp";
import type { Ephemeral, Store } from "@deputize/store";
import type { Context, Hono } from "hono";
import { ordersServer } from "../tools/orders-server.ts";
import { productsServer } from "../tools/products-server.ts";
import { approvalGate } from "./approval-gate.ts";
import { AGENT_SCOPES, type Addresses, ORCHESTRATOR, TOOL_SERVERS, type ToolServerName } from "./policy.ts";
import { sourceOf } from "./source-of.ts";

export interface ToolServers {
  readonly addresses: Addresses;
  readonly authority: Authority;
  readonly verifier: TokenVerifier;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly ephemeral: Ephemeral;
  readonly clock: Clock;
}

/** Adds their routes, and answers the servers, for whoever closes them. */
export function mountToolServers(
  app: Hono,
  options: ToolServers,
): Readonly<Record<ToolServerName, MCPServer>> {
  const servers = { orders: toolServer("orders", options), products: toolServer("products", options) };
  for (const name of TOOL_SERVERS) {
    const serve = (c: Context): Promise<Response> =>
      servers[name].fetch(c.req.raw, { ipAddress: sourceOf(c) });
    app.on(["GET", "POST", "DELETE"], `/mcp/${name}`, serve);
    app.get(`/.well-known/oauth-protected-resource/mcp/${name}`, serve);
  }
  return servers;
}

function toolServer(
  name: ToolServerName,
  { addresses: at, authority, verifier, store, audit, ephemeral, clock }: ToolServers,
): MCPServer {
  const url = at.tools(name);
  const deps = {
    auth: authorityAuth({ verifier, audience: url, issuer: at.api }),
    store,
    audit,
    ephemeral,
    url,
    clock,
    // An agent that acts for itself can be permitted what these tools need: it is told so by a 403 [SR-26].
    server: {
      stepUp: (caller: Caller) => (caller.subjectKind === "agent" ? AGENT_SCOPES[ORCHESTRATOR] : []),
    },
  };
  return name === "orders"
    ? ordersServer({
        ...deps,
        approvals: approvalGate(authority.approvals),
        people: authority.people,
        cases: authority.cases,
      })
    : productsServer(deps);
}

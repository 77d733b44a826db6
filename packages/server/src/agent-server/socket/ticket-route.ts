/** The route at which a socket's ticket is had. */
import { z } from "zod";
import { type AgentRoute, route } from "../route.ts";
import { GRAPH_SOCKET_SCOPE } from "./graph-socket.ts";
import { TICKET_SECONDS, type Tickets } from "./tickets.ts";

export function ticketRoute(tickets: Tickets): AgentRoute {
  return route({
    method: "POST",
    path: "/v1/graph/ws/tickets",
    group: "Socket",
    summary:
      "A ticket that opens one socket within half a minute, as `/v1/graph/ws?ticket=`, where no header and no protocol can be sent",
    scope: GRAPH_SOCKET_SCOPE,
    answer: z.object({ ticket: z.string(), expires_in: z.number() }),
    status: 201,
    handler: async ({ request }) => ({ ticket: await tickets.make(request), expires_in: TICKET_SECONDS }),
  });
}

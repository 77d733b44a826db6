/** The agent. One serves everybody; who a turn is for comes with each request, and is not for the model to say. */
import { buildAgent } from "deputize/agent";
import { defineAgent } from "deputize/server";
import { openOrders } from "../tools/orders.ts";

export default defineAgent(({ name, model, fallback, conversations, memories, audit, env }) =>
  buildAgent({
    name,
    description: "Answers questions about orders.",
    instructions: "You are the support desk of a small shop. Help people with their orders. Be brief.",
    model,
    fallback,
    conversations,
    audit,
    env,
    ...(memories && { memory: memories }),
    servers: { orders: openOrders(env["TOOL_TOKEN_SECRET"] ?? "") },
  }),
);

import { z } from "zod";
import { MCPServer, TestClient, hasRole, jwtAuth } from "deputize/mcp";

const auth = jwtAuth({ secret: crypto.randomUUID() + crypto.randomUUID(), audience: "customer-api" });
const server = new MCPServer({ name: "customer-api", auth });

server.tool(
  "get_customer",
  {
    description: "Look up a customer",
    effect: "read",
    input: { customer_id: z.string() },
    guards: [hasRole("analyst")],
  },
  ({ customer_id }, { clientId }) => ({ customer_id, plan: "pro", asked_by: clientId }),
);

for (const [sub, role] of Object.entries({ ada: "analyst", eve: "guest" })) {
  const client = new TestClient(server, { token: await auth.createToken({ sub, roles: [role] }) });
  const tools = await client.listTools();
  const answer = await client.callTool("get_customer", { customer_id: "42" }).catch((refusal) => refusal);
  console.log(`${sub} sees ${tools.length} tools:`, answer.structuredContent ?? answer.message);
}

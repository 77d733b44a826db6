/** A guarded server over standard input and output, for tests that start it as a program. */
import { z } from "zod";
import { stableId } from "@deputize/core";
import { MCPServer, hasRole, jwtAuth, memoryAudit, publicTool } from "../src/index.ts";

const audit = memoryAudit();
const auth = jwtAuth({ secret: process.env["TEST_SECRET"] ?? "", audience: "stdio" });
const server = new MCPServer({ name: "notes", auth, audit });
const common = { effect: "read", guards: [publicTool()] } as const;

server.tool(
  "hello",
  { ...common, description: "Greets", input: { name: z.string() }, output: z.object({ text: z.string() }) },
  ({ name }, { client }) => {
    // oxlint-disable-next-line no-console -- what a handler prints must not reach the client
    console.log("a handler that prints");
    process.stdout.write("and one that writes\n");
    return { text: `hello ${name}, ${client.clientId} asks` };
  },
);
server.tool(
  "admin",
  { description: "For administrators", effect: "read", guards: [hasRole("admin")] },
  () => ({
    ok: true,
  }),
);
server.tool("entries", { ...common, description: "What was logged" }, () => ({
  entries: audit.entries.map(({ subject, resource, outcome }) => `${subject} ${resource} ${outcome}`),
  token_left: process.env["TEST_TOKEN"] !== undefined,
}));
server.tool("count", { ...common, description: "Counts" }, async (_args, { progress }) => {
  await progress(1, 2, "half");
  // A client of the first SDK forgets who listens when the result comes in the same piece as the progress before it.
  await new Promise((resolve) => setTimeout(resolve, 150));
  return { counted: true };
});
server.tool("ask", { ...common, description: "Asks the model" }, async (_args, { legacy }) => ({
  reply: await legacy.sample({
    messages: [{ role: "user", content: { type: "text", text: "hi" } }],
    maxTokens: 5,
  }),
}));
server.tool("slow", { ...common, description: "Waits to be cancelled" }, async (_args, { signal }) => {
  process.stderr.write("waiting\n");
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  process.stderr.write("cancelled\n");
  return {};
});
server.resource("readme", { ...common, description: "About", uri: "notes://über" }, () => ({
  text: "about",
}));

const stated = process.env["TEST_ROLES"];
const { closed } = await server.stdio({
  principal:
    stated === undefined
      ? { tokenFrom: "TEST_TOKEN" }
      : { subject: stableId("user:ada") as never, roles: stated.split(","), clientId: "ada's shell" },
});
await closed;
process.stderr.write("ended\n");

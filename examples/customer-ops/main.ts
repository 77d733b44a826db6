/** A customer-operations tool server: 30 tools, two companies, approvals, cases and a log that can be checked. */
import { parseArgs } from "node:util";
import { DeputizeError } from "deputize/core";
import type { ExampleContext } from "../example.ts";
import { type Desk, openDesk } from "./installation.ts";
import { PEOPLE, type PersonName } from "./people.ts";
import { serveDesk } from "./serve.ts";
import { walk } from "./walk.ts";

export const title =
  "30 tools of customer operations: who sees which, a refund that waits for a yes (--serve to connect)";
export const ceiling: readonly string[] = [];

/** `--serve`, `--port 8000`, `--data FOLDER`. Without `--serve` it walks through by itself and ends. */
export async function run({ print }: Pick<ExampleContext, "print">, args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { serve: { type: "boolean" }, port: { type: "string" }, data: { type: "string" } },
  });
  const port = Number(values.port ?? 8000);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new DeputizeError("config_invalid", "--port is a number from 0 to 65535");
  }
  const kept = values.data !== undefined && { dataDir: values.data };
  if (!values.serve) {
    await using desk = await openDesk({ url: "http://127.0.0.1:8000", ...kept });
    await walk(desk, print);
    return;
  }
  await using served = await serveDesk({ port, ...kept });
  await introduce(served.desk, served.url, print);
  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}

/** What somebody needs to connect: the address, a token for each person, and how to decide. */
async function introduce(desk: Desk, url: string, print: (line: string) => void): Promise<void> {
  print(
    `MCP endpoint: ${desk.mcpUrl}\n\nTokens for twelve hours, one a person (send it as Authorization: Bearer):\n`,
  );
  for (const name of Object.keys(PEOPLE) as PersonName[]) {
    const { email, roles, tenant } = PEOPLE[name];
    print(`${email} (${roles.join(", ") || "customer"}${tenant === "default" ? "" : ` of ${tenant}`})`);
    print(`  ${await desk.tokenOf(name)}`);
    if (tenant === "default") print(`  password: ${desk.passwordOf(name)}`);
  }
  print(`
What waits is decided by the person, signed in with the password; no token above can:

  TOKEN=$(curl -s ${url}/api/auth/login -H 'content-type: application/json' \\
    -d '{"email":"ann@mail.example","password":"…"}' | node -pe 'JSON.parse(require("fs").readFileSync(0)).access_token')
  curl -s ${url}/api/approvals -H "Authorization: Bearer $TOKEN"
  curl -s ${url}/api/approvals/ID/decide -H "Authorization: Bearer $TOKEN" \\
    -H 'content-type: application/json' -d '{"decision":"approve"}'

Then send the same call again with _meta {"deputize/approval_id": ID, "deputize/call_id": the one of the first call}.
Ctrl-C ends it.`);
}

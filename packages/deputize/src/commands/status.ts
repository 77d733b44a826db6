/** `deputize status`: is the server there, ready, and what does it hold. */
import { Command } from "commander";
import { ProblemResponseError } from "@deputize/client";
import { z } from "zod";
import { type OperatorOptions, findOperator, openServer, withOperator } from "../cli/connection.ts";
import { duration, plain, print, printJson } from "../cli/print.ts";
import { readAnswer } from "../cli/read-answer.ts";

const Health = z.looseObject({
  status: z.string(),
  version: z.string(),
  uptime: z.number(),
  db_connected: z.boolean(),
  audit_events_count: z.number(),
});
const Status = z.looseObject({
  counts: z.record(z.string(), z.number()),
  keys: z.array(z.looseObject({ kid: z.string(), state: z.string() })),
  /** C2SP verifier key of the audit log. */
  log_key: z.string(),
});

export function statusCommand(): Command {
  const command = new Command("status")
    .description(
      "health, readiness and version; with the admin secret also keys and counts. Exits 1 unless ready",
    )
    .addHelpText("after", "\nExample:\n  deputize status --json");
  return withOperator(command).action(async (options: OperatorOptions) => {
    // How it is now is the answer, also when it is bad.
    const server = openServer(options, 1);
    const ask = (path: string) => server.send({ method: "GET", path, repeatable: true });
    const health = readAnswer(Health, await ask("/v1/health"));
    let ready = true;
    try {
      await ask("/v1/ready");
    } catch (error) {
      if (!(error instanceof ProblemResponseError)) throw error;
      ready = false;
    }
    const client = await findOperator(options);
    // Without its database the server cannot sign anybody in.
    const detail =
      client && ready ? readAnswer(Status, await client.request("GET", "/v1/admin/status")) : undefined;
    if (!ready) process.exitCode = 1;
    if (options.json) {
      printJson({ url: server.brokerUrl, ready, health, ...(detail && { status: detail }) });
      return;
    }
    print(
      `${server.brokerUrl}: ${ready ? "ready" : "NOT ready"}, version ${plain(health.version)}, up ${duration(health.uptime)}`,
      `database: ${health.db_connected ? "answers" : "does NOT answer"}`,
      `audit log: ${health.audit_events_count} entries`,
    );
    if (!detail) {
      print("give the admin secret to see keys and counts (DEPUTIZE_ADMIN_SECRET or --secret-file)");
      return;
    }
    for (const [name, count] of Object.entries(detail.counts))
      print(`${plain(name).replaceAll("_", " ")}: ${count}`);
    for (const key of detail.keys) print(`key ${plain(key.kid)}: ${plain(key.state)}`);
    print(`log key, to keep apart for \`deputize audit verify --key\`: ${plain(detail.log_key)}`);
  });
}

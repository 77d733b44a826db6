/** `deputize revoke`: end what a target names, with everything below it. */
import { Command, Option } from "commander";
import type { RevocationLevel } from "@deputize/client";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { plain, print, printJson } from "../cli/print.ts";

const LEVELS = [
  "token",
  "agent",
  "task",
  "chain",
  "app",
  "tenant",
  "user",
] as const satisfies RevocationLevel[];

interface RevokeOptions extends OperatorOptions {
  readonly level: RevocationLevel;
  readonly target: string;
  readonly app?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

export function revokeCommand(): Command {
  const command = new Command("revoke")
    .description("end tokens, workers, tasks, apps or people's grants, with everything below them, at once")
    .addOption(new Option("--level <level>", "what the target is").choices(LEVELS).makeOptionMandatory())
    .requiredOption(
      "--target <target>",
      "jti, SPIFFE id, task id, SPIFFE id of the chain's root, app id, tenant, or principal",
    )
    .option("--app <app-id>", "with --level task: whose task, where several apps use the same id")
    .option("--reason <reason>", "kept in the log")
    .option("--dry-run", "only say how many grants would end")
    .addHelpText(
      "after",
      "\nExample:\n  deputize revoke --level task --target process-ord-4823 --reason incident_42",
    );
  return withOperator(command).action(async (options: RevokeOptions) => {
    const client = await openOperator(options);
    const { count } = await client.revoke({
      level: options.level,
      target: options.target,
      ...(options.app !== undefined && { appId: options.app }),
      ...(options.reason !== undefined && { reason: options.reason }),
      ...(options.dryRun === true && { dryRun: true }),
    });
    if (options.json) {
      const { level, target } = options;
      printJson({ ...(options.dryRun ? { dry_run: true } : { revoked: true }), level, target, count });
      return;
    }
    const what = `${options.level} ${plain(options.target)}`;
    if (options.dryRun) print(`${what}: ${count} would end; nothing was changed`);
    else print(count === 0 ? `${what}: nothing lived there` : `${what}: ${count} ended`);
  });
}

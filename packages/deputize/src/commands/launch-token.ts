/** `deputize launch-token create`: what a worker redeems for its own credential. */
import type { Constraint } from "@deputize/core";
import { Command } from "commander";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { type NewSecretOptions, checkOut, showSecret, withOut } from "../cli/new-secret.ts";
import { constraints, list, wholeNumber } from "../cli/parse.ts";
import { plain } from "../cli/print.ts";

interface CreateOptions extends OperatorOptions, NewSecretOptions {
  readonly agentName: string;
  readonly scopes: string[];
  readonly app?: string;
  readonly maxTtl?: number;
  readonly ttl?: number;
  readonly multiUse?: boolean;
  readonly constraints?: Readonly<Record<string, Constraint>>;
}

function createCommand(): Command {
  const command = new Command("create")
    .description("a launch token, shown once; a worker proves its key with it and gets its credential")
    .requiredOption("--agent-name <name>", "what the log calls the worker")
    .requiredOption("--scopes <scopes...>", "what the worker may ask for at most", list)
    .option("--app <app-id>", "under this app's ceiling (DEPUTIZE_OPERATOR_SCOPES is the ceiling otherwise)")
    .option(
      "--max-ttl <seconds>",
      "how long the worker's credential lives at most; 300 unless told",
      wholeNumber(1, 86_400),
    )
    .option("--ttl <seconds>", "how long the launch token waits; 30 unless told", wholeNumber(1, 3_600))
    .option(
      "--constraints <json>",
      "limits on arguments of tools, by name, for the worker and whoever it delegates to",
      constraints,
    )
    .option("--multi-use", "for several workers; single use otherwise")
    .addHelpText(
      "after",
      "\nExample:\n  deputize launch-token create --agent-name reader --scopes read:data:7 --app app-shop-1a2b3c --out launch.json",
    );
  return withOperator(withOut(command)).action(async (options: CreateOptions) => {
    await checkOut(options);
    const client = await openOperator(options);
    const made = await client.createLaunchToken({
      agentName: options.agentName,
      allowedScope: options.scopes,
      ...(options.app !== undefined && { appId: options.app }),
      ...(options.maxTtl !== undefined && { maxTtl: options.maxTtl }),
      ...(options.ttl !== undefined && { ttl: options.ttl }),
      ...(options.multiUse === true && { singleUse: false }),
      ...(options.constraints && { constraints: options.constraints }),
    });
    await showSecret(
      {
        launch_token: made.launchToken,
        expires_at: made.expiresAt,
        policy: {
          allowed_scope: made.allowedScope,
          max_ttl: made.maxTtl,
          ...(options.constraints && { constraints: options.constraints }),
        },
      },
      "launch_token",
      [`for ${plain(made.allowedScope.join(" "))}, until ${plain(made.expiresAt)}`],
      options,
    );
  });
}

export function launchTokenCommand(): Command {
  return new Command("launch-token")
    .description("launch tokens, by which workers begin")
    .addCommand(createCommand());
}

/** `deputize init`: the first configuration of an authority, and replacing the operator's secret. */
import { join } from "node:path";
import { Command, Option } from "commander";
import type { ConfigFile } from "@deputize/server/config";
import { withJson } from "../cli/connection.ts";
import { type NewSecretOptions, checkOut, showSecret, withOut } from "../cli/new-secret.ts";
import { wholeNumber } from "../cli/parse.ts";
import { print, printJson } from "../cli/print.ts";
import { UsageError } from "../cli/usage-error.ts";

const OVERLAP_SECONDS = 86_400;

interface InitOptions extends NewSecretOptions {
  readonly mode?: ConfigFile["mode"];
  readonly configPath?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly rotate?: boolean;
  readonly overlap?: number;
}

export function initCommand(): Command {
  const command = new Command("init")
    .description(
      "make the configuration file with a strong admin secret, for nobody else to read; in mode prod it keeps only a hash",
    )
    .addOption(
      new Option("--mode <mode>", "dev keeps the secret in the file, prod only its hash").choices([
        "dev",
        "prod",
      ]),
    )
    .option("--config-path <file>", "where (config.json in the data folder unless told)")
    .option("--force", "replace a file that is there; its settings stay, its secret dies")
    .option("--rotate", "give an existing file a new secret; the one before works on for a while")
    .option(
      "--overlap <seconds>",
      `with --rotate: how long (${OVERLAP_SECONDS} unless told)`,
      wholeNumber(0, 30 * 86_400),
    )
    .option("--dry-run", "only say what would be written")
    .addHelpText("after", "\nExample:\n  deputize init --mode prod --out admin-secret.json");
  return withJson(withOut(command)).action(async (options: InitOptions) => {
    const { assertPrivateTarget, initConfig, readSettings, rotateAdminSecret } =
      await import("@deputize/server/config");
    const file = options.configPath ?? join(readSettings(process.env).dataDir, "config.json");
    const how = options.force || options.rotate ? "replace" : "new";
    if (options.rotate ? options.mode !== undefined : options.mode === undefined) {
      throw new UsageError(
        options.rotate
          ? "--rotate keeps the file's mode; leave --mode out"
          : "name --mode dev or --mode prod",
      );
    }
    if (options.overlap !== undefined && !options.rotate)
      throw new UsageError("--overlap belongs to --rotate");
    assertPrivateTarget(file, how);
    await checkOut(options);
    if (options.dryRun) {
      if (options.json)
        printJson({ dry_run: true, file, mode: options.mode ?? null, replaces: how === "replace" });
      else print(`would write ${file}, mode 0600; nothing was written`);
      return;
    }
    const { secret, config } = options.rotate
      ? rotateAdminSecret({ file, overlapSeconds: options.overlap ?? OVERLAP_SECONDS })
      : initConfig({ mode: options.mode ?? "prod", file, force: options.force === true });
    const until = config.admin_secret_previous_until;
    await showSecret(
      {
        file,
        mode: config.mode,
        ...(until !== undefined && { previous_until: until }),
        admin_secret: secret,
      },
      "admin_secret",
      [
        `${file}: made, for you alone to read (mode ${config.mode})`,
        ...(until === undefined ? [] : [`the secret before works until ${until}`]),
        `start with: deputize serve --config ${file}`,
      ],
      options,
    );
  });
}

/**
 * `deputize init NAME`: a new project, an agent behind HTTP. `deputize init --mode …`: the first configuration of an authority, and
 * replacing the operator's secret. NAME tells them apart; the two are never mixed.
 */
import { join } from "node:path";
import { Command, Option } from "commander";
import type { ConfigFile } from "@deputize/server/config";
import { canAsk, choose } from "../cli/ask.ts";
import { withJson } from "../cli/connection.ts";
import { type NewSecretOptions, checkOut, showSecret, withOut } from "../cli/new-secret.ts";
import { wholeNumber } from "../cli/parse.ts";
import { print, printJson } from "../cli/print.ts";
import { UsageError } from "../cli/usage-error.ts";
import { AUTH_CHOICES, type AuthChoice } from "../scaffold/project-files.ts";

const OVERLAP_SECONDS = 86_400;

interface AuthorityOptions extends NewSecretOptions {
  readonly mode?: ConfigFile["mode"];
  readonly configPath?: string;
  readonly force?: boolean;
  readonly rotate?: boolean;
  readonly overlap?: number;
}

interface InitOptions extends AuthorityOptions {
  readonly auth?: AuthChoice;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

const OF_AUTHORITY = {
  mode: "--mode",
  configPath: "--config-path",
  force: "--force",
  rotate: "--rotate",
  overlap: "--overlap",
  out: "--out",
} as const satisfies Record<keyof Omit<AuthorityOptions, "json">, string>;

export function initCommand(): Command {
  const command = new Command("init")
    .description(
      "with NAME: make a project, an agent behind HTTP; with --mode: make the configuration file of an authority with a strong admin secret",
    )
    .argument("[name]", "the project's name, or a path to a folder that is new or empty")
    .addOption(
      new Option(
        "--auth <choice>",
        "project: who may come in (jwt with --yes; asked for on a terminal)",
      ).choices(AUTH_CHOICES),
    )
    .option("--yes", "project: ask nothing")
    .addOption(
      new Option("--mode <mode>", "authority: dev keeps the secret in the file, prod only its hash").choices([
        "dev",
        "prod",
      ]),
    )
    .option("--config-path <file>", "authority: where (config.json in the data folder unless told)")
    .option("--force", "authority: replace a file that is there; its settings stay, its secret dies")
    .option("--rotate", "authority: give an existing file a new secret; the one before works on for a while")
    .option(
      "--overlap <seconds>",
      `authority, with --rotate: how long (${OVERLAP_SECONDS} unless told)`,
      wholeNumber(0, 30 * 86_400),
    )
    .option("--dry-run", "only say what would be written")
    .addHelpText(
      "after",
      `
NAME makes a project; --mode or --rotate is for an authority; one of both.

Example:
  deputize init support-desk --auth jwt
  deputize init --mode prod --out admin-secret.json`,
    );
  return withJson(withOut(command)).action(async (name: string | undefined, options: InitOptions) => {
    if (name === undefined) return initAuthority(options);
    const foreign = (Object.keys(OF_AUTHORITY) as (keyof typeof OF_AUTHORITY)[]).find(
      (option) => options[option] !== undefined,
    );
    if (foreign !== undefined)
      throw new UsageError(
        `${OF_AUTHORITY[foreign]} is for the configuration of an authority, and a NAME for a project; leave one of them out`,
      );
    await initProject(name, options);
  });
}

async function initProject(place: string, options: InitOptions): Promise<void> {
  const { planProject, writeProject } = await import("../scaffold/write-project.ts");
  const planned = planProject(place, options.auth ?? "jwt");
  if (options.auth === undefined && options.yes !== true && !canAsk())
    throw new UsageError(`name --auth ${AUTH_CHOICES.join("|")}, or --yes for jwt`);
  const auth =
    options.auth ??
    (options.yes === true ? "jwt" : await choose("Who may come in?", ["jwt", "custom", "deputize", "none"]));
  const project = auth === (options.auth ?? "jwt") ? planned : planProject(place, auth);
  const files = project.files.map(({ path }) => path);
  if (!options.dryRun) writeProject(project);
  if (options.json) {
    printJson({ ...(options.dryRun && { dry_run: true }), folder: project.folder, auth, files });
    return;
  }
  print(
    options.dryRun ? `would write into ${project.folder}:` : `${project.folder}: made`,
    ...files.map((file) => `  ${file}`),
    "",
    options.dryRun ? "nothing was written" : `serve it with: deputize dev ${place}`,
  );
}

async function initAuthority(options: InitOptions): Promise<void> {
  const only = (["auth", "yes"] as const).find((option) => options[option] !== undefined);
  if (only !== undefined) throw new UsageError(`--${only} is for a project; name it: deputize init NAME`);
  const { assertPrivateTarget, initConfig, readSettings, rotateAdminSecret } =
    await import("@deputize/server/config");
  const file = options.configPath ?? join(readSettings(process.env).dataDir, "config.json");
  const how = options.force || options.rotate ? "replace" : "new";
  if (options.rotate ? options.mode !== undefined : options.mode === undefined) {
    throw new UsageError(
      options.rotate
        ? "--rotate keeps the file's mode; leave --mode out"
        : "give a NAME for a project; or name --mode dev or --mode prod, for the configuration of an authority",
    );
  }
  if (options.overlap !== undefined && !options.rotate) throw new UsageError("--overlap belongs to --rotate");
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
}

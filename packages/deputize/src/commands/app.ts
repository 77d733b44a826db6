/** `deputize app …`: register apps, set their ceilings, end them. */
import { Command } from "commander";
import type { AppChange, RegisteredApp } from "@deputize/client";
import { type OperatorOptions, openOperator, withOperator } from "../cli/connection.ts";
import { type NewSecretOptions, checkOut, showSecret, withOut } from "../cli/new-secret.ts";
import { list, wholeNumber } from "../cli/parse.ts";
import { plain, print, printJson, printTable } from "../cli/print.ts";
import { UsageError } from "../cli/usage-error.ts";

interface ChangeOptions extends OperatorOptions {
  readonly scopes?: string[];
  readonly tokenTtl?: number;
  readonly requireTranscript?: boolean;
}

interface IdOption extends OperatorOptions {
  readonly id?: string;
}

/** An app on stdout, names as in the HTTP API. */
function shown(app: RegisteredApp) {
  return {
    app_id: app.appId,
    name: app.name,
    client_id: app.clientId,
    scopes: app.scopes,
    token_ttl: app.tokenTtl,
    status: app.status,
    ...(app.createdAt && { created_at: app.createdAt }),
    ...(app.updatedAt && { updated_at: app.updatedAt }),
    ...(app.deregisteredAt && { deregistered_at: app.deregisteredAt }),
  };
}

function show(app: RegisteredApp, options: OperatorOptions): void {
  if (options.json) {
    printJson(shown(app));
    return;
  }
  for (const [name, value] of Object.entries(shown(app))) {
    print(`${name.padEnd(15)} ${plain(Array.isArray(value) ? value.join(" ") : value)}`);
  }
}

/** The app's id, as an argument or, as programs of the reference give it, by `--id`. */
function idOf(id: string | undefined, options: IdOption): string {
  const found = id ?? options.id;
  if (found === undefined) throw new UsageError("name the app, such as app-shop-1a2b3c");
  return found;
}

const scopesOption = "the ceiling of all its workers: action:resource:identifier, apart by commas or blanks";
const tokenTtl = wholeNumber(60, 86_400);

function changeOf(options: ChangeOptions): AppChange {
  return {
    ...(options.scopes && { scopes: options.scopes }),
    ...(options.tokenTtl !== undefined && { tokenTtl: options.tokenTtl }),
    ...(options.requireTranscript !== undefined && { requireTranscript: options.requireTranscript }),
  };
}

function registerCommand(): Command {
  const command = new Command("register")
    .description("a new app; its client secret is shown once")
    .requiredOption("--name <name>", "lower-case letters, digits and -")
    .requiredOption("--scopes <scopes...>", scopesOption, list)
    .option("--token-ttl <seconds>", "how long its own sign-in lives, 60 to 86400", tokenTtl)
    .option("--require-transcript", "its workers must sign launch token, key, task and scopes too")
    .addHelpText(
      "after",
      "\nExample:\n  deputize app register --name shop --scopes 'read:data:*,write:data:*' --out shop-app.json",
    );
  return withOperator(withOut(command)).action(
    async (options: ChangeOptions & NewSecretOptions & { name: string; scopes: string[] }) => {
      await checkOut(options);
      const client = await openOperator(options);
      const app = await client.registerApp({
        ...changeOf(options),
        name: options.name,
        scopes: options.scopes,
      });
      await showSecret(
        { ...shown(app), client_secret: app.clientSecret },
        "client_secret",
        [
          `app ${plain(app.appId)} registered, ceiling ${plain(app.scopes.join(" "))}`,
          `client_id: ${plain(app.clientId)}`,
        ],
        options,
      );
    },
  );
}

function listCommand(): Command {
  const command = new Command("list")
    .description("every app, removed ones too")
    .addHelpText("after", "\nExample:\n  deputize app list --json");
  return withOperator(command).action(async (options: OperatorOptions) => {
    const client = await openOperator(options);
    const apps: RegisteredApp[] = [];
    for await (const app of client.apps()) apps.push(app);
    if (options.json) printJson({ apps: apps.map(shown), total: apps.length });
    else {
      printTable(
        ["APP", "STATUS", "CLIENT ID", "TOKEN TTL", "CEILING"],
        apps.map((app) => [app.appId, app.status, app.clientId, app.tokenTtl, app.scopes.join(" ")]),
      );
    }
  });
}

function getCommand(): Command {
  const command = new Command("get")
    .description("one app")
    .argument("[app-id]")
    .option("--id <app-id>", "the same")
    .addHelpText("after", "\nExample:\n  deputize app get app-shop-1a2b3c");
  return withOperator(command).action(async (id: string | undefined, options: IdOption) => {
    const appId = idOf(id, options);
    show(await (await openOperator(options)).app(appId), options);
  });
}

function updateCommand(): Command {
  const command = new Command("update")
    .description("a new ceiling or token lifetime; what exceeds a narrowed ceiling ends at once")
    .argument("[app-id]")
    .option("--id <app-id>", "the same")
    .option("--scopes <scopes...>", scopesOption, list)
    .option("--token-ttl <seconds>", "60 to 86400", tokenTtl)
    .option("--require-transcript", "its workers must sign launch token, key, task and scopes too")
    .option("--no-require-transcript", "they need not")
    .addHelpText("after", "\nExample:\n  deputize app update app-shop-1a2b3c --scopes 'read:data:*'");
  return withOperator(command).action(async (id: string | undefined, options: ChangeOptions & IdOption) => {
    const appId = idOf(id, options);
    const change = changeOf(options);
    if (Object.keys(change).length === 0) {
      throw new UsageError("name --scopes, --token-ttl or --require-transcript");
    }
    show(await (await openOperator(options)).updateApp(appId, change), options);
  });
}

function removeCommand(): Command {
  const command = new Command("remove")
    .description("end an app, its launch tokens and all its workers at once")
    .argument("[app-id]")
    .option("--id <app-id>", "the same")
    .addHelpText("after", "\nExample:\n  deputize app remove app-shop-1a2b3c");
  return withOperator(command).action(async (id: string | undefined, options: IdOption) => {
    const appId = idOf(id, options);
    const app = await (await openOperator(options)).removeApp(appId);
    if (options.json) printJson(shown(app));
    else print(`${plain(app.appId)} is removed; everything that hung from it has ended`);
  });
}

function rotateCommand(): Command {
  const command = new Command("rotate-secret")
    .description("a second client secret, shown once; the one before works on for a while")
    .argument("<app-id>")
    .option("--overlap <seconds>", "how long; 3600 unless told", wholeNumber(0, 86_400), 3_600)
    .addHelpText("after", "\nExample:\n  deputize app rotate-secret app-shop-1a2b3c --out shop-app.json");
  return withOperator(withOut(command)).action(
    async (appId: string, options: OperatorOptions & NewSecretOptions & { overlap: number }) => {
      await checkOut(options);
      const client = await openOperator(options);
      const { clientSecret } = await client.rotateAppSecret(appId, options.overlap);
      await showSecret(
        { app_id: appId, overlap_seconds: options.overlap, client_secret: clientSecret },
        "client_secret",
        [`${plain(appId)} has a new secret; the one before works for ${options.overlap} s more`],
        options,
      );
    },
  );
}

export function appCommand(): Command {
  return new Command("app")
    .description("apps and their ceilings")
    .addCommand(registerCommand())
    .addCommand(listCommand())
    .addCommand(getCommand())
    .addCommand(updateCommand())
    .addCommand(removeCommand())
    .addCommand(rotateCommand());
}

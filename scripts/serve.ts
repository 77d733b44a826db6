/**
 * What `npm start` runs once everything is installed: builds the page, starts the shop, says each step with its
 * time, and ends cleanly on Ctrl-C.
 */
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { DeputizeError } from "@deputize/core";
import { type Settings, readSettings } from "@deputize/server/config";
import { createLogger, demoAccounts, startShop } from "@deputize/shop";
import { buildWeb } from "./build-web.ts";

/** What a data folder of ours holds; anything else in it means that the folder is somebody's. */
const OURS = new Set(["database", "secrets.json", "audit-anchor.jsonl", ".lock"]);

const say = (line: string): void => console.log(line);
const step = (name: string, milliseconds: number): void =>
  say(`  ${name.padEnd(26)} ${(milliseconds / 1000).toFixed(2).padStart(6)} s`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      host: { type: "string" },
      data: { type: "string" },
      reset: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
    },
  });
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new DeputizeError(
      "config_invalid",
      `--port ${values.port} is no port; give a number from 0 to 65535`,
    );
  }
  const settings = readSettings(process.env, {
    ...(port !== undefined && { port }),
    ...(values.host !== undefined && { host: values.host }),
    ...(values.data !== undefined && { dataDir: values.data }),
  });
  if (values.reset) await reset(settings, values.yes);

  const began = performance.now();
  await buildWeb();
  step("page", performance.now() - began);
  const started = await startShop({
    settings,
    env: process.env,
    webRoot: fileURLToPath(new URL("../apps/web/dist", import.meta.url)),
    logger: createLogger(settings.logLevel),
    onStep: step,
  });
  // A signal while we start is kept until there is something to end.
  let ending = false;
  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    say("\nending: no new requests; finishing what runs …");
    await started.close();
    process.exit(0);
  };
  process.on("SIGINT", () => void end());
  process.on("SIGTERM", () => void end());

  const { offline, name } = started.model;
  say("");
  say(`The shop is open:  ${started.url}`);
  if (started.demoAccounts) {
    say("Sign in as:");
    const accounts = demoAccounts();
    for (const role of new Set(accounts.map((a) => a.role))) {
      const [first, ...others] = accounts.filter((a) => a.role === role);
      const more =
        others.length > 0
          ? `  (or ${others
              .slice(0, 2)
              .map((a) => a.email)
              .join(", ")}${others.length > 2 ? ", …" : ""})`
          : "";
      say(`  ${role.padEnd(11)} ${first?.email} / ${first?.password}${more}`);
    }
  }
  say(`API, with curl:    ${started.url}/docs`);
  say(
    `Data folder:       ${settings.databaseUrl === undefined ? settings.dataDir : `${settings.dataDir} (rows: DATABASE_URL)`}`,
  );
  say(
    `Secrets file:      ${settings.secretsFile}${started.secretsCreated ? " (made now, only you can read it)" : ""}`,
  );
  say("Start afresh:      npm start -- --reset");
  say(
    offline
      ? "Model:             the offline planner answers: no key, no network.\n                   A real one: DEPUTIZE_MODEL=openai:gpt-5-mini OPENAI_API_KEY=… npm start"
      : `Model:             ${name}`,
  );
  say("Ctrl-C ends it.");
}

/** Deletes the data folder, having asked. Refuses a folder that holds anything that is not ours. */
async function reset(settings: Settings, yes: boolean): Promise<void> {
  const folder = resolve(settings.dataDir);
  if (settings.databaseUrl !== undefined) {
    throw new DeputizeError(
      "config_invalid",
      "--reset deletes the data folder, and DATABASE_URL is set; drop that database yourself",
    );
  }
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) {
    throw new DeputizeError(
      "config_invalid",
      `${folder} is a file, not a folder; choose another with --data`,
    );
  }
  const foreign = readdirSync(folder).filter((entry) => !OURS.has(entry));
  if (foreign.length > 0) {
    throw new DeputizeError(
      "config_invalid",
      `${folder} also holds ${foreign.slice(0, 3).join(", ")}; --reset deletes only folders that we made`,
    );
  }
  if (!yes) {
    if (!process.stdin.isTTY)
      throw new DeputizeError(
        "config_invalid",
        "--reset deletes all data; add --yes where nobody can be asked",
      );
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await terminal.question(
      `Delete ${folder} with all its orders, conversations, secrets and log? Type yes: `,
    );
    terminal.close();
    if (answer.trim() !== "yes") throw new DeputizeError("config_invalid", "nothing was deleted");
  }
  // The lock says whether somebody serves from it; opening it is the only honest test.
  const { lockFolder } = await import("@deputize/store/lock");
  if (existsSync(settings.databaseDir)) await (await lockFolder(settings.databaseDir))();
  for (const entry of OURS) rmSync(resolve(folder, entry), { recursive: true, force: true });
  say(`  deleted ${folder}`);
}

try {
  await main();
} catch (error) {
  if ((error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS"))
    console.error(`deputize: ${(error as Error).message}; npm start -- --help lists the options`);
  else console.error(error instanceof DeputizeError ? `deputize: ${error.message}` : error);
  process.exit(1);
}

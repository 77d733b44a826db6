/**
 * `deputize serve`: the authority alone. Workers get task-scoped credentials at `/v1/*`; OAuth, people and agents are
 * served beside.
 *
 * Guarantees: what is wrong with a setting is said in one line before anything is opened; an operator's secret that is
 * made at the first start is printed once, and never again; SIGINT and SIGTERM end it within ten seconds.
 */
import { Command, InvalidArgumentError } from "commander";
import type { StartedAuthority } from "@deputize/server/authority";
import type { AuthoritySettings } from "@deputize/server/config";
import { ender } from "../cli/ender.ts";

interface ServeOptions {
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError("give a number from 0 to 65535.");
}

export function serveCommand(): Command {
  return new Command("serve")
    .description("serve the authority alone: credentials for workers at /v1, OAuth and agents beside")
    .option("--port <n>", "the port to serve on (8080, or DEPUTIZE_PORT); 0 takes a free one", port)
    .option("--host <address>", "the address to bind (127.0.0.1, or DEPUTIZE_HOST)")
    .option("--data <dir>", "where database, secrets and log live (./data, or DEPUTIZE_DATA)")
    .option("--config <file>", "settings and the operator's secret as JSON, mode 0600 (<data>/config.json)")
    .option("--json", "say the start as one line of JSON")
    .addHelpText(
      "after",
      `
The operator's secret comes from DEPUTIZE_ADMIN_SECRET (32 characters or more), or from the
configuration file. With neither, the first start makes one, prints it once and keeps only its hash.
DEPUTIZE_ADMIN_SECRET_PREVIOUS is accepted beside it while operators change over.
DEPUTIZE_AUDIT_SECRET, or the private file that DEPUTIZE_AUDIT_SECRET_FILE names, gives the log's entries codes.
More settings: docs/settings.md.`,
    )
    .action(async (options: ServeOptions) => {
      // Loaded only here: other commands start without a server's modules.
      const { readAuthoritySettings } = await import("@deputize/server/config");
      const settings = readAuthoritySettings(process.env, {
        ...(options.port !== undefined && { port: options.port }),
        ...(options.host !== undefined && { host: options.host }),
        ...(options.data !== undefined && { dataDir: options.data }),
        ...(options.config !== undefined && { configFile: options.config }),
      });
      const { startAuthority } = await import("@deputize/server/authority");
      const { createLogger } = await import("@deputize/server/telemetry");
      let end = (code: number): void => process.exit(code);
      const started = await startAuthority({
        settings,
        env: process.env,
        logger: createLogger(settings.logLevel),
        onFatal: (error) => {
          console.error(`deputize: ${error instanceof Error ? error.message : "the audit log is damaged"}`);
          end(1);
        },
      });
      end = ender(() => started.close());
      process.on("SIGINT", () => end(0));
      process.on("SIGTERM", () => end(0));
      if (options.json ?? false) console.log(JSON.stringify(asJson(started, settings)));
      else for (const line of said(started, settings)) console.log(line);
    });
}

function asJson(started: StartedAuthority, settings: AuthoritySettings): Record<string, unknown> {
  return {
    url: started.url,
    data: settings.dataDir,
    config: settings.configFile,
    ...(started.madeAdminSecret !== undefined && { admin_secret: started.madeAdminSecret }),
  };
}

function said(started: StartedAuthority, settings: AuthoritySettings): string[] {
  const rows =
    settings.databaseUrl === undefined ? settings.dataDir : `${settings.dataDir} (rows: DATABASE_URL)`;
  return [
    `deputize authority: ${started.url}`,
    `data folder:        ${rows}`,
    `rate limits:        ${settings.redisUrl === undefined ? "counted in this process (REDIS_URL shares them)" : "shared through Redis"}`,
    ...(started.madeAdminSecret === undefined
      ? []
      : [
          "",
          `The operator's secret, told only this once:`,
          `  ${started.madeAdminSecret}`,
          `Only its hash is kept, in ${settings.configFile}. Keep it where programs of yours find it as DEPUTIZE_ADMIN_SECRET.`,
          "",
        ]),
    "Ctrl-C ends it.",
  ];
}

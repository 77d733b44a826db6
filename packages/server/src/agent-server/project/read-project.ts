/**
 * A project, read: which file counts, what the environment adds, and how it is to be served. No code of the project is loaded, unless
 * the configuration itself is code.
 *
 * Guarantees: the environment wins over `.env`; a server without sign-in is bound beyond this machine only when the configuration and
 * the command both say so; in production there is neither that nor a plain-http address.
 */
import { basename, dirname } from "node:path";
import { z } from "zod";
import { DeputizeError } from "@deputize/core";
import { readNamed } from "../../config/settings.ts";
import { findConfigFile, parseConfig, readConfigValue } from "./config-file.ts";
import { configIssues } from "./config-issues.ts";
import { environmentFiles, readEnvironment } from "./env-files.ts";
import { type ProjectConfig, TestSetting } from "./project-config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ReadProjectOptions {
  readonly folder: string;
  /** Named by `--config`. */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** Puts what files of the environment add where the project's code looks for it; nowhere unless given. */
  readonly apply?: (added: Readonly<Record<string, string>>) => void;
}

export interface Project {
  /** Where places of code begin: the folder of the file. */
  readonly folder: string;
  readonly file: string;
  readonly config: ProjectConfig;
  /** As the file has it, before `$NAME` was replaced. */
  readonly written: unknown;
  readonly env: Environment;
  readonly environmentFiles: readonly string[];
}

/** Reads a project. Throws `config_invalid` naming each fault and its place. */
export async function readProject({ folder, file, env, apply }: ReadProjectOptions): Promise<Project> {
  const found = findConfigFile({ folder, file, env });
  const home = dirname(found);
  // A configuration that is code reads the environment while it is loaded.
  const early = found.endsWith(".json") ? undefined : readEnvironment(env, environmentFiles(home, undefined));
  if (early) apply?.(early.added);
  const written = await readConfigValue(found);
  const named = (written as { env?: unknown } | null)?.env;
  const read = readEnvironment(env, environmentFiles(home, named));
  apply?.(read.added);
  return {
    folder: home,
    file: found,
    config: parseConfig(written, read.env, basename(found)),
    written,
    env: read.env,
    environmentFiles: [...new Set([...(early?.files ?? []), ...read.files])],
  };
}

/** What the file says of the project's own tests, which need no environment. Throws `config_invalid`. */
export async function readTestSetting({ folder, file, env }: Omit<ReadProjectOptions, "apply">) {
  const found = findConfigFile({ folder, file, env });
  const written = (await readConfigValue(found)) as { test?: unknown } | null;
  const read = TestSetting.optional().safeParse(written?.test);
  if (read.success) return { folder: dirname(found), test: read.data ?? {} };
  throw new DeputizeError(
    "config_invalid",
    `${basename(found)}: test: ${configIssues(read.error).join("; ")}`,
  );
}

const bytes = z.coerce.number({ error: "must be a number of bytes" }).int().min(1024);
const list = z.string().transform((text) => text.split(/[\s,]+/).filter((one) => one !== ""));

/** Settings of the environment, by the names of the original; each wins over the file. */
const ENVIRONMENT = z.object({
  MODE: z.enum(["development", "production"]).optional(),
  PORT: z.coerce.number({ error: "must be a number" }).int().min(0).max(65_535).optional(),
  PUBLIC_URL: z
    .string()
    .refine((text) => /^https?:\/\/[^/]+\/?$/.test(text) && URL.canParse(text), {
      error: "must be an origin such as https://agents.example",
    })
    .optional(),
  ALLOWED_HOST: list.optional(),
  ORIGINS: list
    .refine((origins) => !origins.includes("*"), {
      error: "must be a list of origins; `*` lets every page of the world read answers",
    })
    .optional(),
  MAX_REQUEST_SIZE: bytes.optional(),
  MEDIA_MAX_SIZE_MB: z.coerce.number({ error: "must be a number of MB" }).min(0.001).max(1024).optional(),
  LOG_LEVEL: z.enum(["silent", "error", "warn", "info", "debug"]).optional(),
});

export interface ServeOverrides {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** The second of two times that a server without sign-in has to be wished for. */
  readonly allowAnonymous?: boolean | undefined;
}

export interface ServeSettings {
  readonly host: string;
  readonly port: number;
  readonly production: boolean;
  /** Without a slash at its end; for port 0 it is known once the port is. */
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[] | undefined;
  readonly origins: readonly string[] | undefined;
  /** Both times said. */
  readonly allowAnonymous: boolean;
  readonly bodyBytes: number;
  readonly uploadBytes: number;
  readonly logLevel: "silent" | "error" | "warn" | "info" | "debug";
}

const DEFAULT_PORT = 8000;
const BODY_BYTES = 10 * 1024 * 1024;
const UPLOAD_BYTES = 25 * 1024 * 1024;

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Why a project must not be served so, with the fix. */
export interface ServeFault {
  readonly id: "anonymous" | "plain-http" | "host-wildcard" | "no-address";
  /** A key of the file, or a variable. */
  readonly setting: string;
  readonly says: string;
}

/** How a project is served. Throws `config_invalid` with the fix. */
export function serveSettings(project: Project, overrides: ServeOverrides = {}): ServeSettings {
  const { settings, faults } = judgeServing(project, overrides);
  if (faults[0]) throw new DeputizeError("config_invalid", faults[0].says);
  return settings;
}

/** How it would be served, and everything that speaks against it. Throws `config_invalid` for a variable that cannot be read. */
export function judgeServing({ config, env }: Project, overrides: ServeOverrides = {}) {
  const named = readNamed(ENVIRONMENT, env);
  const host = overrides.host ?? config.host ?? "127.0.0.1";
  const production = named.MODE === "production";
  const publicUrl = (named.PUBLIC_URL ?? config.public_url)?.replace(/\/+$/, "");
  const anonymous = (config.auth ?? null) === null;
  const loopback = isLoopback(host);
  const allowAnonymous = config.allow_anonymous === true && overrides.allowAnonymous === true;
  const hosts = named.ALLOWED_HOST ?? config.allowed_hosts;
  const faults: ServeFault[] = [];
  const fault = (id: ServeFault["id"], setting: string, says: string) =>
    void faults.push({ id, setting, says });
  if (anonymous && production && config.allow_anonymous !== true)
    fault(
      "anonymous",
      "auth",
      '`auth` is null, and MODE is production: anybody could do anything; set `auth`, or write `"allow_anonymous": true` where something else asks who it is',
    );
  else if (anonymous && !loopback && !allowAnonymous)
    fault(
      "anonymous",
      "auth",
      `\`auth\` is null, and ${host} lets other machines in; set \`auth\`, bind 127.0.0.1, or say it twice: "allow_anonymous": true in the file and --allow-anonymous`,
    );
  if (production && !publicUrl?.startsWith("https://"))
    fault(
      "plain-http",
      "public_url",
      "MODE is production, which needs a `public_url` (or PUBLIC_URL) that begins with https://",
    );
  else if (!loopback && publicUrl === undefined)
    fault(
      "no-address",
      "public_url",
      `binding ${host} lets other machines in; set PUBLIC_URL, or \`public_url\`, to the address that they use`,
    );
  if (hosts?.includes("*"))
    fault("host-wildcard", "allowed_hosts", "`*` is no host; list those that this server answers to");
  const settings: ServeSettings = {
    host,
    port: overrides.port ?? named.PORT ?? config.port ?? DEFAULT_PORT,
    production,
    publicUrl,
    allowedHosts: hosts,
    origins: named.ORIGINS ?? config.cors?.origins,
    allowAnonymous,
    bodyBytes: named.MAX_REQUEST_SIZE ?? config.limits?.request_bytes ?? BODY_BYTES,
    uploadBytes: megabytes(named.MEDIA_MAX_SIZE_MB) ?? config.limits?.upload_bytes ?? UPLOAD_BYTES,
    logLevel: named.LOG_LEVEL ?? config.observability?.level ?? "info",
  };
  return { settings, faults };
}

function megabytes(amount: number | undefined): number | undefined {
  return amount === undefined ? undefined : Math.round(amount * 1024 * 1024);
}

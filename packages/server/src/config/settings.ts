/**
 * The settings of a whole installation: the environment and the command line, read once, into a value that cannot be wrong.
 *
 * Guarantees: an unknown `DEPUTIZE_…` variable and a bad value are errors that name the setting and the fix;
 * nothing is served beyond loopback with a plain-http public address unless that was written down.
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import { auditSecretFrom } from "@deputize/audit";
import { DeputizeError } from "@deputize/core";
import { GUARDRAIL_PARTS, type GuardrailPart } from "@deputize/guardrails";
import { nearest } from "./nearest.ts";

export interface Settings {
  readonly port: number;
  readonly host: string;
  /** Where the embedded database, the anchor of the log and the secrets live. Absolute. */
  readonly dataDir: string;
  readonly secretsFile: string;
  /** The embedded database's folder, used when `databaseUrl` is not set. */
  readonly databaseDir: string;
  /** Where the log keeps its own flushed checkpoints. */
  readonly auditAnchorFile: string;
  /** The log's name in its checkpoints. */
  readonly auditOrigin: string;
  /** What the codes of the log's entries are made with; none unless set. */
  readonly auditSecret?: string;
  /** The origin that people and agents use, without a trailing slash. */
  readonly publicUrl: string;
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly rolePrefix?: string;
  readonly environment: "development" | "production";
  readonly logLevel: "silent" | "error" | "warn" | "info" | "debug";
  /** True while we are bound to an address that only this machine can reach. */
  readonly loopback: boolean;
  /**
   * True while nobody but this machine can come in: not bound beyond loopback, not in production, and not behind a proxy
   * that serves a public address. Accounts whose passwords everybody knows exist only then [SR-26].
   */
  readonly demoAccounts: boolean;
  /** Who may register agents: people who are signed in, or also strangers, whose agents stay powerless until confirmed. */
  readonly agentRegistration: "owner" | "open";
  /** What models may use in a day, each of them without a limit where undefined. */
  readonly budgets: {
    readonly userTokens: number | undefined;
    readonly tenantTokens: number | undefined;
    /** Millionths of a US dollar. */
    readonly userCostMicros: number | undefined;
    readonly tenantCostMicros: number | undefined;
  };
  /** Which parts of the guardrails scan what agents are told and say; all unless set, none where it is `off`. */
  readonly guardrails: readonly GuardrailPart[];
}

export interface SettingOverrides {
  readonly port?: number;
  /** Where nobody names one; 3000 unless told. */
  readonly defaultPort?: number;
  readonly host?: string;
  readonly dataDir?: string;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "[::1]", "localhost"]);

const url = (...protocols: string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    error: `must be a URL that begins with ${protocols.join("// or ")}//`,
  });

const port = z.coerce.number({ error: "must be a number" }).int().min(0).max(65_535);

const tokens = z.coerce.number({ error: "must be a number of tokens" }).int().min(0).max(1e12);
const dollars = z.coerce.number({ error: "must be an amount in US dollars" }).min(0).max(1e6);
const USER_TOKENS_A_DAY = 1_000_000;
const TENANT_TOKENS_A_DAY = 20_000_000;
/** Nothing and 0 are no limit. */
const limit = (amount: number | undefined): number | undefined => (amount === 0 ? undefined : amount);
const micros = (amount: number | undefined): number | undefined =>
  amount === undefined ? undefined : limit(Math.round(amount * 1_000_000));
const guardrailParts = z.string().transform((text, context): readonly GuardrailPart[] => {
  if (text === "off") return [];
  const named = text.split(",").map((part) => part.trim());
  const parts = GUARDRAIL_PARTS.filter((part) => named.includes(part));
  if (parts.length !== named.length) {
    context.addIssue(`must be \`off\`, or some of ${GUARDRAIL_PARTS.join(",")}`);
    return z.NEVER;
  }
  return parts;
});

/** Each setting that this program reads; `LLM_…` and provider keys are read by the model resolver. */
const ENVIRONMENT = z.object({
  PORT: port.optional(),
  DEPUTIZE_PORT: port.optional(),
  DEPUTIZE_HOST: z.string().min(1).optional(),
  DEPUTIZE_DATA: z.string().min(1).optional(),
  DEPUTIZE_SECRETS_FILE: z.string().min(1).optional(),
  DEPUTIZE_AUDIT_SECRET: z.string().optional(),
  DEPUTIZE_AUDIT_SECRET_FILE: z.string().min(1).optional(),
  DEPUTIZE_PUBLIC_URL: url("http:", "https:").optional(),
  DEPUTIZE_ROLE_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,40}$/, "must be lower-case letters, digits and _")
    .optional(),
  DATABASE_URL: url("postgres:", "postgresql:").optional(),
  REDIS_URL: url("redis:", "rediss:").optional(),
  DEPUTIZE_AGENT_REGISTRATION: z.enum(["owner", "open"]).optional(),
  DEPUTIZE_BUDGET_USER_TOKENS: tokens.optional(),
  DEPUTIZE_BUDGET_TENANT_TOKENS: tokens.optional(),
  DEPUTIZE_BUDGET_USER_DOLLARS: dollars.optional(),
  DEPUTIZE_BUDGET_TENANT_DOLLARS: dollars.optional(),
  DEPUTIZE_GUARDRAILS: guardrailParts.optional(),
  ENVIRONMENT: z.enum(["development", "production"]).optional(),
  LOG_LEVEL: z.enum(["silent", "error", "warn", "info", "debug"]).optional(),
});

/** Settings of other programs of the house that may stand in the same environment. */
const OTHERS = new Set([
  "DEPUTIZE_MODEL",
  "DEPUTIZE_EMBEDDER",
  // Of programs that talk to an authority.
  "DEPUTIZE_URL",
  "DEPUTIZE_TOKEN",
  "DEPUTIZE_CLIENT_ID",
  "DEPUTIZE_CLIENT_SECRET",
  // Of the authority alone: authority-settings.ts.
  "DEPUTIZE_ADMIN_SECRET",
  "DEPUTIZE_ADMIN_SECRET_PREVIOUS",
  "DEPUTIZE_OPERATOR_SCOPES",
  "DEPUTIZE_BROKER_ISSUER",
  "DEPUTIZE_BROKER_AUDIENCE",
  "DEPUTIZE_TRUST_DOMAIN",
  "DEPUTIZE_TRUSTED_PROXIES",
  "DEPUTIZE_TOKEN_TTL",
  "DEPUTIZE_TOKEN_TTL_MAX",
  "DEPUTIZE_APP_TTL",
  "DEPUTIZE_ADMIN_TTL",
  "DEPUTIZE_RENEW_MAX",
]);
const OTHER_PREFIXES = ["DEPUTIZE_TEST_", "DEPUTIZE_MODEL_", "DEPUTIZE_EMBEDDER_"];

/** Reads the settings. Throws `config_invalid` naming the setting. */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  overrides: SettingOverrides = {},
): Settings {
  const known = Object.keys(ENVIRONMENT.shape);
  for (const name of Object.keys(env)) {
    if (!name.startsWith("DEPUTIZE_") || known.includes(name) || OTHERS.has(name)) continue;
    if (OTHER_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    throw new DeputizeError(
      "config_invalid",
      `there is no setting ${name}; did you mean ${nearest(name, [...known, ...OTHERS])}?`,
    );
  }
  const values = readNamed(ENVIRONMENT, env);
  const chosenPort = overrides.port ?? values.DEPUTIZE_PORT ?? values.PORT ?? overrides.defaultPort ?? 3000;
  const host = overrides.host ?? values.DEPUTIZE_HOST ?? "127.0.0.1";
  const dataDir = resolve(overrides.dataDir ?? values.DEPUTIZE_DATA ?? "data");
  const publicUrl = (values.DEPUTIZE_PUBLIC_URL ?? `http://localhost:${chosenPort}`).replace(/\/+$/, "");
  const environment = values.ENVIRONMENT ?? "development";
  const loopback = LOOPBACK.has(host);
  const auditSecret = auditSecretFrom(env);
  if (!loopback && values.DEPUTIZE_PUBLIC_URL === undefined) {
    throw new DeputizeError(
      "config_invalid",
      `binding ${host} lets other machines in; set DEPUTIZE_PUBLIC_URL to the address they use`,
    );
  }
  if (environment === "production" && !publicUrl.startsWith("https://")) {
    throw new DeputizeError("config_invalid", "ENVIRONMENT=production needs an https DEPUTIZE_PUBLIC_URL");
  }
  return {
    port: chosenPort,
    host,
    dataDir,
    secretsFile: resolve(values.DEPUTIZE_SECRETS_FILE ?? `${dataDir}/secrets.json`),
    databaseDir: join(dataDir, "database"),
    auditAnchorFile: join(dataDir, "audit-anchor.jsonl"),
    // Without the port: the log must open again after `--port`.
    auditOrigin: `${new URL(publicUrl).hostname}/audit`,
    publicUrl,
    environment,
    logLevel: values.LOG_LEVEL ?? "warn",
    agentRegistration: values.DEPUTIZE_AGENT_REGISTRATION ?? "owner",
    budgets: {
      userTokens: limit(values.DEPUTIZE_BUDGET_USER_TOKENS ?? USER_TOKENS_A_DAY),
      tenantTokens: limit(values.DEPUTIZE_BUDGET_TENANT_TOKENS ?? TENANT_TOKENS_A_DAY),
      userCostMicros: micros(values.DEPUTIZE_BUDGET_USER_DOLLARS),
      tenantCostMicros: micros(values.DEPUTIZE_BUDGET_TENANT_DOLLARS),
    },
    guardrails: values.DEPUTIZE_GUARDRAILS ?? GUARDRAIL_PARTS,
    loopback,
    demoAccounts: loopback && environment !== "production" && LOOPBACK.has(new URL(publicUrl).hostname),
    ...(auditSecret !== undefined && { auditSecret }),
    ...(values.DATABASE_URL !== undefined && { databaseUrl: values.DATABASE_URL }),
    ...(values.REDIS_URL !== undefined && { redisUrl: values.REDIS_URL }),
    ...(values.DEPUTIZE_ROLE_PREFIX !== undefined && { rolePrefix: values.DEPUTIZE_ROLE_PREFIX }),
  };
}

/** The settings that `schema` names, checked. Throws `config_invalid` naming the setting, never its value. */
export function readNamed<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Readonly<Record<string, string | undefined>>,
): z.output<z.ZodObject<Shape>> {
  // An empty variable is how shells and compose files say "not set".
  const given = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, env[name] === "" ? undefined : env[name]]),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DeputizeError(
    "config_invalid",
    `${issue?.path.join(".") ?? "a setting"} ${issue?.message ?? "is wrong"}`,
  );
}

/** True for a name that some program of the house reads. */
export function isSetting(name: string): boolean {
  return name in ENVIRONMENT.shape || OTHERS.has(name);
}

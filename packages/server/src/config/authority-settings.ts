/**
 * The settings of an authority that is served alone: those of every installation, the broker's own, and the operator's
 * secret. Read from the environment, and below it from the `settings` of a configuration file.
 *
 * Guarantees: a name that nobody reads, a bad value and a weak secret are errors that say the fix, before anything is
 * opened; there is no default secret.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { z } from "zod";
import { type Clock, DeputizeError, parseScope } from "@deputize/core";
import { type ConfigFile, configSecretMatches, readConfigFile } from "./config-file.ts";
import { weaknessOf } from "./secret-strength.ts";
import { type SettingOverrides, type Settings, isSetting, readNamed, readSettings } from "./settings.ts";

export interface AuthoritySettings extends Settings {
  /** Where the operator's secret is kept as a hash when none is set. */
  readonly configFile: string;
  /** Set by the environment; the configuration file's counts otherwise. */
  readonly adminSecret?: string;
  /** Accepted beside it while operators change over. */
  readonly adminSecretPrevious?: string;
  readonly broker: {
    readonly issuer: string;
    readonly audience?: string;
    readonly trustDomain: string;
    /** What workers of operators' own launch tokens may hold. None unless set. */
    readonly operatorScopes: readonly string[];
    readonly lifetimes: {
      readonly defaultSeconds: number;
      readonly maxSeconds: number;
      readonly appSeconds: number;
      readonly adminSeconds: number;
      readonly renewSeconds: number;
    };
  };
  /** Addresses and networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
}

export interface AuthorityOverrides extends SettingOverrides {
  /** Named with `--config`: it must be there. */
  readonly configFile?: string;
}

const DAY = 86_400;
const seconds = (least: number, most: number) =>
  z.coerce.number({ error: "must be a number of seconds" }).int().min(least).max(most);
const words = z.string().transform((text) => text.split(/[\s,]+/).filter((word) => word !== ""));

const NETWORK = z.string().refine(
  (text) => {
    const [address = "", bits, ...rest] = text.split("/");
    const family = isIP(address);
    if (family === 0 || rest.length > 0) return false;
    return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  },
  { error: "must be addresses or networks such as 10.0.0.0/8, separated by commas" },
);

const BROKER = z.object({
  DEPUTIZE_ADMIN_SECRET: z.string().optional(),
  /** Of users who come from the broker whose protocol this is. */
  AGENTWRIT_ADMIN_SECRET: z.string().optional(),
  DEPUTIZE_ADMIN_SECRET_PREVIOUS: z.string().optional(),
  DEPUTIZE_OPERATOR_SCOPES: words.optional(),
  DEPUTIZE_BROKER_ISSUER: z.string().max(200).default("agentwrit"),
  DEPUTIZE_BROKER_AUDIENCE: z.string().max(200).optional(),
  DEPUTIZE_TRUST_DOMAIN: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,252}$/, "must be a name such as agents.example")
    .default("agentwrit.local"),
  DEPUTIZE_TRUSTED_PROXIES: words.pipe(z.array(NETWORK)).default([]),
  DEPUTIZE_TOKEN_TTL: seconds(1, DAY).default(300),
  DEPUTIZE_TOKEN_TTL_MAX: seconds(1, DAY).default(DAY),
  DEPUTIZE_APP_TTL: seconds(60, DAY).default(1_800),
  DEPUTIZE_ADMIN_TTL: seconds(30, 3_600).default(300),
  DEPUTIZE_RENEW_MAX: seconds(1, 30 * DAY).default(DAY),
});

/** Reads the settings. Throws `config_invalid` naming the setting and the fix. */
export function readAuthoritySettings(
  environment: Readonly<Record<string, string | undefined>>,
  overrides: AuthorityOverrides = {},
): AuthoritySettings {
  const dataDir = resolve(overrides.dataDir ?? (environment["DEPUTIZE_DATA"] || "data"));
  const configFile = resolve(overrides.configFile ?? join(dataDir, "config.json"));
  const config = readConfigFile(configFile);
  if (!config && overrides.configFile !== undefined) {
    throw new DeputizeError(
      "config_invalid",
      `there is no ${configFile}; make it with deputize init --config-path ${configFile}`,
    );
  }
  const env = withFile(environment, config, configFile);
  const base = readSettings(env, { ...overrides, defaultPort: 8080 });
  const own = readNamed(BROKER, env);
  for (const scope of own.DEPUTIZE_OPERATOR_SCOPES ?? []) checkOperatorScope(scope);
  const adminSecret = own.DEPUTIZE_ADMIN_SECRET ?? own.AGENTWRIT_ADMIN_SECRET;
  const previous = own.DEPUTIZE_ADMIN_SECRET_PREVIOUS;
  if (adminSecret !== undefined) assertStrong("DEPUTIZE_ADMIN_SECRET", adminSecret);
  if (previous !== undefined) assertStrong("DEPUTIZE_ADMIN_SECRET_PREVIOUS", previous);
  if (previous !== undefined && adminSecret === undefined) {
    throw new DeputizeError(
      "config_invalid",
      "DEPUTIZE_ADMIN_SECRET_PREVIOUS is of use only beside DEPUTIZE_ADMIN_SECRET; set both or neither",
    );
  }
  return {
    ...base,
    configFile,
    ...(adminSecret !== undefined && { adminSecret }),
    ...(previous !== undefined && { adminSecretPrevious: previous }),
    trustedProxies: own.DEPUTIZE_TRUSTED_PROXIES,
    broker: {
      issuer: own.DEPUTIZE_BROKER_ISSUER,
      trustDomain: own.DEPUTIZE_TRUST_DOMAIN,
      operatorScopes: own.DEPUTIZE_OPERATOR_SCOPES ?? [],
      ...(own.DEPUTIZE_BROKER_AUDIENCE !== undefined && { audience: own.DEPUTIZE_BROKER_AUDIENCE }),
      lifetimes: {
        defaultSeconds: Math.min(own.DEPUTIZE_TOKEN_TTL, own.DEPUTIZE_TOKEN_TTL_MAX),
        maxSeconds: own.DEPUTIZE_TOKEN_TTL_MAX,
        appSeconds: own.DEPUTIZE_APP_TTL,
        adminSeconds: own.DEPUTIZE_ADMIN_TTL,
        renewSeconds: own.DEPUTIZE_RENEW_MAX,
      },
    },
  };
}

/** The file's settings below those of the environment. */
function withFile(
  environment: Readonly<Record<string, string | undefined>>,
  config: ConfigFile | undefined,
  file: string,
): Readonly<Record<string, string | undefined>> {
  const settings = Object.entries(config?.settings ?? {});
  for (const [name] of settings) {
    if (!isSetting(name)) throw new DeputizeError("config_invalid", `${file}: there is no setting ${name}`);
  }
  const given = Object.entries(environment).filter(([, value]) => value !== undefined && value !== "");
  return {
    ...Object.fromEntries(settings.map(([name, value]) => [name, String(value)])),
    ...Object.fromEntries(given),
  };
}

function checkOperatorScope(scope: string): void {
  let reserved: boolean;
  try {
    reserved = ["admin", "app"].includes(parseScope(scope).action);
  } catch (cause) {
    throw new DeputizeError("config_invalid", "DEPUTIZE_OPERATOR_SCOPES must be scopes such as read:data:*", {
      cause,
    });
  }
  if (reserved) {
    throw new DeputizeError(
      "config_invalid",
      "DEPUTIZE_OPERATOR_SCOPES may not hold scopes of the actions admin and app: no worker gets those",
    );
  }
}

/** Throws `config_invalid` for a secret that could be guessed; says how to make a good one. */
function assertStrong(name: string, secret: string): void {
  const weak = weaknessOf(secret);
  if (weak === undefined) return;
  throw new DeputizeError("config_invalid", `${name} ${weak}; make one with: openssl rand -hex 32`);
}

/**
 * Answers whether a secret is the operator's now: that of the settings and the one before it, or else that of the
 * configuration file, which is read each time, so that a rotation needs no restart. Compares in constant time.
 */
export function adminSecretCheck(settings: AuthoritySettings, clock: Clock): (secret: string) => boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  const { adminSecret, adminSecretPrevious, configFile } = settings;
  if (adminSecret === undefined) {
    return (secret) => {
      const config = readConfigFile(configFile);
      return config !== undefined && configSecretMatches(config, secret, clock.nowMs());
    };
  }
  const accepted = [adminSecret, ...(adminSecretPrevious === undefined ? [] : [adminSecretPrevious])].map(
    digest,
  );
  return (secret) => {
    const given = digest(secret);
    // All are compared: the time does not tell which one it was.
    return accepted.map((one) => timingSafeEqual(one, given)).includes(true);
  };
}

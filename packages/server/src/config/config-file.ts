/**
 * The configuration file of an authority: the operator's secret, or only its hash, and settings by their names in the
 * environment. `deputize init` makes it; `deputize serve --config FILE` reads it.
 *
 * Guarantees: mode 0600 or it is refused; secrets made here have 256 random bits, which is why a salted HMAC-SHA-256 is
 * enough of a hash: there is nothing to guess. In mode `prod` the secret itself is nowhere on the disk.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { type Clock, DeputizeError, randomHex, systemClock } from "@deputize/core";
import { assertPrivateTarget, writePrivateFile } from "@deputize/store";

const secret = z.string().min(32).max(1024);
const hash = z.string().regex(/^hmac-sha256:[0-9a-f]{32}:[0-9a-f]{64}$/);

const CONFIG = z
  .strictObject({
    mode: z.enum(["dev", "prod"]),
    /** Mode `dev` only. */
    admin_secret: secret.optional(),
    admin_secret_hash: hash.optional(),
    /** The secret before the last rotation, which works until then (RFC 3339). */
    admin_secret_previous_hash: hash.optional(),
    admin_secret_previous_until: z.iso.datetime().optional(),
    /** By their names in the environment, which wins over them. */
    settings: z
      .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.union([z.string(), z.number(), z.boolean()]))
      .optional(),
  })
  .refine((it) => it.mode === "dev" || it.admin_secret === undefined, {
    error: "mode prod keeps no plain admin_secret",
  })
  .refine(
    (it) => (it.admin_secret_previous_hash === undefined) === (it.admin_secret_previous_until === undefined),
    {
      error: "admin_secret_previous_hash and admin_secret_previous_until belong together",
    },
  );

export type ConfigFile = z.infer<typeof CONFIG>;

const mac = (salt: Buffer, text: string): Buffer => createHmac("sha256", salt).update(text, "utf8").digest();

/** What is kept of an operator's secret: `hmac-sha256:<salt>:<mac>`, hex. */
export function hashAdminSecret(plain: string): string {
  const salt = randomBytes(16);
  return `hmac-sha256:${salt.toString("hex")}:${mac(salt, plain).toString("hex")}`;
}

/** True when `hashed` (of `hashAdminSecret`) is of this secret; the same time for every wrong one. */
export function adminSecretMatches(hashed: string, plain: string): boolean {
  const [, salt = "", kept = ""] = hashed.split(":");
  const expected = Buffer.from(kept, "hex");
  const actual = mac(Buffer.from(salt, "hex"), plain);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** True when the file's secret is `plain`, or the one before it while the overlap lasts. `nowMs`: epoch milliseconds. */
export function configSecretMatches(config: ConfigFile, plain: string, nowMs: number): boolean {
  const current = config.admin_secret_hash ?? (config.admin_secret && hashAdminSecret(config.admin_secret));
  const previous =
    config.admin_secret_previous_until !== undefined && nowMs < Date.parse(config.admin_secret_previous_until)
      ? config.admin_secret_previous_hash
      : undefined;
  // Both are always compared: the time does not tell which one was it.
  const found = [current, previous].map((one) => one !== undefined && adminSecretMatches(one, plain));
  return found.includes(true);
}

/** Reads the file; undefined when there is none. Throws `config_invalid` naming what is wrong, never its value. */
export function readConfigFile(file: string): ConfigFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
    if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0) {
      throw new DeputizeError("config_invalid", `${file} can be read by others; run chmod 600 ${file}`);
    }
  } catch (error) {
    if (error instanceof DeputizeError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return undefined;
    throw new DeputizeError(
      "config_invalid",
      `cannot read ${file} (${code ?? "unknown error"}); check the path and who owns it`,
      { cause: error },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser quotes what it read, which may be a secret: its error is not kept.
    throw new DeputizeError("config_invalid", `${file} is not JSON; make it anew with deputize init --force`);
  }
  const parsed = CONFIG.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join(".");
  throw new DeputizeError(
    "config_invalid",
    `${file}: ${where ? `${where}: ` : ""}${issue?.message ?? "is malformed"}`,
  );
}

function write(file: string, config: ConfigFile, how: "new" | "replace"): void {
  writePrivateFile(file, `${JSON.stringify(config, null, 2)}\n`, how);
}

function withSecret(mode: ConfigFile["mode"], plain: string): ConfigFile {
  return mode === "dev" ? { mode, admin_secret: plain } : { mode, admin_secret_hash: hashAdminSecret(plain) };
}

/**
 * Makes the file with a new secret and answers the secret, to be shown once. `force` replaces a file that is there and
 * keeps its settings. Throws `config_invalid`.
 */
export function initConfig(options: {
  readonly mode: ConfigFile["mode"];
  readonly file: string;
  readonly force?: boolean;
}): { readonly secret: string; readonly config: ConfigFile } {
  const plain = randomHex(32);
  const how = options.force === true ? "replace" : "new";
  assertPrivateTarget(options.file, how);
  const settings = settingsOf(options.file);
  const config = { ...withSecret(options.mode, plain), ...(settings && { settings }) };
  write(options.file, config, how);
  return { secret: plain, config };
}

/** The settings of a file that is about to be replaced; a damaged file, which may be why, has none. */
function settingsOf(file: string): ConfigFile["settings"] {
  try {
    return readConfigFile(file)?.settings;
  } catch (error) {
    if (error instanceof DeputizeError) return undefined;
    throw error;
  }
}

/**
 * Gives the file a new secret; the one before works for `overlapSeconds` more, so that no program is locked out while it is
 * handed round. Answers the new secret, to be shown once. Throws `config_invalid`.
 */
export function rotateAdminSecret(options: {
  readonly file: string;
  readonly overlapSeconds: number;
  readonly clock?: Clock;
}): { readonly secret: string; readonly config: ConfigFile } {
  const before = readConfigFile(options.file);
  const old = before?.admin_secret_hash ?? (before?.admin_secret && hashAdminSecret(before.admin_secret));
  if (!before || old === undefined) {
    throw new DeputizeError(
      "config_invalid",
      `${options.file} holds no admin secret to rotate; make one with deputize init`,
    );
  }
  const plain = randomHex(32);
  const config: ConfigFile = {
    ...withSecret(before.mode, plain),
    ...(options.overlapSeconds > 0 && {
      admin_secret_previous_hash: old,
      admin_secret_previous_until: new Date(
        (options.clock ?? systemClock).nowMs() + options.overlapSeconds * 1000,
      ).toISOString(),
    }),
    ...(before.settings && { settings: before.settings }),
  };
  write(options.file, config, "replace");
  return { secret: plain, config };
}

/**
 * The installation's secrets: made once, kept in one file that only its owner can read (0600).
 *
 * Guarantees: there is no default secret; a file that others can read, or that is damaged, is refused rather
 * than replaced, since new secrets would end every session and orphan the log's signatures.
 * Does not: encrypt them at rest; the file's permissions are the protection.
 */
import { createHmac, generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { DeputizeError, randomHex } from "@deputize/core";
import { generateStoreSecrets, writePrivateFile } from "@deputize/store";

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const pem = z.string().startsWith("-----BEGIN PRIVATE KEY-----");

/** The same for every replica that has the file. */
const derived = (sealKey: string): string =>
  createHmac("sha256", Buffer.from(sealKey, "hex")).update("login role workflow").digest("hex");

const SECRETS = z.strictObject({
  version: z.literal(1),
  /** The seal key and the login roles' passwords. */
  store: z
    .strictObject({
      sealKey: hex32,
      rolePasswords: z.strictObject({
        authority: z.string(),
        app: z.string(),
        sequencer: z.string(),
        sql: z.string(),
        /** Files that were made before there was this role have none. */
        workflow: z.string().optional(),
      }),
    })
    .transform(({ sealKey, rolePasswords }) => ({
      sealKey,
      rolePasswords: { ...rolePasswords, workflow: rolePasswords.workflow ?? derived(sealKey) },
    })),
  /** The authority's root of session, CSRF, refresh and API-key hashing keys. */
  authorityRoot: hex32,
  /** Ed25519, PKCS8 PEM: signs tokens. */
  tokenKey: pem,
  /** Further such keys: the next one of a rotation, and those that still sign somewhere. */
  moreTokenKeys: z.array(pem).max(32).optional(),
  /** Ed25519, PKCS8 PEM: signs the log's checkpoints. */
  auditKey: pem,
  /** The root of the API keys of the installation's own agents and services. */
  agentRoot: hex32,
});

export type Secrets = z.infer<typeof SECRETS>;

function privateKeyPem(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** New random secrets. */
export function generateSecrets(): Secrets {
  return {
    version: 1,
    store: generateStoreSecrets(),
    authorityRoot: randomHex(32),
    tokenKey: privateKeyPem(),
    auditKey: privateKeyPem(),
    agentRoot: randomHex(32),
  };
}

/**
 * Reads the file, or makes it. `created` says which. Several processes may start at once: one of them makes it.
 * Throws `config_invalid` with the fix.
 */
export function loadOrCreateSecrets(file: string): { secrets: Secrets; created: boolean } {
  const existing = readSecrets(file);
  if (existing) return { secrets: existing, created: false };
  try {
    writePrivateFile(file, `${JSON.stringify(generateSecrets(), null, 2)}\n`, "new");
  } catch (error) {
    // Another process may have made it just now: then that one is ours too.
    if (!existsSync(file)) throw error;
  }
  const made = readSecrets(file);
  if (!made) throw new DeputizeError("config_invalid", `${file} vanished while it was made; start again`);
  return { secrets: made, created: true };
}

/** Reads the file; undefined when there is none. Throws `config_invalid` with the fix. */
export function readSecrets(file: string): Secrets | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
    const mode = statSync(file).mode & 0o077;
    if (mode !== 0 && process.platform !== "win32") {
      throw new DeputizeError("config_invalid", `${file} can be read by others; run chmod 600 ${file}`);
    }
  } catch (error) {
    if (error instanceof DeputizeError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return undefined;
    if (code === "ENOTDIR") {
      throw new DeputizeError(
        "config_invalid",
        `${dirname(file)} is a file, not a folder; choose another with --data`,
        { cause: error },
      );
    }
    throw new DeputizeError(
      "config_invalid",
      `cannot read ${file} (${code ?? "unknown error"}); check who owns it`,
      { cause: error },
    );
  }
  try {
    return SECRETS.parse(JSON.parse(text));
  } catch (error) {
    throw new DeputizeError(
      "config_invalid",
      `${file} is damaged; restore it from a backup, or start afresh with --reset (that deletes the data too)`,
      { cause: error },
    );
  }
}

/** Writes the whole file anew, in one step. Throws `config_invalid`. */
export function replaceSecrets(file: string, secrets: Secrets): void {
  writePrivateFile(file, `${JSON.stringify(SECRETS.parse(secrets), null, 2)}\n`, "replace");
}

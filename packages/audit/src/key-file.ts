/**
 * The signing key of a log that has no other place for it: a file that only its owner can read, made at first use.
 *
 * Guarantees: two processes that start at once use one key; a file that others may read is refused.
 * Does not: encrypt it. Keep the secret of the entries' codes elsewhere, so that a stolen folder is not enough.
 */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { DeputizeError, isDeputizeError } from "@deputize/core";
import { writePrivateFile } from "@deputize/store";

/** The key in `file` as PKCS#8 PEM, a new one when there is none. Throws `config_invalid`. */
export function readOrMakeKey(file: string): string {
  if (!existsSync(file)) makeKey(file);
  const mode = statSync(file).mode & 0o077;
  if (mode !== 0 && process.platform !== "win32") {
    throw new DeputizeError("config_invalid", `${file} can be read by others; run \`chmod 600 ${file}\``);
  }
  return readFileSync(file, "utf8");
}

function makeKey(file: string): void {
  const { privateKey } = generateKeyPairSync("ed25519");
  try {
    writePrivateFile(file, String(privateKey.export({ type: "pkcs8", format: "pem" })), "new");
  } catch (error) {
    // Another process was first: then its key is the log's.
    if (!isDeputizeError(error) || !existsSync(file)) throw error;
  }
}

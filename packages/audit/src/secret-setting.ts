/**
 * Where the secret of a log's codes comes from: the environment, or a private file that the environment names. Never the command
 * line, which every user of the machine can read.
 */
import { resolve } from "node:path";
import { DeputizeError } from "@deputize/core";
import { readPrivateFile } from "@deputize/store/private-file";
import { checkSecret } from "./mac.ts";

/**
 * The secret of `DEPUTIZE_AUDIT_SECRET`, or in the file of `DEPUTIZE_AUDIT_SECRET_FILE` (mode 0600); undefined when neither is set.
 * Throws `config_invalid` for both at once, a short secret, and a file that others can read; quotes no secret.
 */
export function auditSecretFrom(env: Readonly<Record<string, string | undefined>>): string | undefined {
  // An empty variable is how shells and compose files say "not set".
  const secret = env["DEPUTIZE_AUDIT_SECRET"] || undefined;
  const file = env["DEPUTIZE_AUDIT_SECRET_FILE"] || undefined;
  if (secret !== undefined && file !== undefined) {
    throw new DeputizeError(
      "config_invalid",
      "DEPUTIZE_AUDIT_SECRET and DEPUTIZE_AUDIT_SECRET_FILE are both set; set one of them",
    );
  }
  if (file !== undefined) return checkSecret(readPrivateFile(resolve(file)));
  return secret === undefined ? undefined : checkSecret(secret);
}

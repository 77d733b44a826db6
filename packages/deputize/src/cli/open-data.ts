/** An installation on this machine: its settings, secrets and open database, while no server needs to run. */
import { type AuditLog, createAuditLog } from "@deputize/audit";
import { DeputizeError, type PrincipalId, isUuid, systemClock } from "@deputize/core";
import { type Secrets, type Settings, readSecrets, readSettings } from "@deputize/server/config";
import { type MigrationSet, type Store, openStore } from "@deputize/store";

/** The only tenant for now. */
export const TENANT = "default";

export interface OpenData {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly store: Store;
}

/** The caller closes the store. Throws `config_invalid` with the fix, also while a server holds the folder. */
export async function openData(
  options: { readonly data?: string },
  migrations: readonly MigrationSet[] = [],
): Promise<OpenData> {
  const settings = readSettings(process.env, options.data === undefined ? {} : { dataDir: options.data });
  const secrets = readSecrets(settings.secretsFile);
  if (!secrets) {
    throw new DeputizeError(
      "config_invalid",
      `there is no ${settings.secretsFile}; name the data folder with --data`,
    );
  }
  const store = await openStore({
    secrets: secrets.store,
    migrations,
    ...(settings.rolePrefix !== undefined && { rolePrefix: settings.rolePrefix }),
    ...(settings.databaseUrl === undefined
      ? { dataDir: settings.databaseDir }
      : { url: settings.databaseUrl }),
  });
  return { settings, secrets, store };
}

/** Its log; the caller closes it. */
export function logOf({ settings, secrets, store }: OpenData): AuditLog {
  return createAuditLog({
    store,
    clock: systemClock,
    signingKey: secrets.auditKey,
    origin: settings.auditOrigin,
    anchorFile: settings.auditAnchorFile,
    ...(settings.auditSecret !== undefined && { secret: settings.auditSecret }),
  });
}

/**
 * The person of an e-mail address or id; with `principals`, an id may be of anything that can be in a grant. Throws `not_found`.
 */
export async function principalOf(
  { store }: OpenData,
  named: string,
  among: "people" | "principals",
): Promise<PrincipalId> {
  if (isUuid(named) && among === "principals") return named as PrincipalId;
  const { rows } = await store.pool("authority").query<{ id: PrincipalId }>(
    `SELECT principal_id AS id FROM authority.people
       WHERE tenant = $1 AND ${isUuid(named) ? "principal_id = $2::uuid" : "email = lower($2)"}`,
    [TENANT, named],
  );
  if (!rows[0]) {
    throw new DeputizeError("not_found", "nobody has this address or id; `audit events` shows ids");
  }
  return rows[0].id;
}

/**
 * The login roles and their names. Each holds only what its room needs (docs/architecture.md); none is a
 * member of another, so that no `SET ROLE` leads anywhere.
 */
import { DeputizeError, randomHex } from "@deputize/core";

export const LOGIN_ROLES = ["authority", "app", "sequencer", "sql", "workflow"] as const;
export type LoginRole = (typeof LOGIN_ROLES)[number];

export const DEFAULT_ROLE_PREFIX = "deputize";

/** The database's name of a login role. Throws `config_invalid` for a prefix that is no plain word. */
export function roleName(prefix: string, role: LoginRole): string {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(prefix)) {
    throw new DeputizeError(
      "config_invalid",
      "the role prefix is lower-case letters, digits and `_`, 41 at most",
    );
  }
  return `${prefix}_${role}`;
}

export interface StoreSecrets {
  /** 32 bytes as hex: the key of the caller's seal. */
  readonly sealKey: string;
  /** One password for each login role. */
  readonly rolePasswords: Readonly<Record<LoginRole, string>>;
}

/** New random secrets for a store. */
export function generateStoreSecrets(): StoreSecrets {
  return {
    sealKey: randomHex(32),
    rolePasswords: {
      authority: randomHex(24),
      app: randomHex(24),
      sequencer: randomHex(24),
      sql: randomHex(24),
      workflow: randomHex(24),
    },
  };
}

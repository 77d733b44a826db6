import type { MigrationSet } from "@deputize/store";

/** Schema `authority`: apply after the store's and the audit log's own. */
export const authorityMigrations: MigrationSet = {
  name: "authority",
  directory: new URL("../migrations/", import.meta.url),
};

/** The SQL of this room, for whoever opens the store. */
import type { MigrationSet } from "@deputize/store";

export const agentMigrations: MigrationSet = {
  name: "agent",
  directory: new URL("../../migrations/", import.meta.url),
};

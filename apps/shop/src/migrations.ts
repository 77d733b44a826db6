/** Schema `shop`: apply after the packages' own. */
import type { MigrationSet } from "@deputize/store";

export const shopMigrations: MigrationSet = {
  name: "shop",
  directory: new URL("../migrations/", import.meta.url),
};

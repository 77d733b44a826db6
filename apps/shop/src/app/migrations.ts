/** Everything the shop's process keeps, in the order in which it is applied; the store's own comes before all. */
import { agentMigrations } from "@deputize/agent";
import { auditMigrations } from "@deputize/audit";
import { authorityMigrations } from "@deputize/authority";
import { mcpMigrations } from "@deputize/mcp";
import { serverMigrations } from "@deputize/server";
import type { MigrationSet } from "@deputize/store";
import { shopMigrations } from "../migrations.ts";

export const allMigrations: readonly MigrationSet[] = [
  auditMigrations,
  authorityMigrations,
  agentMigrations,
  mcpMigrations,
  serverMigrations,
  shopMigrations,
];

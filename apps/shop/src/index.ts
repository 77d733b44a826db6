/**
 * shop: the reference shop. One process that serves the authority, three agents, two tool servers, the API and the page.
 */
export { createShop } from "./app/create-shop.ts";
export { type Shop, type ShopOptions, VERSION } from "./app/shop-options.ts";
export { type Logger, createLogger } from "@deputize/server/telemetry";
export { allMigrations } from "./app/migrations.ts";
export {
  AGENTS,
  type AgentName,
  type Addresses,
  ORCHESTRATOR,
  SPECIALISTS,
  addressesUnder,
  agentId,
} from "./app/policy.ts";
export { type SeedPlan, seedPeople, seedRows } from "./app/seeding.ts";
export { type StartOptions, type StartedShop, startShop } from "./app/start-shop.ts";
export { demoAccounts } from "./seed/seed-shop.ts";

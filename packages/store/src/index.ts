/**
 * store: one SQL dialect (Postgres, served or embedded), row-level security by a sealed caller, migrations,
 * and ephemeral state.
 */
export { type Ephemeral, type RateLimiter, openEphemeral } from "./ephemeral.ts";
export type { SlidingWindow, SlidingWindowOptions, WindowAnswer } from "./sliding-window.ts";
export { mapDatabaseError, sqlState } from "./errors.ts";
export { type MigrationSet, storeMigrations } from "./migrate.ts";
export type { QueryResult, Queryable, Tx } from "./queryable.ts";
export { LOGIN_ROLES, type LoginRole, type StoreSecrets, generateStoreSecrets, roleName } from "./roles.ts";
export { type OpenStoreOptions, type Store, type TransactionOptions, openStore } from "./store.ts";

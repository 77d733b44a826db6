/**
 * store: one SQL dialect (Postgres, served or embedded), row-level security by a sealed caller, migrations,
 * and ephemeral state.
 */
export { type DataVersions, readVersions } from "./data-versions.ts";
export { type Ephemeral, type RateLimiter, openEphemeral } from "./ephemeral.ts";
export type { SlidingWindow, SlidingWindowOptions, WindowAnswer } from "./sliding-window.ts";
export type { BucketAnswer, TokenBucket, TokenBucketOptions } from "./token-bucket.ts";
export type { Reservation, WindowCounter, WindowCounterOptions } from "./window-counter.ts";
export { mapDatabaseError, sqlState } from "./errors.ts";
export { type MigrationSet, storeMigrations } from "./migrate.ts";
export { assertPrivateTarget, readPrivateFile, writePrivateFile } from "./private-file.ts";
export type { QueryResult, Queryable, Tx } from "./queryable.ts";
export { type RedisClient, redisClient } from "./redis-client.ts";
export {
  DEFAULT_ROLE_PREFIX,
  LOGIN_ROLES,
  type LoginRole,
  type StoreSecrets,
  generateStoreSecrets,
  roleName,
} from "./roles.ts";
export { type OpenStoreOptions, type Store, type TransactionOptions, openStore } from "./store.ts";

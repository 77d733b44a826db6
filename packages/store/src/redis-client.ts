import { Redis } from "ioredis";

export type RedisClient = Redis;

/**
 * A client that connects with its first command. A command that finds no server is tried once more and fails then; one whose
 * answer was lost is sent again, so whatever it does must bear being done twice.
 */
export function redisClient(url: string): RedisClient {
  const redis = new Redis(url, { maxRetriesPerRequest: 1, lazyConnect: true, connectTimeout: 3_000 });
  // Every command says itself that it failed.
  redis.on("error", () => {});
  return redis;
}

/**
 * Kept answers in Redis, for all replicas.
 *
 * Guarantees: each value is sealed with AES-256-GCM under a key from `secret`, bound to its slot and owner; whoever can only
 * read Redis learns no answer, and a value that was changed or moved by whoever can write it is not there. Limits, use and
 * purge are one script each, so replicas cannot come between.
 * Does not: work over a Redis Cluster, whose scripts may not touch keys of several slots.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { DeputizeError } from "@deputize/core";
import { redisClient } from "@deputize/store";
import { z } from "zod";
import { storeOptions } from "../conversations/store-options.ts";
import type { CacheBackend } from "./cache-backend.ts";

const OPTIONS = z.strictObject({
  /** `redis://…` or `rediss://…` for TLS. */
  url: z.url({ protocol: /^rediss?$/ }),
  /** At least 32 characters, the same on each replica. Under another one nothing is found. */
  secret: z.string().min(32),
  /** Before every key. */
  prefix: z
    .string()
    .regex(/^[a-z0-9:_-]{1,100}$/)
    .default("deputize:answers"),
});

export type RedisCacheOptions = z.input<typeof OPTIONS>;

/** Longer than any turn: a purge in its middle is still known when it ends. */
const GENERATION_TTL_MS = 86_400_000;

// KEYS[1] the prefix. Entries are hashes {owner, value}; an owner's index and the index of all are ordered by use.
const LOOK = `
local entry = KEYS[1] .. 'e:' .. ARGV[1]
local generation = redis.call('GET', KEYS[1] .. 'g:' .. ARGV[2]) or '0'
local found = redis.call('HMGET', entry, 'owner', 'value')
if not found[2] then return {generation} end
local use = redis.call('INCR', KEYS[1] .. 'use')
redis.call('ZADD', KEYS[1] .. 'o:' .. found[1], 'XX', use, ARGV[1])
redis.call('ZADD', KEYS[1] .. 'all', 'XX', use, ARGV[1])
return {generation, found[1], found[2]}`;

const KEEP = `
local slot, owner, value, ttl, generation = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local index, all = KEYS[1] .. 'o:' .. owner, KEYS[1] .. 'all'
if (redis.call('GET', KEYS[1] .. 'g:' .. owner) or '0') ~= generation then return 0 end
local function drop(gone)
  local entry = KEYS[1] .. 'e:' .. gone
  local whose = redis.call('HGET', entry, 'owner')
  if whose then redis.call('ZREM', KEYS[1] .. 'o:' .. whose, gone) end
  redis.call('ZREM', index, gone)
  redis.call('ZREM', all, gone)
  redis.call('DEL', entry)
end
drop(slot)
local use = redis.call('INCR', KEYS[1] .. 'use')
redis.call('HSET', KEYS[1] .. 'e:' .. slot, 'owner', owner, 'value', value)
redis.call('PEXPIRE', KEYS[1] .. 'e:' .. slot, ttl)
redis.call('ZADD', index, use, slot)
redis.call('ZADD', all, use, slot)
if redis.call('PTTL', index) < ttl then redis.call('PEXPIRE', index, ttl) end
while redis.call('ZCARD', index) > tonumber(ARGV[6]) do drop(redis.call('ZRANGE', index, 0, 0)[1]) end
while redis.call('ZCARD', all) > tonumber(ARGV[7]) do drop(redis.call('ZRANGE', all, 0, 0)[1]) end
return 1`;

const PURGE = `
local index, gone = KEYS[1] .. 'o:' .. ARGV[1], 0
for _, slot in ipairs(redis.call('ZRANGE', index, 0, -1)) do
  gone = gone + redis.call('DEL', KEYS[1] .. 'e:' .. slot)
  redis.call('ZREM', KEYS[1] .. 'all', slot)
end
redis.call('DEL', index)
redis.call('INCR', KEYS[1] .. 'g:' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1] .. 'g:' .. ARGV[1], ARGV[2])
return gone`;

/** Connects when it is first used. Throws `config_invalid` for options that cannot work; a Redis that is away fails the single operation. */
export function redisCache(options: RedisCacheOptions): CacheBackend {
  const { url, secret, prefix } = storeOptions(OPTIONS, options);
  const key = Buffer.from(hkdfSync("sha256", secret, "", "deputize answer cache", 32));
  const redis = redisClient(url);

  async function run(script: string, ...args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await redis.eval(script, 1, `${prefix}:`, ...args);
    } catch (cause) {
      throw new DeputizeError("unavailable", "the answer cache cannot be reached", { cause });
    }
  }

  return {
    async look(slot, owner) {
      const [generation, maker, sealed] = (await run(LOOK, slot, owner)) as readonly string[];
      const value =
        maker === undefined || sealed === undefined ? undefined : open(key, bound(slot, maker), sealed);
      return { value, generation: String(generation) };
    },
    async keep({ slot, owner, value, ttlMs, generation, limits }) {
      const sealed = seal(key, bound(slot, owner), value);
      const { maxPerOwner, maxTotal } = limits;
      await run(KEEP, slot, owner, sealed, Math.max(1, Math.ceil(ttlMs)), generation, maxPerOwner, maxTotal);
    },
    purge: async (owner) => Number(await run(PURGE, owner, GENERATION_TTL_MS)),
    close: async () => redis.disconnect(),
  };
}

const bound = (slot: string, owner: string): Buffer => Buffer.from(`${slot}.${owner}`);

/** Nonce (12 bytes), ciphertext, tag (16 bytes), as base64. */
function seal(key: Buffer, context: Buffer, value: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(context);
  return Buffer.concat([nonce, cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()]).toString(
    "base64",
  );
}

/** The value, or undefined when it is not one that was sealed for this place. */
function open(key: Buffer, context: Buffer, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < 28) return undefined;
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12), { authTagLength: 16 })
      .setAAD(context)
      .setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

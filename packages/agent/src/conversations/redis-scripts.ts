/** What Redis does for conversations in one step. Scripts run alone, and fail before they change anything or not at all. */

/** Keys: document, messages, index, aliases, agents. Answers 1 when it is written, 0 when the version has moved on. */
export const WRITE = `
local expected, version, document = ARGV[1], ARGV[2], ARGV[3]
local score, id, agent, ttl = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local appended, added = tonumber(ARGV[8]), tonumber(ARGV[9])
local current = redis.call('HGET', KEYS[1], 'version') or ''
-- A version is made for one write: this one was done, and its answer was lost.
if current == version then return 1 end
if current ~= expected then return 0 end
redis.call('HSET', KEYS[1], 'version', version, 'document', document)
if score == '-1' then redis.call('DEL', KEYS[2]) end
for i = 10, 9 + appended do redis.call('RPUSH', KEYS[2], ARGV[i]) end
for i = 10 + appended, 9 + appended + added do redis.call('HSET', KEYS[4], ARGV[i], id) end
for i = 10 + appended + added, #ARGV do redis.call('HDEL', KEYS[4], ARGV[i]) end
redis.call('ZADD', KEYS[3], score, id)
redis.call('SADD', KEYS[5], agent)
if ttl > 0 then
  for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ttl) end
end
return 1`;

/** Keys: messages. Puts a message in the place of the n-th, counted from 0. */
export const REPLACE = `
local at = tonumber(ARGV[1])
if at >= redis.call('LLEN', KEYS[1]) then return 0 end
redis.call('LSET', KEYS[1], at, ARGV[2])
return 1`;

/** Keys: document, index. A conversation whose time is over leaves the list, unless it was begun anew meanwhile. */
export const FORGET_EXPIRED = `
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
return 1`;

/** Keys: document, messages, index. Answers the document that went, and how many messages. */
export const ERASE = `
local document = redis.call('HGET', KEYS[1], 'document') or ''
local messages = redis.call('LLEN', KEYS[2])
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
return {document, messages}`;

/** Keys: index, aliases, agents. What is left of a room without conversations. */
export const FORGET_ROOM = `
if redis.call('ZCARD', KEYS[1]) > 0 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[3], ARGV[1])
return 1`;

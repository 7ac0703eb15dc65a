#!lua flags=no-writes
-- Lists live leases in order of expiry.
--
-- KEYS config, expiry, leases. ARGV: sha256 of the licence key; limit; expiry at which the page before ended; how many
-- of that expiry were given. A cursor of expiry and count needs no state here and no scan from the start; a lease
-- renewed between two pages moves to the end and may be seen twice.
-- Cost: O(log n + limit + count). Returns {now, 1 if there are more, id, expiry, record, id, ...}, or nil for a
-- wrong key.

local key_hash, limit, from, given = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

if not pool_opened_by(key_hash) then
    return false
end
if from <= now then
    from, given = now + 1, 0
end

local found = redis.call('ZRANGEBYSCORE', EXPIRY, from, '+inf', 'WITHSCORES', 'LIMIT', given, limit + 1)
local shown = math.min(#found / 2, limit)
local answer = { now, #found / 2 > limit and 1 or 0 }
local ids = {}
for i = 1, shown do
    ids[i] = found[2 * i - 1]
end
if shown > 0 then
    for i, record in ipairs(redis.call('HMGET', LEASES, unpack(ids))) do
        table.insert(answer, ids[i])
        table.insert(answer, tonumber(found[2 * i]))
        table.insert(answer, record)
    end
end
return answer

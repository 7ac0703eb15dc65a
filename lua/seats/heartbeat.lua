#!lua flags=allow-oom
-- Renews leases of one pool.
--
-- KEYS config, expiry, leases; state for the reason of a lease that ran out and is not purged yet.
-- ARGV: sha256 of the licence key; n lease ids, 16 bytes each; their n fences, 8 bytes each.
-- Cost: O(n log leases) in five Redis calls whatever n is, so that many beats in one call are cheap. It purges
-- nothing and writes no ledger: a heartbeat changes no seat. It may run when memory is full, since it takes none and
-- refusing it would let every lease die.
-- Returns {heartbeat, code, expires in, code, expires in, ...} or nil for a wrong key.

local pool = pool_opened_by(ARGV[1])
if not pool then
    return false
end

local beats = (#ARGV - 1) / 2
local records = redis.call('HMGET', LEASES, unpack(ARGV, 2, beats + 1))
local expiries = redis.call('ZMSCORE', EXPIRY, unpack(ARGV, 2, beats + 1))
local closed = closed_because(pool)

-- The code, and how long the lease has left if it is held. A renewal is one of code `ok`.
local function verdict(record, expiry, fence)
    if not record then
        return 'unknown_session', 0
    elseif fence_of(record) ~= fence then
        return 'stale_fence', 0
    elseif letter_of(record) ~= LIVE then
        return ENDED_BECAUSE[letter_of(record)], 0
    elseif expiry <= now then
        return ENDED_BECAUSE[letter_for_running_out(expiry)], 0
    elseif closed then
        return closed, expiry - now
    end
    return 'ok', pool.lease
end

local answer, renewed = { pool.heartbeat }, {}
for i = 1, beats do
    local code, left = verdict(records[i], tonumber(expiries[i]), ARGV[1 + beats + i])
    if code == 'ok' then
        table.insert(renewed, now + pool.lease)
        table.insert(renewed, ARGV[1 + i])
    end
    table.insert(answer, code)
    table.insert(answer, left)
end
if #renewed > 0 then
    redis.call('ZADD', EXPIRY, 'XX', unpack(renewed))
end
return answer

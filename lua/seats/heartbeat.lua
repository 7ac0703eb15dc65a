#!lua flags=allow-oom
-- Renews leases of one pool.
--
-- KEYS config, expiry, leases; state for the reason of a lease that ran out and is not purged yet.
-- ARGV: sha256 of the licence key; n lease ids, 16 bytes each; their n fences, 8 bytes each.
-- Cost: O(n log leases) in five Redis calls whatever n is (one more for each 3,000 seats), so that many beats in one
-- call are cheap. It purges nothing and writes no ledger: a heartbeat changes no seat. It may run when memory is full,
-- since it takes none and refusing it would let every lease die.
-- A lease never ends earlier than its holder was told before, also where leases have become shorter.
-- In recovery a lease that was not heard of since the loss is renewed even if it ran out, up to the limit.
-- Returns {heartbeat, now, signed for, code, expires in, code, expires in, ...}, or a code where the key opens no pool.

local pool, unopened = pool_opened_by(ARGV[1])
if not pool then
    return unopened
end

-- Of Lua's `unpack`, which has a limit of about 8,000.
local MOST_ARGUMENTS = 6000

local beats = (#ARGV - 1) / 2
local records = redis.call('HMGET', LEASES, unpack(ARGV, 2, beats + 1))
local expiries = redis.call('ZMSCORE', EXPIRY, unpack(ARGV, 2, beats + 1))
local closed = closed_because(pool)
-- Then a lease that can be called back is as good as ended, whenever its turn comes.
local ends_at_once = closed == 'suspended' and redis.call('HGET', CONFIG, 'ends_at_once')
local lease = lease_from_now(pool.lease)
local room
if recovering then
    read_policies(pool)
    room = pool.limit - live_leases()
end
local heard_of = {}

-- The code, and how long the lease has left if it is held. A renewal is one of code `ok`.
local function verdict(id, record, expiry, fence)
    local gone = gone_because(record, fence, expiry)
    if gone then
        return gone, 0
    elseif closed then
        local is_over = ends_at_once and not is_borrowed(id)
        return closed, is_over and 0 or kept_until(expiry) - now
    elseif recovering and expiry < recovering and not heard_of[id] then
        if room < quantity_of(record) then
            return 'recovering', recovering - now
        end
        room, heard_of[id] = room - quantity_of(record), true
    end
    return 'ok', lease
end

local renewed = {}
local function write_renewed()
    if #renewed > 0 then
        redis.call('ZADD', EXPIRY, 'XX', 'GT', unpack(renewed))
    end
    renewed = {}
end

local function renew(id, quantity)
    if #renewed + 2 * quantity > MOST_ARGUMENTS then
        write_renewed()
    end
    table.insert(renewed, now + lease)
    table.insert(renewed, id)
    if quantity > 1 then
        for _, seat in ipairs(seats_of_lease(id, 2, quantity)) do
            table.insert(renewed, now + lease)
            table.insert(renewed, seat)
        end
    end
end

local answer = { pool.heartbeat, now, pool.signed_for }
for i = 1, beats do
    local code, left = verdict(ARGV[1 + i], records[i], tonumber(expiries[i]), ARGV[1 + beats + i])
    if code == 'ok' then
        renew(ARGV[1 + i], quantity_of(records[i]))
    end
    table.insert(answer, code)
    table.insert(answer, left)
end
write_renewed()
return answer

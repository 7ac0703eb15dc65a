#!lua
-- Makes the pool as the operator says. Touches no lease and no count, but where it says that leases end at once.
--
-- KEYS all of the pool. ARGV: digest of the configuration; term of the operator; epoch; a fresh secret; run id of the
-- server; state of the pool; then the other fields of `config` with their values, licence keys as `key:<sha256>` and
-- their ids once more as `keys`, parted by spaces.
-- Cost: one read where nothing changes; otherwise O(fields), at most 200 leases purged and 200 ended, and O(n log n)
-- for n leases where a pool is to evict that did not before. A higher term is kept at once, so that the leader before
-- is fenced off even where the new one found nothing to change: one write per pool and change of leader.
-- A pool whose state is not coherent (new, or a key was lost) starts without leases. Its fence counter and totals go
-- on if they are still there; the caller learns it and raises the epoch. An epoch above the pool's own, or above the
-- first one where there was no pool, means that grants may have been lost: the pool goes into recovery.
-- Returns {1, changed, existed, epoch, live}, or {0, term held} for a term that is over.

-- Of names and values. Lua's `unpack` has a limit of about 8,000.
local FIELDS_AT_ONCE = 4000

local digest, term, epoch, secret, run, state =
    ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]

local held = redis.call('HMGET', CONFIG, 'digest', 'term', 'state', 'recover_until', 'lease', 'keys')
heed_recovery(held[4])
local held_term = tonumber(held[2])
if held_term and term < held_term then
    return { 0, held_term }
end

local account = read_account()
local existed = account ~= nil
if existed and held[1] == digest then
    if term > held_term then
        redis.call('HSET', CONFIG, 'term', term)
    end
    return { 1, 0, 1, account.epoch, live_leases() }
end

local lost = existed and epoch > account.epoch or not existed and epoch > 1
if not existed then
    redis.call('UNLINK', EXPIRY, LEASES, ENDED, OVERAGE, BORROWS, QUEUE, TICKETS, WAITS, OFFERS, ELDERS)
    if redis.call('HEXISTS', STATE, 'secret') == 0 then
        redis.call('DEL', STATE)
        -- What acquire reads comes first: a small hash is searched from its start.
        redis.call('HSET', STATE, 'epoch', epoch, 'counter', 0, 'used', 0, 'at', now, 'overrun', 0, 'peak', 0,
            'secret', secret, 'seat_ms', 0, 'granted', 0, 'released', 0, 'expired', 0, 'taken_over', 0, 'denied', 0)
    end
    -- Whoever meets this pool on another server knows by it that something may be lost, also before anybody arrived.
    redis.call('HSET', STATE, 'used', 0, 'at', now, 'overrun', 0, 'over', 0, 'extra', 0, 'run', run)
    for _, field in ipairs(redis.call('HKEYS', STATE)) do
        if string.find(field, '^group:') then
            redis.call('HDEL', STATE, field)
        end
    end
    account = open_account()
end
account.unpurged = account.used - live_leases()
if held_term then
    -- Only what is above by the words of before has its deadline already.
    eviction_in(account, pool_to_look_after())
end
if state == 'suspended' and held[3] ~= 'suspended' then
    redis.call('HSET', STATE, 'suspended_from', now)
    redis.call('HDEL', STATE, 'suspended_until')
elseif state ~= 'suspended' and held[3] == 'suspended' then
    redis.call('HSET', STATE, 'suspended_until', now)
end

redis.call('DEL', CONFIG)
redis.call('HSET', CONFIG, 'state', state, 'digest', digest, 'term', term)
for start = 7, #ARGV, FIELDS_AT_ONCE do
    redis.call('HSET', CONFIG, unpack(ARGV, start, math.min(#ARGV, start + FIELDS_AT_ONCE - 1)))
end
local told = redis.call('HMGET', CONFIG, 'generation', 'capacity', 'lease', 'keys')
for key_id in string.gmatch(held[6] or '', '%S+') do
    if not string.find(told[4], key_id) then
        redis.call('HDEL', STATE, 'use:' .. key_id)
    end
end
if recovering then
    redis.call('HSET', CONFIG, 'recover_until', held[4])
    -- The longer leases may be those of before the loss: their holders have as long to come back.
    local longer = tonumber(told[3]) > (tonumber(held[5]) or 0) and now + told[3] + 1 or 0
    if longer > recovering then
        extend_recovery(longer)
    end
end

-- What is reserved may be more or less than it was.
local function hold_back()
    account.held_back = 0
    for field in string.gmatch(redis.call('HGET', CONFIG, 'groups') or '', '%S+') do
        local _, reserved = terms_of(redis.call('HGET', CONFIG, 'group:' .. field))
        local has = tonumber(redis.call('HGET', STATE, 'group:' .. field)) or 0
        account.held_back = account.held_back + still_reserved(reserved, has)
    end
end

if lost then
    begin_recovery(account, math.max(epoch, account.epoch), math.max(tonumber(told[3]), tonumber(held[5]) or 0))
end
hold_back()
local pool = pool_to_look_after()
if not pool.evict_after then
    redis.call('UNLINK', ELDERS)
end
line_up(account, pool)
if ends_all(pool) or eviction_in(account, pool) == 0 then
    purge(account)
    end_what_is_due(account, pool)
    trim_tombstones(tonumber(told[3]))
end
convert_overage(account, pool.capacity)
local seat_ms = commit(account)
redis.call('XADD', LEDGER, '*', 'event', 'configured', 'generation', told[1], 'capacity', told[2], 'state', state,
    'epoch', account.epoch, 'at', account.clock, 'used', account.used, 'seat_ms', seat_ms)
return { 1, 1, existed and 1 or 0, account.epoch, live_leases() }

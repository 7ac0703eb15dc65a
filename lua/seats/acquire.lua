#!lua
-- Takes a seat, or gives the holder the lease that it has.
--
-- KEYS all six. ARGV: sha256 of the licence key; holder, 32 bytes; nonce digest, 8 bytes; tail of the record.
-- Cost: O(log n) for a pool of n leases, and at most 200 purged on the way. Room is counted by live leases and not by
-- unpurged ones: so a seat is free in the millisecond in which its lease expires, however many are still to be purged.
-- Returns {code, lease id, fence, expires in, heartbeat, capacity, live, taken over}, or a refusal
-- {code, capacity, live, retry after or nil}.

local key_hash, holder, nonce, tail = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local pool = pool_opened_by(key_hash)
if not pool then
    return { 'invalid_license', 0, 0, false }
end
local account = open_account()

local function refuse(code, retry_after)
    redis.call('HINCRBY', STATE, 'denied', 1)
    return { code, pool.capacity, live_leases(), retry_after }
end

local closed = closed_because(pool)
if closed then
    return refuse(closed, false)
end

local id = lease_id_of(account.secret, holder)
local held = redis.call('HGET', LEASES, id)
local expiry = held and tonumber(redis.call('ZSCORE', EXPIRY, id))
local fence = account.epoch * 4294967296 + account.counter + 1
invariant(account.counter + 1 < 4294967296 and fence < 9007199254740992, 'a fence is below 2^53')

local function record(record_fence, since)
    return struct.pack('>I8', record_fence) .. LIVE .. struct.pack('>I6', since) .. holder .. nonce .. tail
end

local function hold(held_record)
    redis.call('ZADD', EXPIRY, now + pool.lease, id)
    redis.call('HSET', LEASES, id, held_record)
end

local function granted(code, grant_fence, taken_over)
    return { code, hex(id), grant_fence, pool.lease, pool.heartbeat, pool.capacity, live_leases(), taken_over }
end

if expiry and expiry > now then
    local since = struct.unpack('>I6', held, FENCE_BYTES + 2)
    if string.sub(held, FENCE_BYTES + 40, FENCE_BYTES + 47) == nonce then
        local held_fence = struct.unpack('>I8', held)
        hold(record(held_fence, since))
        return granted('existing', held_fence, 0)
    end
    -- The holder started again: the seat stays one seat, and the earlier run's fence is dead from here.
    local mine = record(fence, since)
    hold(mine)
    account.counter = account.counter + 1
    account.unpurged = account.used - live_leases()
    note(account, 'taken_over', account.clock, id, mine)
    commit(account)
    return granted('granted', fence, 1)
end

if expiry then
    expire_leases(account, { id }, { expiry })
end
purge(account)
if #account.entries > 0 then
    trim_tombstones(pool.lease)
    held = redis.call('HEXISTS', LEASES, id) == 1
end

local live = account.used - account.unpurged
if live >= pool.capacity then
    if #account.entries > 0 then
        commit(account)
    end
    -- The lease whose expiry brings the pool below its capacity; none where the capacity is 0.
    local next_free = redis.call('ZRANGE', EXPIRY, account.used - pool.capacity, account.used - pool.capacity,
        'WITHSCORES')[2]
    return refuse('pool_exhausted', next_free and tonumber(next_free) - now or false)
end

local mine = record(fence, account.clock)
hold(mine)
if held then
    redis.call('ZREM', ENDED, id)
end
account.counter = account.counter + 1
account.used = account.used + 1
account.peak = math.max(account.peak, live + 1)
note(account, 'granted', account.clock, id, mine)
commit(account)
return granted('granted', fence, 0)

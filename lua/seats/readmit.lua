#!lua
-- Lets the holder of a validly signed lease back in, where the authority has forgotten it.
--
-- The caller has checked the signature. KEYS all of the pool. ARGV: sha256 of the licence key; lease id, 16 bytes;
-- fence, 8 bytes; holder, 32 bytes; nonce digest, 8 bytes; the instant after which the signed lease counts for nothing;
-- number of seats; group; tail.
-- A fence above all that the pool gave is a lease from the future: the authority went back without noticing it, so the
-- recovery begins here. In recovery every lease that the pool does not know better is let in, first come, up to the
-- cap.
-- Cost: O(log n). Returns {heartbeat, now, signed for, code, expires in} as a heartbeat does, or a code where the key
-- opens no pool.

local key_hash, id, fence, holder, nonce, signed_until, quantity, group, tail =
    ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
end
local function answer(code, left)
    return { pool.heartbeat, now, pool.signed_for, code, left }
end

local closed = closed_because(pool)
if closed then
    return answer(closed, 0)
elseif now >= signed_until then
    return answer('lease_expired', 0)
end

local account = open_account()
if lease_id_of(account.secret, holder) ~= id then
    return answer('unknown_session', 0)
end
local number = struct.unpack('>I8', fence)
local record = redis.call('HGET', LEASES, id)
if record then
    local known = struct.unpack('>I8', record)
    if known == number and letter_of(record) ~= LIVE then
        return answer(ENDED_BECAUSE[letter_of(record)], 0)
    elseif known > number then
        return answer('stale_fence', 0)
    end
end

local newest_fence = account.epoch * 4294967296 + account.counter
local from_the_future = number > newest_fence
if from_the_future then
    local epoch = math.max(account.epoch, math.floor(number / 4294967296)) + 1
    begin_recovery(account, epoch, pool.lease)
elseif not recovering then
    return answer('unknown_session', 0)
end

local expiry = record and letter_of(record) == LIVE and tonumber(redis.call('ZSCORE', EXPIRY, id))
local live, had = live_leases(), expiry and quantity_of(record) or 0
local counted = expiry and expiry >= recovering and had or 0
read_policies(pool)
if quantity > counted and live - counted + quantity > pool.limit then
    if from_the_future then
        commit(account)
    end
    return answer('recovering', recovering - now)
end

local lease = lease_from_now(pool.lease)
if record and not expiry then
    redis.call('ZREM', ENDED, id)
end
local since = struct.pack('>I6', quantity == had and since_of(record) or account.clock)
local back = fence .. LIVE .. since .. holder .. nonce .. wish_of(quantity, group, tail)
drop_seats(account, seats_of_lease(id, quantity + 1, had))
keep_seats(seats_of_lease(id, 1, quantity), now + lease)
redis.call('HSET', LEASES, id, back)
count_for_group(account, had > 0 and group_of(record) or '', -had)
count_for_group(account, group, quantity)
account.used = account.used + quantity - had
account.extra = account.extra + quantity - math.max(1, had)
local above, how_many
local wanted = live - counted + quantity
if quantity > had and wanted > pool.capacity and wanted <= pool.allowed then
    above, how_many = 'overage', math.min(quantity - had, wanted - pool.capacity)
    mark_overage(account, number, seats_of_lease(id, quantity - how_many + 1, quantity))
end
account.unpurged = account.used - live_leases()
note(account, 'readmitted', account.clock, id, back, above, how_many)
commit(account)
if pool.device_limit then
    -- It was one before the loss, which took the list as well.
    redis.call('ZADD', DEVICES, 'NX', now, holder)
end
return answer('ok', lease)

-- The gates: what is asked of a wish for a seat before the seats are counted. Each is open where nothing is configured.
--
-- They keep two keys beside the pool's eight, which only the scripts that need them are given:
--   rates   ZSET    `k` and the id of a licence key, or `h` and a holder -> the microsecond up to which what it asked
--                   for has used its share of time; what lies in the past means nothing and is removed
--   devices ZSET    holder -> the millisecond in which it was registered. Who has taken a seat stays a device of the
--                   pool when the seat is given back, and until it is removed
-- With n wishes a minute each wish uses the n-th part of one, and nobody may be more than a minute ahead of the clock.
-- So n wishes go through at once, and then one each n-th part of a minute: one number for each who asks (GCRA).

local RATES, DEVICES = KEYS[9], KEYS[10]
local MINUTE = 60000000
-- Longer than any number in it means something.
local RATES_KEPT = 3600000
-- More than one call adds, so that the key gets smaller while anybody asks.
local RATES_FORGOTTEN = 16

-- Versions, and the ends of the window, are text that sorts as the versions do; empty is no version that can be read.
local function version_is_blocked(pool, version)
    local first, last = pool.version_min, pool.version_max
    return (first or last) and (version == '' or first and version < first or last and version > last)
end

-- A wish under one limit: up to when it would use the time of `member`, and how many milliseconds that is too early.
local function wish_under(member, policy, quota)
    local instant = now * 1000
    local used_up_to = tonumber(redis.call('ZSCORE', RATES, member)) or 0
    if used_up_to > instant + MINUTE then
        -- A clock was set back. Nobody waits for longer than by a minute's wishes.
        used_up_to = instant + MINUTE
        redis.call('ZADD', RATES, used_up_to, member)
    end
    local up_to = math.max(used_up_to, instant) + math.floor(MINUTE / quota)
    return { member = member, policy = policy, quota = quota, up_to = up_to,
        wait = math.ceil((up_to - instant - MINUTE) / 1000) }
end

-- Counts a wish of a licence key and a holder; or gives the limit that it is above, and counts nothing. So whoever goes
-- on asking gets its share, and no more.
local function rate_exceeded(pool, key_id, holder)
    local wishes, most = {}, { wait = 0 }
    if pool.rate_key then
        table.insert(wishes, wish_under('k' .. key_id, 'perKey', pool.rate_key))
    end
    if pool.rate_holder then
        table.insert(wishes, wish_under('h' .. holder, 'perHolder', pool.rate_holder))
    end
    for _, wish in ipairs(wishes) do
        most = wish.wait > most.wait and wish or most
    end
    if #wishes == 0 or most.policy then
        return most.policy and most
    end
    local past = redis.call('ZRANGEBYSCORE', RATES, '-inf', now * 1000, 'LIMIT', 0, RATES_FORGOTTEN)
    if #past > 0 then
        redis.call('ZREM', RATES, unpack(past))
    end
    for _, wish in ipairs(wishes) do
        redis.call('ZADD', RATES, wish.up_to, wish.member)
    end
    redis.call('PEXPIRE', RATES, RATES_KEPT)
end

-- Whether a seat makes the holder a device of the pool, and whether that would be one too many.
local function new_device(pool, holder)
    if not pool.device_limit or redis.call('ZSCORE', DEVICES, holder) then
        return false, false
    end
    return true, redis.call('ZCARD', DEVICES) >= pool.device_limit
end

-- For how long the seat of a device is still kept, 0 where it has none.
local function device_keeps_seat_for(secret, device)
    local expiry = redis.call('ZSCORE', EXPIRY, lease_id_of(secret, device))
    return expiry and math.max(0, kept_until(tonumber(expiry)) - now) or 0
end

-- How long no device may be removed after the last one was. A clock that was set back makes it no longer.
local function device_cooldown_left()
    local cooldown = tonumber(redis.call('HGET', CONFIG, 'device_cooldown')) or 0
    local removed_at = tonumber(redis.call('HGET', STATE, 'device_removed_at'))
    return removed_at and math.min(cooldown, math.max(0, removed_at + cooldown - now)) or 0
end

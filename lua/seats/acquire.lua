#!lua
-- Takes seats, all that are asked for or none, or gives the holder the lease that it has.
--
-- KEYS all of the pool. ARGV: sha256 of the licence key; holder, 32 bytes; nonce digest, 8 bytes; number of seats; the
-- group that the caller names, or empty; 1 if the caller wants to wait in the queue; tail of the record; version of the
-- client as text that sorts, or empty.
-- With an idempotency key also: KEYS its own, a STRING that lasts as long as the lease that it was given; ARGV digest
-- of the request, 16 bytes; a number that goes with the answer. A grant is kept there, and given again as it was.
-- Cost: O(log n) for a pool of n leases, and at most 200 purged on the way. Room is counted by live leases and not by
-- unpurged ones: so a seat is free in the millisecond in which its lease expires, however many are still to be purged.
-- In recovery only the holder of a lease that survived gets it, up to the limit, and with no more seats than it had.
-- A lease has the seats that were last asked for: with another number it is taken over by a new fence, as it is by
-- another nonce. Where there is no room for more, it stays as it was.
-- A new lease, and another run of the holder, have to pass the gates; the lease of this very run is given as it is.
-- Whoever gets a seat by passing them is registered as a device, where these are limited.
-- Seats that linger are their holder's as those of a lease are, but always by a new fence: the earlier one is released.
-- The rate is asked of every wish, also of one that finds its lease: a program that crashes in a loop, or asks without
-- a pause, must be stopped whatever it is answered. An answer that is kept is given again without: who lost it needs
-- it, and it costs one read.
-- A borrowed lease keeps its seats and its group until it comes back.
-- Above the capacity overage is given, and marked. A pool that drains gives no new seat. In shadow mode what would be
-- refused for these is counted, and the seat is given.
-- Returns {code, lease id, fence, expires in, heartbeat, capacity, live, taken over, now, signed for, number, above},
-- or a refusal {code, capacity, live, retry after or nil}, and behind it what a gate has to tell: the window of
-- versions; or to whom a rate applies, and how many wishes a minute.

local key_hash, holder, nonce, quantity, group = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local would_wait, tail, version = ARGV[6] == '1', ARGV[7], ARGV[8]
local REPLAY, request, number = KEYS[16], ARGV[9], tonumber(ARGV[10]) or 0

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return { unopened, 0, 0, false }
end
local kept = REPLAY and redis.call('GET', REPLAY)
if kept then
    if string.sub(kept, 1, 16) ~= request then
        return { 'idempotency_mismatch', 0, 0, false }
    end
    return cmsgpack.unpack(string.sub(kept, 17))
end
local key_id, group_of_key = id_and_group_of_key(pool)
local use_of_key = 'use:' .. key_id
local secret, use = unpack(redis.call('HMGET', STATE, 'secret', use_of_key))
invariant(secret, 'the state of the pool is complete')

-- So that the use of a key that leaked shows.
local function note_use(granted, denied)
    local given, refused = string.match(use or '0 0', '(%d+) (%d+)')
    redis.call('HSET', STATE, use_of_key, given + granted .. ' ' .. refused + denied .. ' ' .. now)
end

local function refuse(code, retry_after, told)
    note_use(0, 1)
    redis.call('HINCRBY', STATE, 'denied', 1)
    return { code, pool.capacity, live_leases(), retry_after, unpack(told or {}) }
end

-- In shadow mode nobody is stopped, and a seat that is given all the same is counted once.
local spared, registers = false, false
local function stop(code, retry_after, told)
    if pool.shadow then
        spared = true
        return nil
    end
    redis.call('HINCRBY', STATE, code, 1)
    return refuse(code, retry_after, told)
end

local closed = closed_because(pool)
if closed then
    return refuse(closed, false)
end

read_policies(pool)
local id = lease_id_of(secret, holder)
-- Who waits has to ask again to keep its place: that is no new wish.
local waits_already = pool.queue_size and redis.call('HEXISTS', TICKETS, id) == 1
local too_often = not waits_already and rate_exceeded(pool, key_id, holder)
local limited = too_often and stop('rate_limited', too_often.wait, { too_often.policy, too_often.quota })
if limited then
    return limited
end
-- Whoever comes with the key of a group is in that one. Else, where the operator has put a holder into a group, that
-- holds, whatever the caller names.
group = group_of_key ~= '' and group_of_key or pool.groups and redis.call('HGET', CONFIG, 'member:' .. holder) or group
local held = redis.call('HGET', LEASES, id)
local expiry = held and has_seats(held) and tonumber(redis.call('ZSCORE', EXPIRY, id))

local lease = lease_from_now(pool.lease)

-- `kept` is until when the lease has its seats already: those that come to it are not to end before the others.
local function hold(fence, since, kept)
    local record = struct.pack('>I8', fence) .. LIVE .. struct.pack('>I6', since) .. holder .. nonce
        .. wish_of(quantity, group, tail)
    keep_seats(seats_of_lease(id, 1, quantity), math.max(now + lease, kept))
    if record ~= held then
        redis.call('HSET', LEASES, id, record)
        note_turn(pool, id, record)
    end
    return record
end

local function granted(code, fence, live, taken_over, above)
    note_use(code == 'granted' and 1 or 0, 0)
    if spared then
        redis.call('HINCRBY', STATE, 'would_deny', 1)
    end
    if registers then
        redis.call('ZADD', DEVICES, now, holder)
    end
    local answer = { code, hex(id), fence, lease, pool.heartbeat, pool.capacity, live, taken_over, now,
        pool.signed_for, number, above, group }
    if REPLAY then
        redis.call('SET', REPLAY, request .. cmsgpack.pack(answer), 'PX', lease)
    end
    return answer
end

local function overage_seats()
    local above = 0
    for _, fence in ipairs(redis.call('ZMSCORE', OVERAGE, unpack(seats_of_lease(id, 1, quantity)))) do
        above = above + (fence and 1 or 0)
    end
    return above
end

local lives = expiry and kept_until(expiry) > now
local had = lives and quantity_of(held) or 0
local asks_for_other = lives and (quantity ~= had or group ~= group_of(held))
if asks_for_other and is_borrowed(id) then
    -- What was signed for the time away says how many seats it has, and of which group they are.
    if quantity ~= had then
        return refuse('borrowed', false)
    end
    group = group_of(held)
end
local lingers = lives and letter_of(held) == LINGERING
local stays = lives and quantity <= had and group == group_of(held)
if recovering and not (stays and (expiry >= recovering or live_leases() + quantity <= pool.limit)) then
    if pool.queue_size then
        redis.call('ZADD', WAITS, 'XX', now + 2 * pool.claim, id)
    end
    return refuse('recovering', recovering - now)
end
if stays and not lingers and quantity == had and nonce_of(held) == nonce then
    local fence = struct.unpack('>I8', held)
    hold(fence, since_of(held), expiry or 0)
    return granted('existing', fence, live_leases(), 0, overage_seats())
end

local stopped = version_is_blocked(pool, version)
    and stop('version_blocked', false, { redis.call('HGET', CONFIG, 'versions') })
if stopped then
    return stopped
end
local is_new, is_one_too_many = new_device(pool, holder)
local barred = is_one_too_many and stop('device_limit', false)
if barred then
    return barred
end
registers = is_new and not is_one_too_many

local account = open_account()
local fence = account.epoch * 4294967296 + account.counter + 1
invariant(account.counter + 1 < 4294967296 and fence < 9007199254740992, 'a fence is below 2^53')

local function count_groups(sign)
    count_for_group(account, had > 0 and group_of(held) or '', -sign * had)
    count_for_group(account, group, sign * quantity)
end

-- Makes the lease the holder's, with the seats it asks for: from here on the fence of an earlier run is dead.
local function take_over(above, how_many)
    account.counter = account.counter + 1
    account.used, account.extra = account.used + quantity - had, account.extra + quantity - had
    drop_seats(account, seats_of_lease(id, quantity + 1, had))
    if lingers then
        -- Nobody was told how long they linger, which may be for longer than a lease lasts.
        redis.call('ZREM', EXPIRY, unpack(seats_of_lease(id, 1, had)))
    end
    local record = hold(fence, quantity == had and since_of(held) or account.clock,
        lingers and 0 or expiry)
    account.unpurged = account.used - live_leases()
    if is_borrowed(id) then
        note_borrows_changed()
    end
    note(account, 'taken_over', account.clock, id, record, above, how_many)
    convert_overage(account, pool.capacity)
    commit(account)
    return granted('granted', fence, account.used - account.unpurged, 1, overage_seats())
end

if stays then
    count_groups(1)
    return take_over()
end

if expiry and not lives then
    expire_leases(account, { id }, { expiry })
end
purge(account)
if pool.groups then
    purge_for_groups(account)
end
if #account.entries > 0 then
    trim_tombstones(pool.lease)
end

local live, more = account.used - account.unpurged, quantity - had
local wanted = live + more
local taken, set_aside, class = pool.groups and account.used or live, 0
local queue, kept_for_us = pool.queue_size and not pool.shadow
if queue then
    drop_lapsed()
    drop_other_wish(id, quantity, group)
    local offered = offer_seats(account, pool, taken)
    kept_for_us = offered_to(id, quantity)
    set_aside = offered - kept_for_us
    taken = taken + set_aside
end

-- The code of what does not allow it, if anything does not, and the rank of the seat whose end could help.
local function denied_because()
    local own = account.groups[group] or NO_GROUP
    local beyond_share = own.has > own.reserved
    if not own.known and (group ~= '' or pool.only_groups) then
        return 'not_entitled'
    elseif more > 0 and quantity > pool.holder_limit then
        return 'holder_limit'
    elseif more > 0 and pool.drain then
        return 'draining'
    elseif own.has > own.limit then
        return 'group_limit', 0
    elseif more > 0 and taken + more > pool.allowed then
        -- That of the seat which leaves enough of what is allowed; no seat has it where that is less than is asked for.
        return 'pool_exhausted', account.used + set_aside + more - pool.allowed - 1
    elseif beyond_share and taken + more + account.held_back > pool.allowed then
        return 'reserved', 0
    elseif queue and more > 0 and beyond_share and kept_for_us == 0 and others_wait(id, class) then
        return 'pool_exhausted', 0
    end
end

count_groups(1)
class = LOWEST_CLASS - (account.groups[group] or NO_GROUP).priority
local denied, rank = denied_because()
if denied and not pool.shadow then
    local own = account.groups[group] or NO_GROUP
    local waits = would_wait and queue and not lives and (denied == 'pool_exhausted' or denied == 'reserved')
        and can_be_fulfilled(pool, quantity, own.reserved)
    local position = waits and wait_in_queue(pool, id, class, quantity, group)
    count_groups(-1)
    if #account.entries > 0 then
        convert_overage(account, pool.capacity)
        commit(account)
    end
    if position then
        note_use(0, 0)
        local ended = redis.call('HMGET', STATE, 'seat_ms', 'released', 'expired', 'evicted', 'suspended')
        return { 'queued', pool.capacity, live_leases(), math.floor(pool.claim / 2), position,
            redis.call('ZCARD', QUEUE), ended[1], ended[2] + ended[3] + (ended[4] or 0) + (ended[5] or 0) }
    elseif queue then
        drop_ticket(id)
        denied = waits and 'queue_full' or denied
    end
    local next_free = rank and redis.call('ZRANGE', EXPIRY, rank, rank, 'WITHSCORES')[2]
    return refuse(denied, next_free and math.max(1, next_free - now) or false)
elseif denied then
    spared = true
end

local above, how_many
if more > 0 and wanted > pool.allowed then
    above, how_many = 'shadow', math.min(more, wanted - pool.allowed)
elseif more > 0 and wanted > pool.capacity then
    above, how_many = 'overage', math.min(more, wanted - pool.capacity)
    mark_overage(account, fence, seats_of_lease(id, quantity - how_many + 1, quantity))
end
if lives then
    return take_over(above, how_many)
end
if queue then
    drop_ticket(id)
end
if held then
    redis.call('ZREM', ENDED, id)
end
account.counter = account.counter + 1
account.used, account.extra = account.used + quantity, account.extra + quantity - 1
note(account, 'granted', account.clock, id, hold(fence, account.clock, 0), above, how_many)
convert_overage(account, pool.capacity)
commit(account)
return granted('granted', fence, wanted, 0, above == 'overage' and how_many or 0)

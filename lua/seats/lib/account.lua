-- The account of a pool's seats: what scripts that give or take a seat read first and write last.
--
-- Seat-milliseconds are an integral: `seat_ms` is exact at the instant `at`, and while nothing changes it grows by
-- `used` a millisecond. A lease purged late was charged beyond its end, and its overshoot is taken back with the purge.
-- For those that a bounded purge had to leave, `overrun` is an upper bound of the overshoot and is already taken
-- off: so `seat_ms` is exact when nothing is left unpurged, and otherwise too low for a moment, but it never falls.
-- The integral's clock does not go back, even where Redis's does after a failover; expiry follows Redis's clock only.
--
-- `used` counts the seats of unpurged leases, and `extra` those of them that are not the first one of their lease.
-- `used` equals ZCARD of `expiry`, and each record is either in `expiry` or in `ended`: both are checked on every
-- change, as a lost or evicted key must be noticed and not counted on.
--
-- It keeps one key beside the pool's eight, which only scripts are given that give or take a seat:
--   elders  ZSET  lease id -> since when it has its seats, for a pool that evicts: whose turn it is, the oldest first.
--                 Seats that linger go before all others. A pool that does not evict has no such key

local ELDERS = KEYS[15]
-- Above every instant.
local BEFORE_ALL = 17592186044416

local PURGE_CHUNK = 200
local SEATS_AT_ONCE = 1000
local TOMBSTONES = 10000
-- More than one call can add, so that the limit above holds after every call.
local TRIM_STEP = 2 * PURGE_CHUNK
local TOMBSTONE_KEPT_AT_LEAST = 600000
local FENCE_STEP, FENCES_GO_ROUND = 4, 2147483648

local function invariant(holds, name)
    if not holds then
        error(redis.error_reply('SEATWARDEN ' .. name))
    end
end

-- The account, or nil where the pool has no coherent state: it is new, or some of it was lost.
local function read_account()
    local read = redis.call('HMGET', STATE, 'epoch', 'counter', 'used', 'at', 'overrun', 'peak', 'secret', 'over',
        'extra', 'held_back')
    local used, at, extra = tonumber(read[3]), tonumber(read[4]), tonumber(read[9])
    if not (used and used == redis.call('ZCARD', EXPIRY)
            and redis.call('HLEN', LEASES) == used - extra + redis.call('ZCARD', ENDED)) then
        return nil
    end
    local clock = math.max(at, now)
    return {
        epoch = tonumber(read[1]),
        counter = tonumber(read[2]),
        used = used,
        clock = clock,
        uncharged = tonumber(read[5]) + used * (clock - at),
        peak = tonumber(read[6]),
        secret = read[7],
        over = tonumber(read[8]),
        extra = extra,
        held_back = tonumber(read[10]),
        groups = {},
        totals = {},
        entries = {},
    }
end

local function open_account()
    local account = read_account()
    invariant(account, 'the state of the pool is complete')
    return account
end

local function count_one(account, total)
    account.totals[total] = (account.totals[total] or 0) + 1
end

-- `above` is told of seats that are given above the capacity, with how many they are: `overage` by permission, `shadow`
-- only because nothing is enforced.
local function note(account, event, at, id, record, above, how_many)
    count_one(account, event)
    table.insert(account.entries, { event = event, at = at, id = id, record = record, quantity = quantity_of(record),
        used = account.used, above = above, how_many = how_many })
end

-- `held_back` counts the seats that are reserved for groups and that these do not have: nobody else may take them.
local function still_reserved(reserved, has)
    return math.max(0, reserved - has)
end

-- Counts seats that a group gets or, below 0, gives back. To be followed by a `commit`.
local function count_for_group(account, group, seats)
    if group == '' or seats == 0 then
        return
    end
    local counted = account.groups[group]
    if not counted then
        local known, reserved, limit, priority = terms_of(redis.call('HGET', CONFIG, 'group:' .. group))
        local has = tonumber(redis.call('HGET', STATE, 'group:' .. group)) or 0
        counted = { known = known, reserved = reserved, limit = limit, priority = priority, has = has }
        account.groups[group] = counted
    end
    account.held_back = account.held_back - still_reserved(counted.reserved, counted.has)
    counted.has = counted.has + seats
    account.held_back = account.held_back + still_reserved(counted.reserved, counted.has)
end

-- Gives all of these seats one score, as ZADD does with that flag; CH is a flag that changes nothing.
local function score_seats(key, seats, score, flag)
    for start = 1, #seats, SEATS_AT_ONCE do
        local scored = {}
        for i = start, math.min(#seats, start + SEATS_AT_ONCE - 1) do
            table.insert(scored, score)
            table.insert(scored, seats[i])
        end
        redis.call('ZADD', key, flag, unpack(scored))
    end
end

-- Sets when seats run out; an instant that is later already is kept.
local function keep_seats(seats, expiry)
    score_seats(EXPIRY, seats, expiry, 'GT')
end

-- The operator mirrors the borrows, and has to learn that they are others than before.
local function note_borrows_changed()
    redis.call('HINCRBY', STATE, 'borrow_changes', 1)
end

-- Seats, from the first to the last of these, are borrowed no longer.
local function end_borrows(seats, first, last)
    if redis.call('ZREM', BORROWS, unpack(seats, first, last)) > 0 then
        note_borrows_changed()
    end
end

-- The seats of a lease are borrowed until then. To be followed by a `commit`, and by a note that borrows have changed.
local function lend(account, id, record, back_at)
    score_seats(BORROWS, seats_of_lease(id, 1, quantity_of(record)), back_at, 'CH')
    note(account, 'borrowed', account.clock, id, record, 'until', back_at)
end

-- Puts a lease where its turn is.
local function note_turn(pool, id, record)
    if pool.evict_after then
        local first = letter_of(record) == LINGERING and BEFORE_ALL or 0
        redis.call('ZADD', ELDERS, since_of(record) - first, id)
    end
end

local function drop_seats(account, seats)
    for start = 1, #seats, SEATS_AT_ONCE do
        local last = math.min(#seats, start + SEATS_AT_ONCE - 1)
        redis.call('ZREM', EXPIRY, unpack(seats, start, last))
        end_borrows(seats, start, last)
        if account.over > 0 then
            account.over = account.over - redis.call('ZREM', OVERAGE, unpack(seats, start, last))
        end
    end
end

-- Ends leases; `ends` are the instants up to which each is charged, `letters` go into the tombstones. A lease whose
-- seats linger has been released, whatever ends that. ZREM comes first since it is allowed when memory is full, and
-- what follows it then is, too.
local function end_leases(account, event, ids, ends, letters)
    local records = redis.call('HMGET', LEASES, unpack(ids))
    local tombstones, graves, freed = {}, {}, {}
    for i, id in ipairs(ids) do
        local record = records[i]
        invariant(record, 'every seat has a record')
        local charged_until, quantity = math.max(ends[i], since_of(record)), quantity_of(record)
        account.uncharged = account.uncharged - quantity * math.max(0, account.clock - charged_until)
        account.used, account.extra = account.used - quantity, account.extra - (quantity - 1)
        count_for_group(account, group_of(record), -quantity)
        for _, seat in ipairs(seats_of_lease(id, 1, quantity)) do
            table.insert(freed, seat)
        end
        local was_released = letter_of(record) == LINGERING
        note(account, was_released and 'released' or event, charged_until, id, record)
        tombstones[2 * i - 1], tombstones[2 * i] = id, fence_of(record) .. (was_released and 'r' or letters[i])
        graves[2 * i - 1], graves[2 * i] = now, id
    end
    invariant(account.used >= 0, 'used is never negative')
    drop_seats(account, freed)
    redis.call('ZREM', ELDERS, unpack(ids))
    redis.call('HSET', LEASES, unpack(tombstones))
    redis.call('ZADD', ENDED, unpack(graves))
end

local function expire_leases(account, ids, expiries)
    local letters = {}
    for i, expiry in ipairs(expiries) do
        letters[i] = letter_for_running_out(expiry)
    end
    end_leases(account, 'expired', ids, expiries, letters)
end

-- Purges one chunk of what expired, and counts what is left of it: that still holds no seat.
local function purge(account)
    if recovering then
        account.unpurged = account.used - live_leases()
        return 0
    end
    local due = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', now, 'WITHSCORES', 'LIMIT', 0, PURGE_CHUNK)
    local ids, expiries = {}, {}
    for i = 1, #due, 2 do
        -- The other seats of a lease come behind its first one, and go with it.
        if #due[i] == LEASE_ID_BYTES then
            table.insert(ids, due[i])
            table.insert(expiries, tonumber(due[i + 1]))
        end
    end
    if #ids > 0 then
        expire_leases(account, ids, expiries)
    end
    account.unpurged = #due == 2 * PURGE_CHUNK and redis.call('ZCOUNT', EXPIRY, '-inf', now) or 0
    return #ids
end

-- Purges whatever expired, at most 10,000 seats. The seats of groups are counted with unpurged ones: so where there are
-- groups these must go first, and what is left of them counts as taken.
local function purge_for_groups(account)
    local chunks = 1
    while account.unpurged > 0 and chunks < 50 do
        purge(account)
        chunks = chunks + 1
    end
end

-- When the last lease ends that has to be renewed, 0 where there is none.
local function last_expiry()
    local latest = redis.call('ZREVRANGE', EXPIRY, 0, seats_away(), 'WITHSCORES')
    for i = 1, #latest, 2 do
        if not is_borrowed(latest[i]) then
            return tonumber(latest[i + 1])
        end
    end
    return 0
end

-- Begins a recovery: a new epoch, so that no fence of before is ever given again, and one lease length for those who
-- held a seat. To be followed by a `commit`.
-- An older copy may be put back twice, and begin the same epoch twice. So the counter does not begin at 0 but with the
-- time, and fences of the second time are above those of the first, if not more than 250 a second were given between.
-- It begins below half of its range, so that enough is left; that makes it go round in 99 days.
local function begin_recovery(account, epoch, lease)
    invariant(epoch < 2097152, 'a fence is below 2^53')
    account.epoch = epoch
    account.counter = math.floor(now / FENCE_STEP) % FENCES_GO_ROUND
    -- One later than what any lease has that is known, or it would pass for confirmed: one of this very millisecond,
    -- one from when leases were longer, one from a clock that was ahead.
    local recover_until = string.format('%.0f', math.max(now + lease, last_expiry(), recovering or 0) + 1)
    redis.call('HSET', STATE, 'epoch', epoch)
    redis.call('HSET', CONFIG, 'recover_until', recover_until)
    heed_recovery(recover_until)
    -- Whoever is away with its seat cannot be heard of.
    keep_seats(redis.call('ZRANGEBYSCORE', BORROWS, BORROWED_NOW, '+inf'), recovering)
    account.unpurged = account.used - live_leases()
    account.recovery = recover_until
end

-- Lets the recovery go on until a later instant. Who was heard of stays so.
local function extend_recovery(instant)
    local recover_until = string.format('%.0f', instant)
    local heard_of = redis.call('ZRANGEBYSCORE', EXPIRY, counted_from, '(' .. recover_until)
    for _, id in ipairs(heard_of) do
        redis.call('ZADD', EXPIRY, 'XX', recover_until, id)
    end
    redis.call('HSET', CONFIG, 'recover_until', recover_until)
    heed_recovery(recover_until)
end

local function trim_tombstones(lease)
    local keep = math.max(2 * lease, TOMBSTONE_KEPT_AT_LEAST)
    local old = redis.call('ZRANGEBYSCORE', ENDED, '-inf', now - keep, 'LIMIT', 0, TRIM_STEP)
    local surplus = redis.call('ZCARD', ENDED) - TOMBSTONES
    if surplus > #old then
        old = redis.call('ZRANGE', ENDED, 0, math.min(surplus, TRIM_STEP) - 1)
    end
    if #old > 0 then
        redis.call('ZREM', ENDED, unpack(old))
        redis.call('HDEL', LEASES, unpack(old))
    end
end

local function mark_overage(account, fence, seats)
    for _, seat in ipairs(seats) do
        redis.call('ZADD', OVERAGE, fence, seat)
        count_one(account, 'overage_granted')
    end
    account.over = account.over + #seats
end

-- How many overage seats have a base seat free for them. While it is not known who is there, none.
local function overage_to_convert(account, capacity)
    local above = math.max(0, account.used - account.unpurged - capacity)
    return recovering and 0 or math.min(PURGE_CHUNK, account.over - above)
end

-- A base seat that is free makes the oldest overage seat a base one. To be followed by a `commit`.
local function convert_overage(account, capacity)
    local count = overage_to_convert(account, capacity)
    if count <= 0 then
        return
    end
    local oldest = redis.call('ZPOPMIN', OVERAGE, count)
    -- Fewer than there should be means that the key was lost. Then no seat is known to be above the capacity.
    account.over = #oldest == 2 * count and account.over - count or 0
    for i = 1, #oldest, 2 do
        local id = string.sub(oldest[i], 1, LEASE_ID_BYTES)
        note(account, 'converted', account.clock, id, redis.call('HGET', LEASES, id))
        account.entries[#account.entries].quantity = 1
    end
end

local function write_ledger(account, seat_ms)
    for _, entry in ipairs(account.entries) do
        local fields = { 'event', entry.event, 'lease', hex(entry.id), 'holder', hex(holder_of(entry.record)),
            'fence', (struct.unpack('>I8', entry.record)), 'at', entry.at, 'used', entry.used, 'seat_ms', seat_ms }
        if entry.above then
            table.insert(fields, entry.above)
            table.insert(fields, entry.how_many)
        end
        if entry.quantity > 1 then
            table.insert(fields, 'quantity')
            table.insert(fields, entry.quantity)
        end
        redis.call('XADD', LEDGER, '*', unpack(fields))
    end
    if account.recovery then
        redis.call('XADD', LEDGER, '*', 'event', 'recovering', 'epoch', account.epoch, 'until', account.recovery,
            'at', account.clock, 'used', account.used, 'seat_ms', seat_ms)
    end
end

-- Writes the account and its ledger entries. Returns the exact seat-milliseconds, as text where a number is too small.
local function commit(account)
    local overrun = 0
    account.peak = math.max(account.peak, account.used - account.unpurged)
    if account.unpurged > 0 then
        local oldest = redis.call('ZRANGE', EXPIRY, 0, 0, 'WITHSCORES')[2]
        overrun = account.unpurged * math.max(0, account.clock - tonumber(oldest))
        -- Leases that ran out since the last commit push the bound above what is still to be charged.
        overrun = math.max(0, math.min(overrun, account.uncharged))
    end
    redis.call('HSET', STATE, 'counter', account.counter, 'used', account.used, 'at', account.clock,
        'overrun', overrun, 'peak', account.peak, 'over', account.over, 'extra', account.extra,
        'held_back', account.held_back)
    for group, counted in pairs(account.groups) do
        if counted.has > 0 then
            redis.call('HSET', STATE, 'group:' .. group, counted.has)
        else
            redis.call('HDEL', STATE, 'group:' .. group)
        end
    end
    local seat_ms = redis.call('HINCRBY', STATE, 'seat_ms', account.uncharged - overrun)
    if seat_ms >= 9007199254740992 then
        seat_ms = redis.call('HGET', STATE, 'seat_ms')
    end
    for total, count in pairs(account.totals) do
        redis.call('HINCRBY', STATE, total, count)
    end
    write_ledger(account, seat_ms)
    return seat_ms
end

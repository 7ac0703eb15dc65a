-- Leases that the operator ends before their time: those above what is allowed in a pool that evicts, and all of a pool
-- whose suspension ends them at once.
--
-- Seats are above what is allowed where the pool was made smaller, or is enforced again after its shadow mode. `state`
-- keeps since when: `surplus_since`. The eviction begins `evict_after` milliseconds later, so that holders can give
-- back what is too much by themselves. It is forgotten as soon as there is nothing above.
-- What is due is ended in chunks, whole leases only: so a lease of several seats may free some more than are due. In
-- recovery nothing is ended: it is not known yet who is there.
-- What is borrowed cannot be called back, so it counts and stays: others go in its place, as far as there are others.

-- The pool as far as it matters here.
local function pool_to_look_after()
    local read = redis.call('HMGET', CONFIG, 'state', 'capacity', 'ends_at_once')
    local pool = { state = read[1], capacity = tonumber(read[2]), ends_at_once = read[3] }
    read_policies(pool)
    return pool
end

-- How many seats are to be evicted, now or later.
local function surplus_of(account, pool)
    local live = account.used - account.unpurged
    if not pool.evict_after or recovering or live <= pool.limit then
        return 0
    end
    return math.min(live - pool.limit, live - seats_away())
end

-- In how many milliseconds they are; nil where there are none. Keeps in mind since when that is so.
local function eviction_in(account, pool)
    local since = tonumber(redis.call('HGET', STATE, 'surplus_since'))
    if surplus_of(account, pool) == 0 then
        if since then
            redis.call('HDEL', STATE, 'surplus_since')
        end
        return nil
    end
    if not since then
        since = now
        redis.call('HSET', STATE, 'surplus_since', now)
    end
    -- A clock that was set back makes it no longer.
    return math.max(0, math.min(pool.evict_after, since + pool.evict_after - now))
end

-- `elders` has all leases of a pool that evicts: also where it has not evicted until now, or the key was lost.
-- Cost: O(n log n) for n leases then, O(1) otherwise.
local function line_up(account, pool)
    if pool.evict_after and redis.call('ZCARD', ELDERS) ~= account.used - account.extra then
        redis.call('UNLINK', ELDERS)
        for start = 0, account.used - 1, SEATS_AT_ONCE do
            for _, seat in ipairs(redis.call('ZRANGE', EXPIRY, start, start + SEATS_AT_ONCE - 1)) do
                if #seat == LEASE_ID_BYTES then
                    note_turn(pool, seat, redis.call('HGET', LEASES, seat))
                end
            end
        end
    end
end

local function end_now(account, event, ids, letter)
    local ends, letters = {}, {}
    for i = 1, #ids do
        ends[i], letters[i] = account.clock, letter
    end
    if #ids > 0 then
        end_leases(account, event, ids, ends, letters)
    end
end

local function evict(account, surplus)
    local ids, seats, most = {}, 0, math.min(surplus, PURGE_CHUNK)
    for _, id in ipairs(redis.call('ZRANGE', ELDERS, 0, most + seats_away() - 1)) do
        if seats < most and not is_borrowed(id) then
            table.insert(ids, id)
            seats = seats + quantity_of(redis.call('HGET', LEASES, id))
        end
    end
    end_now(account, 'evicted', ids, 'e')
end

-- The first seat of a lease stands before its other ones, and so a chunk of any seats has a lease.
local function end_a_chunk(account)
    local ids, seats = {}, 0
    for _, seat in ipairs(redis.call('ZRANGE', EXPIRY, 0, PURGE_CHUNK + seats_away() - 1)) do
        if seats < PURGE_CHUNK and not is_borrowed(seat) then
            seats = seats + 1
            if #seat == LEASE_ID_BYTES then
                table.insert(ids, seat)
            end
        end
    end
    end_now(account, 'suspended', ids, 's')
end

local function ends_all(pool)
    return pool.state == 'suspended' and pool.ends_at_once and not recovering
end

-- Ends a chunk of what is due, if all that had run out is purged. Returns how many seats are due after that.
local function end_what_is_due(account, pool)
    if account.unpurged > 0 then
        return 0
    elseif ends_all(pool) then
        end_a_chunk(account)
        return account.used - seats_away()
    elseif eviction_in(account, pool) == 0 then
        evict(account, surplus_of(account, pool))
        return surplus_of(account, pool)
    end
    return 0
end

#!lua flags=allow-oom
-- Gives a seat back. Works in a suspended or expired pool too, and when memory is full.
--
-- KEYS all of the pool. ARGV: sha256 of the licence key; lease id, 16 bytes; fence, 8 bytes.
-- Cost: O(log n). A lease that ran out counts as gone and is left to the purge, which charges it to its true end.
-- In a pool with linger the seats are kept for their holder for so long, and the purge ends them. But only where it
-- could come back for them, and where no more seats are taken than are allowed.
-- Returns a code.

local key_hash, id, fence = ARGV[1], ARGV[2], ARGV[3]

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
end
local record = redis.call('HGET', LEASES, id)
if not record then
    return 'already_released'
elseif fence_of(record) ~= fence then
    return 'stale_fence'
elseif letter_of(record) ~= LIVE or kept_until(tonumber(redis.call('ZSCORE', EXPIRY, id))) <= now then
    return 'already_released'
end

local account = open_account()
read_policies(pool)

local function may_linger()
    return pool.linger and not (recovering or pool.drain or closed_because(pool))
        and live_leases() <= pool.limit
end

local function let_linger()
    local kept = fence_of(record) .. LINGERING .. string.sub(record, FENCE_BYTES + 2)
    local seats = seats_of_lease(id, 1, quantity_of(record))
    score_seats(EXPIRY, seats, now + pool.linger, 'XX')
    end_borrows(seats)
    redis.call('HSET', LEASES, id, kept)
    note_turn(pool, id, kept)
    note(account, 'lingering', account.clock, id, kept)
end

if may_linger() then
    let_linger()
else
    end_leases(account, 'released', { id }, { account.clock }, { 'r' })
end
account.unpurged = account.used - live_leases()
convert_overage(account, pool.capacity)
commit(account)
trim_tombstones(pool.lease)
return 'released'

-- How a lease comes back that the pool has forgotten, with the fence that it had.

-- The seats that a lease has by its record, and with how many of them it counts now.
local function seats_known(id, record)
    local expiry = record and has_seats(record) and tonumber(redis.call('ZSCORE', EXPIRY, id))
    local had = expiry and quantity_of(record) or 0
    return had, had > 0 and expiry >= (recovering or now + 1) and had or 0
end

-- Whether a fence is above all that the pool gave: then the authority went back without noticing it.
local function is_from_the_future(account, fence)
    return struct.unpack('>I8', fence) > account.epoch * 4294967296 + account.counter
end

-- Begins the recovery that a fence from the future asks for. To be followed by a `commit`.
local function recover_from(account, fence, lease)
    local epoch = math.max(account.epoch, math.floor(struct.unpack('>I8', fence) / 4294967296)) + 1
    begin_recovery(account, epoch, lease)
end

-- Puts a lease in; there has to be room for it, or it has to come in all the same. `back` tells its id, fence, holder,
-- nonce, quantity, group, tail and expiry; `record` is what the pool knows of it, if anything. Returns its record of
-- then. To be followed by a `commit`.
local function let_in(account, pool, record, back)
    local id, quantity, group = back.id, back.quantity, back.group
    local had, counted = seats_known(id, record)
    local live = live_leases()
    if record and had == 0 then
        redis.call('ZREM', ENDED, id)
    end
    local since = struct.pack('>I6', quantity == had and since_of(record) or account.clock)
    local written = back.fence .. LIVE .. since .. back.holder .. back.nonce .. wish_of(quantity, group, back.tail)
    drop_seats(account, seats_of_lease(id, quantity + 1, had))
    keep_seats(seats_of_lease(id, 1, quantity), back.expiry)
    redis.call('HSET', LEASES, id, written)
    note_turn(pool, id, written)
    count_for_group(account, had > 0 and group_of(record) or '', -had)
    count_for_group(account, group, quantity)
    account.used = account.used + quantity - had
    account.extra = account.extra + quantity - math.max(1, had)
    local above, how_many
    local wanted = live - counted + quantity
    if quantity > had and wanted > pool.capacity and wanted <= pool.allowed then
        above, how_many = 'overage', math.min(quantity - had, wanted - pool.capacity)
        mark_overage(account, struct.unpack('>I8', back.fence), seats_of_lease(id, quantity - how_many + 1, quantity))
    end
    account.unpurged = account.used - live_leases()
    note(account, 'readmitted', account.clock, id, written, above, how_many)
    return written
end

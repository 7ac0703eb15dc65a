-- The start of every seat script: the pool's keys, Redis's clock, and who may ask.
-- The loader puts this text behind the script's first line, so that these locals are the script's own.
--
-- One pool is eight keys in one hash slot:
--   config  HASH    what the operator said, and `key:<sha256>` for each licence key: its id; behind a `/` its group, if
--                   it is for one only; and behind an `@` the millisecond in which it dies, if it does. Always
--                   rewritten as a whole, but for `recover_until`, which belongs to the pool and is kept.
--                   `group:<name>` is how many seats a group reserves, its limit or `-`, and its priority;
--                   `member:<holder>` the group that a holder is in
--   state   HASH    what only these scripts write: fence counter, seats, integral, totals, secret, the server's run,
--                   `use:<key id>` for each licence key: seats given, refusals, when it last asked for a seat, and
--                   `group:<name>`, how many seats the group has
--   expiry  ZSET    seat -> the millisecond at which it expires; purged ones are gone from it. A lease's first seat is
--                   its lease id, each further one the id and 4 bytes of its number: so members count as seats do
--   leases  HASH    lease id -> record of a live lease, or the tombstone of an ended one
--   ended   ZSET    lease id -> when its tombstone was set
--   ledger  STREAM  one entry per change
--   overage ZSET    seat -> the fence it was granted with, for each seat that is above the capacity by permission
--   borrows ZSET    seat -> the millisecond until which it is borrowed, for each seat that is or was
-- Configuration and leases are different keys, so that a reconcile can never touch a lease. The licence keys are fields
-- of `config` since each request then learns all it needs about the pool from one HMGET.
--
-- A record is  fence (8 bytes) . letter (1) . since (6) . holder (32) . nonce (8) . quantity (2) . length of the group
-- (1) . group . tail , integers big-endian; a tombstone is its first nine bytes. The letter is `l` for a lease that
-- lives, and `k` for one that was given back and whose seats are kept for its holder for a while: they linger. Such
-- seats are taken as any others are, but to whoever has the fence the lease has been released. So a fence is compared
-- as bytes with nothing unpacked. The quantity is how many seats the lease has, and `since` from when on it has so
-- many. The tail is the caller's.
--
-- Recovery. Where the authority may have lost acknowledged grants, the pool is in recovery until one lease length has
-- passed: whoever held a seat has then either been heard of or run out. Until `recover_until` nothing is purged and no
-- seat is newly given; only holders that were there come back. A lease that was heard of since expires at or after
-- `recover_until`, and every other one before it: so what is confirmed is told by the expiry alone, and nothing has to
-- be marked. Confirmed leases are what counts against the cap meanwhile.
--
-- Borrowing. A borrowed lease is a lease like any other that expires when it is to come back, so nobody has to renew it
-- and it counts until then. That its seats are members of `borrows` keeps it from all that would end it sooner, and
-- from being taken for heard of after a loss. A lease that is renewed beyond the end of its borrow is an ordinary
-- one again.

local CONFIG, STATE, EXPIRY, LEASES, ENDED, LEDGER, OVERAGE, BORROWS =
    KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local FENCE_BYTES, LEASE_ID_BYTES, LIVE, LINGERING = 8, 16, 'l', 'k'
local recovering, counted_from = false, '(' .. string.format('%.0f', now)
local ENDED_BECAUSE = { r = 'released', k = 'released', x = 'lease_expired', e = 'evicted', s = 'suspended' }

local function fence_of(record)
    return string.sub(record, 1, FENCE_BYTES)
end

local function letter_of(record)
    return string.sub(record, FENCE_BYTES + 1, FENCE_BYTES + 1)
end

-- Has it seats? A tombstone has none.
local function has_seats(record)
    local letter = letter_of(record)
    return letter == LIVE or letter == LINGERING
end

local function since_of(record)
    return (struct.unpack('>I6', record, FENCE_BYTES + 2))
end

local function holder_of(record)
    return string.sub(record, FENCE_BYTES + 8, FENCE_BYTES + 39)
end

local function nonce_of(record)
    return string.sub(record, FENCE_BYTES + 40, FENCE_BYTES + 47)
end

local function quantity_of(record)
    return (struct.unpack('>I2', record, FENCE_BYTES + 48))
end

local function group_of(record)
    local length = string.byte(record, FENCE_BYTES + 50)
    return string.sub(record, FENCE_BYTES + 51, FENCE_BYTES + 50 + length)
end

-- What a record has behind the nonce.
local function wish_of(quantity, group, tail)
    return struct.pack('>I2B', quantity, #group) .. group .. tail
end

-- The members of `expiry` that are seats of one lease, from the first to the last of them that is asked for.
local function seats_of_lease(id, first, last)
    local seats = {}
    for number = first, last do
        table.insert(seats, number == 1 and id or id .. struct.pack('>I4', number))
    end
    return seats
end

local function hex(raw)
    local words = #raw / 4
    return string.format(string.rep('%08x', words), struct.unpack('>' .. string.rep('I4', words), raw))
end

-- From here on leases are counted, kept and purged as the recovery asks for, if there is one.
local function heed_recovery(until_text)
    local recover_until = tonumber(until_text)
    if recover_until and now < recover_until then
        recovering, counted_from = recover_until, until_text
    end
end

-- How long a lease lasts that is taken or renewed now.
local function lease_from_now(lease)
    return recovering and math.max(lease, recovering - now) or lease
end

-- Until when a lease with this expiry can still be renewed.
local function kept_until(expiry)
    return recovering and math.max(expiry, recovering) or expiry
end

-- The pool as configured; or nil and the answer: the key is none of its keys or is dead, or there is no such pool.
local function pool_opened_by(key_hash)
    local read = redis.call('HMGET', CONFIG, 'key:' .. key_hash,
        'state', 'valid_until', 'lease', 'heartbeat', 'capacity', 'recover_until', 'signed_for')
    local key = read[1]
    local mark = key and string.find(key, '@')
    if not key or mark and now >= tonumber(string.sub(key, mark + 1)) then
        return nil, read[2] and 'invalid_license' or 'unknown_pool'
    end
    heed_recovery(read[7])
    return {
        opened_by = mark and string.sub(key, 1, mark - 1) or key,
        state = read[2],
        valid_until = tonumber(read[3]),
        lease = tonumber(read[4]),
        heartbeat = tonumber(read[5]),
        capacity = tonumber(read[6]),
        signed_for = tonumber(read[8]),
    }
end

-- The id of the key that opened the pool, and the group that it is for, empty where it is for all. Heartbeats, which
-- are most of all calls, need neither.
local function id_and_group_of_key(pool)
    return string.match(pool.opened_by, '([^/]*)/?(.*)')
end

-- The key of a group is none for what concerns the others, too.
local function is_key_of_group(pool)
    local _, group = id_and_group_of_key(pool)
    return group ~= ''
end

-- Why the pool neither grants nor renews, as the code of the answer; nil where it does.
local function closed_because(pool)
    if pool.state ~= 'active' then
        return pool.state
    end
    if pool.valid_until and now >= pool.valid_until then
        return 'expired'
    end
    return nil
end

-- What the pool's policies make of its capacity. `allowed` is how many seats may be taken with overage; `limit` is the
-- same where that is enforced, and no limit in shadow mode. Heartbeats need it in recovery only, so it is not read with
-- the rest.
local function read_policies(pool)
    local read = redis.call('HMGET', CONFIG, 'overage', 'drain', 'shadow', 'holder_limit', 'groups', 'only_groups',
        'version_min', 'version_max', 'rate_key', 'rate_holder', 'queue_size', 'claim', 'reserved', 'device_limit',
        'evict_after', 'linger')
    pool.allowed = pool.capacity + (tonumber(read[1]) or 0)
    pool.drain, pool.shadow = read[2], read[3]
    pool.version_min, pool.version_max = read[7], read[8]
    pool.rate_key, pool.rate_holder = tonumber(read[9]), tonumber(read[10])
    pool.device_limit = tonumber(read[14])
    pool.evict_after, pool.linger = tonumber(read[15]), tonumber(read[16])
    pool.limit = pool.shadow and math.huge or pool.allowed
    pool.holder_limit = tonumber(read[4]) or math.huge
    pool.groups, pool.only_groups = read[5], read[6]
    pool.queue_size, pool.claim, pool.reserved = tonumber(read[11]), tonumber(read[12]), tonumber(read[13]) or 0
end

-- Whether there is such a group, how many seats it reserves, how many it may have, and its priority in the queue.
local function terms_of(told)
    local reserved, limit, priority = string.match(told or '0 - 0', '(%d+) (%S+) (%d)')
    return told, tonumber(reserved), tonumber(limit) or math.huge, tonumber(priority)
end

local function live_leases()
    return redis.call('ZCOUNT', EXPIRY, counted_from, '+inf')
end

-- From which score on the members of `borrows` are borrowed still.
local BORROWED_NOW = '(' .. string.format('%.0f', now)

-- Until when a seat is borrowed, or was; 0 where it never was.
local function borrowed_until(seat)
    return tonumber(redis.call('ZSCORE', BORROWS, seat)) or 0
end

local function is_borrowed(seat)
    return borrowed_until(seat) > now
end

-- How many seats are away.
local function seats_away()
    return redis.call('ZCOUNT', BORROWS, BORROWED_NOW, '+inf')
end

local suspension
-- The tombstone's letter of a lease that ran out at `expiry`. A late purge must not change the reason, so the last
-- suspension is remembered as an interval.
local function letter_for_running_out(expiry)
    suspension = suspension or redis.call('HMGET', STATE, 'suspended_from', 'suspended_until')
    local from, till = tonumber(suspension[1]), tonumber(suspension[2])
    if from and expiry >= from and (not till or expiry < till) then
        return 's'
    end
    return 'x'
end

-- Why the holder of this fence has no lease, as the code of the answer; nil where it has one.
local function gone_because(record, fence, expiry)
    if not record then
        return 'unknown_session'
    elseif fence_of(record) ~= fence then
        return 'stale_fence'
    elseif letter_of(record) ~= LIVE then
        return ENDED_BECAUSE[letter_of(record)]
    elseif kept_until(expiry) <= now then
        return ENDED_BECAUSE[letter_for_running_out(expiry)]
    end
    return nil
end

-- The record of the lease with this id, when it expires, and why the holder of this fence has none, if so.
local function named_lease(id, fence)
    local record, expiry = redis.call('HGET', LEASES, id), tonumber(redis.call('ZSCORE', EXPIRY, id))
    return record, expiry, gone_because(record, fence, expiry)
end

-- A holder has one lease id in a pool, unguessable without the pool's secret: no index from holder to lease.
local function lease_id_of(secret, holder)
    local digest = redis.sha1hex(secret .. ':' .. holder)
    local function word(from)
        return tonumber(string.sub(digest, from, from + 7), 16)
    end
    return struct.pack('>I4I4I4I4', word(1), word(9), word(17), word(25))
end

-- The queue of a pool: who waits for seats, in which order, and which seats are kept for whom meanwhile.
--
-- It keeps four keys beside the pool's others, which only scripts are given that use this part:
--   queue    ZSET  ticket -> its place, for those that wait. A ticket is the lease id that its holder would have
--   tickets  HASH  ticket -> place (8 bytes) . quantity (2) . group
--   waits    ZSET  ticket -> the millisecond at which a waiting one lapses, unless its holder asks again
--   offers   ZSET  seat -> the millisecond until which it is kept for its ticket. Members are as those of `expiry`
-- A place is the class of the ticket and then its number: so within a class it is first come, first served, and a
-- higher priority goes before a lower one.
--
-- Only the first ticket is ever looked at. If there is no room for it, nobody behind it gets a seat, however few seats
-- that one asks for: so a big wish is not overtaken for ever by small ones. Nobody who comes anew overtakes either, but
-- with a higher priority, or within what is reserved for its group.
-- Seats for the first ticket are offered: kept for it until its holder asks again. An offer that nobody claims lapses
-- in its millisecond, by the clock alone, and whoever asks next finds the seats free.

local QUEUE, TICKETS, WAITS, OFFERS = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local OFFERS_AT_ONCE = 200
-- Of places; numbers of tickets stay below it, and places below 2^53.
local CLASS, LOWEST_CLASS = 17592186044416, 9
local NO_GROUP = { reserved = 0, limit = math.huge, has = 1, priority = 0 }

local function ticket_of(record)
    local place, quantity, group_at = struct.unpack('>I8I2', record)
    return { place = place, quantity = quantity, group = string.sub(record, group_at) }
end

local function drop_ticket(ticket)
    local record = redis.call('HGET', TICKETS, ticket)
    if record then
        redis.call('ZREM', QUEUE, ticket)
        redis.call('ZREM', WAITS, ticket)
        redis.call('ZREM', OFFERS, unpack(seats_of_lease(ticket, 1, ticket_of(record).quantity)))
        redis.call('HDEL', TICKETS, ticket)
    end
end

local function has_lapsed(ticket)
    local until_when = redis.call('ZSCORE', WAITS, ticket) or redis.call('ZSCORE', OFFERS, ticket)
    return not until_when or tonumber(until_when) <= now
end

-- Drops some of the tickets whose holders did not come again.
local function drop_lapsed()
    for _, ticket in ipairs(redis.call('ZRANGEBYSCORE', WAITS, '-inf', now, 'LIMIT', 0, OFFERS_AT_ONCE)) do
        drop_ticket(ticket)
    end
    for _, seat in ipairs(redis.call('ZRANGEBYSCORE', OFFERS, '-inf', now, 'LIMIT', 0, OFFERS_AT_ONCE)) do
        drop_ticket(string.sub(seat, 1, LEASE_ID_BYTES))
    end
end

-- Drops the ticket of `id` if it has lapsed, or was for something else than is wanted now.
local function drop_other_wish(id, quantity, group)
    local record = redis.call('HGET', TICKETS, id)
    local ticket = record and ticket_of(record)
    if ticket and (ticket.quantity ~= quantity or ticket.group ~= group or has_lapsed(id)) then
        drop_ticket(id)
    end
end

-- Can a wish of this size ever be fulfilled, as long as the others have what is reserved for them?
local function can_be_fulfilled(pool, quantity, reserved)
    return quantity <= pool.allowed - math.max(0, pool.reserved - reserved)
end

-- Would so many seats more be too many, for somebody of that group, if `taken` are taken? Would they ever be?
local function too_many(account, pool, group, quantity, taken)
    count_for_group(account, group, quantity)
    local own, held_back = account.groups[group] or NO_GROUP, account.held_back
    local within_share, above_limit = own.has <= own.reserved, own.has > own.limit
    count_for_group(account, group, -quantity)
    return taken + quantity + (within_share and 0 or held_back) > pool.allowed,
        above_limit or not can_be_fulfilled(pool, quantity, own.reserved)
end

-- Offers what is free to those who wait. Returns how many seats are under offer.
local function offer_seats(account, pool, taken)
    local offered = redis.call('ZCOUNT', OFFERS, '(' .. string.format('%.0f', now), '+inf')
    for _ = 1, pool.drain and 0 or OFFERS_AT_ONCE do
        local first = redis.call('ZRANGE', QUEUE, 0, 0)[1]
        if not first then
            break
        end
        local record = redis.call('HGET', TICKETS, first)
        local ticket = record and ticket_of(record)
        if not ticket or has_lapsed(first) then
            redis.call('ZREM', QUEUE, first)
            drop_ticket(first)
        else
            local no_room, for_ever = too_many(account, pool, ticket.group, ticket.quantity, taken + offered)
            if for_ever then
                drop_ticket(first)
            elseif no_room then
                break
            else
                redis.call('ZREM', QUEUE, first)
                redis.call('ZREM', WAITS, first)
                for _, seat in ipairs(seats_of_lease(first, 1, ticket.quantity)) do
                    redis.call('ZADD', OFFERS, now + pool.claim, seat)
                end
                offered = offered + ticket.quantity
            end
        end
    end
    return offered
end

-- How many seats are kept for a ticket.
local function offered_to(id, quantity)
    local kept = redis.call('ZSCORE', OFFERS, id)
    return kept and tonumber(kept) > now and quantity or 0
end

-- Does anybody wait whose turn is before that of a new ticket of this class, other than `id`?
local function others_wait(id, class)
    local rank = redis.call('ZRANK', QUEUE, id)
    return (rank or redis.call('ZCOUNT', QUEUE, '-inf', '(' .. string.format('%.0f', (class + 1) * CLASS))) > 0
end

-- Puts a holder into the queue, or keeps it where it is. Returns its position from 1; nil where the queue is full.
local function wait_in_queue(pool, id, class, quantity, group)
    local record = redis.call('HGET', TICKETS, id)
    local ticket = record and ticket_of(record)
    if not ticket and redis.call('ZCARD', QUEUE) >= pool.queue_size then
        return nil
    end
    local place = ticket and ticket.place or class * CLASS + redis.call('HINCRBY', STATE, 'tickets', 1)
    if ticket then
        redis.call('ZREM', OFFERS, unpack(seats_of_lease(id, 1, quantity)))
    else
        redis.call('HSET', TICKETS, id, struct.pack('>I8I2', place, quantity) .. group)
    end
    redis.call('ZADD', QUEUE, place, id)
    redis.call('ZADD', WAITS, now + 2 * pool.claim, id)
    return redis.call('ZRANK', QUEUE, id) + 1
end

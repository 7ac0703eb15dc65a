#!lua
-- Lets the holder of a lease take its seats away, until an instant up to which nobody has to renew them.
--
-- KEYS all eight. ARGV: sha256 of the licence key; lease id, 16 bytes; fence, 8 bytes; for how many milliseconds, or 0
-- for as long as it may.
-- What is signed for the time away cannot be called back. So a borrow never gets shorter: asking again with a later end
-- makes it longer, and with an earlier one leaves it as it is, which makes it safe to repeat.
-- The low-water mark is how many seats of the capacity are never borrowed. Shadow mode spares nobody here: a seat that
-- is away is away.
-- Cost: O(log n). Returns {code, borrowed for, now, fence, holder, nonce, number of seats, group, capacity, live}; or
-- {`borrow_limit`, how many can be borrowed still, for how long at most}; or {code, how long the lease has left}; or a
-- code where the key opens no pool.

local key_hash, id, fence, wanted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
end
local record, expiry, gone = named_lease(id, fence)
local closed = closed_because(pool)
local terms = redis.call('HMGET', CONFIG, 'borrow_seats', 'borrow_longest', 'borrow_low_water', 'drain')
if gone then
    return { gone, 0 }
elseif closed then
    return { closed, kept_until(expiry) - now }
elseif recovering then
    return { 'recovering', recovering - now }
elseif terms[4] then
    return { 'draining', expiry - now }
end

local quantity = quantity_of(record)
local most, longest, low_water = tonumber(terms[1]) or 0, tonumber(terms[2]) or 0, tonumber(terms[3]) or 0
local others = seats_away() - (is_borrowed(id) and quantity or 0)
local left = math.max(0, math.min(most, pool.capacity - low_water) - others)
longest = math.min(longest, pool.valid_until and pool.valid_until - now or longest)
local length = wanted > 0 and wanted or longest
if quantity > left or length > longest then
    redis.call('HINCRBY', STATE, 'borrow_limit', 1)
    return { 'borrow_limit', left, longest }
end

local account = open_account()
local back_at = math.max(now + length, borrowed_until(id))
keep_seats(seats_of_lease(id, 1, quantity), back_at)
lend(account, id, record, back_at)
note_borrows_changed()
account.unpurged = account.used - live_leases()
commit(account)
return { 'borrowed', back_at - now, now, struct.unpack('>I8', record), hex(holder_of(record)), hex(nonce_of(record)),
    quantity, group_of(record), pool.capacity, live_leases() }

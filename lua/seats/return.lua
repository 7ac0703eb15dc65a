#!lua flags=allow-oom
-- Takes a borrowed lease back before its time: from now on it has to be renewed like any other.
--
-- KEYS all eight. ARGV: sha256 of the licence key; lease id, 16 bytes; fence, 8 bytes.
-- Works in a suspended or expired pool too. A lease that is not borrowed stays as it is, so this is safe to repeat.
-- Cost: O(log n). Returns {code, how long the lease lives, heartbeat, now, holder, nonce, number of seats, group,
-- signed for}, or {code, 0}, or a code where the key opens no pool.

local key_hash, id, fence = ARGV[1], ARGV[2], ARGV[3]

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
end
local record, expiry, gone = named_lease(id, fence)
if gone then
    return { gone, 0 }
end

local quantity = quantity_of(record)
if is_borrowed(id) then
    local account = open_account()
    local seats = seats_of_lease(id, 1, quantity)
    expiry = math.min(expiry, now + lease_from_now(pool.lease))
    end_borrows(seats)
    score_seats(EXPIRY, seats, expiry, 'XX')
    account.unpurged = account.used - live_leases()
    note(account, 'returned', account.clock, id, record)
    commit(account)
end
return { 'returned', kept_until(expiry) - now, pool.heartbeat, now, hex(holder_of(record)), hex(nonce_of(record)),
    quantity, group_of(record), pool.signed_for }

#!lua flags=allow-oom
-- Gives a seat back. Works in a suspended or expired pool too, and when memory is full.
--
-- KEYS all eight. ARGV: sha256 of the licence key; lease id, 16 bytes; fence, 8 bytes.
-- Cost: O(log n). A lease that ran out counts as gone and is left to the purge, which charges it to its true end.
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
end_leases(account, 'released', { id }, { account.clock }, { 'r' })
account.unpurged = account.used - live_leases()
convert_overage(account, pool.capacity)
commit(account)
trim_tombstones(pool.lease)
return 'released'

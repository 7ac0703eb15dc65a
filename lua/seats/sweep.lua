#!lua flags=allow-oom
-- Purges a chunk of what expired, ends a chunk of what the operator has ended, trims tombstones and ledger, and counts.
--
-- KEYS all of the pool. ARGV: how long the ledger is kept, in milliseconds.
-- Cost: O(log n) and no write where there is nothing to purge; at most 200 leases purged, as many ended, and 400
-- tombstones trimmed.
-- Returns {epoch, capacity, live, peak, seat_ms, seat_ms since then, granted, released, expired, taken over, denied,
-- purged, unpurged, next expiry in, how long the recovery goes on, overage leases, those ever granted, would-be
-- denials, refusals of a version, for a rate and of a device, devices, evicted, ended by a suspension, seats to be
-- ended at once, when seats are evicted or nil, ids of the licence keys, {use of each or nil},
-- groups, {seats of each or nil}, how many wait, borrowed seats, how often that changed, whether seats can be
-- borrowed, refused borrows, whether the pool drains}, or nil where the pool is unknown. In recovery nothing is purged,
-- and what is not confirmed is not counted as unpurged either. But the account is written then: of leases that ran out
-- and may come back a part is charged only, and a sum that was told once must not fall.

local ledger_kept = tonumber(ARGV[1])

local config = redis.call('HMGET', CONFIG, 'capacity', 'lease', 'recover_until', 'keys', 'groups', 'borrow_seats')
heed_recovery(config[3])
local account = read_account()
if not config[1] or not account then
    return false
end
local lease = tonumber(config[2])

local pool, purged = pool_to_look_after(), purge(account)
line_up(account, pool)
local due = end_what_is_due(account, pool)
local evicts_in = eviction_in(account, pool)
convert_overage(account, pool.capacity)
local changed = #account.entries > 0 or account.unpurged > 0
if changed then
    commit(account)
end
trim_tombstones(lease)
drop_lapsed()
redis.call('XTRIM', LEDGER, 'MINID', '~', string.format('%.0f', math.max(0, now - ledger_kept)))

redis.call('ZREMRANGEBYSCORE', BORROWS, '-inf', now)

local uses = {}
for key_id in string.gmatch(config[4], '%S+') do
    table.insert(uses, 'use:' .. key_id)
end
local groups = {}
for group in string.gmatch(config[5] or '', '%S+') do
    table.insert(groups, 'group:' .. group)
end
local total = redis.call('HMGET', STATE, 'seat_ms', 'granted', 'released', 'expired', 'taken_over', 'denied',
    'overage_granted', 'would_deny', 'version_blocked', 'rate_limited', 'device_limit', 'borrow_changes',
    'borrow_limit', 'evicted', 'suspended', unpack(uses))
-- A lease granted right after this runs out one lease length from now, if none does before; or it is released, and its
-- seats linger.
local soonest = redis.call('ZRANGE', EXPIRY, 0, 0, 'WITHSCORES')[2]
local next_expiry_in = math.min(lease, soonest and kept_until(tonumber(soonest)) - now or lease,
    pool.linger or lease, evicts_in or lease)
return {
    account.epoch,
    pool.capacity,
    account.used - account.unpurged,
    account.peak,
    total[1],
    changed and 0 or account.uncharged,
    tonumber(total[2]),
    tonumber(total[3]),
    tonumber(total[4]),
    tonumber(total[5]),
    tonumber(total[6]),
    purged,
    recovering and 0 or account.unpurged,
    math.max(1, next_expiry_in),
    recovering and recovering - now or 0,
    account.over,
    tonumber(total[7]) or 0,
    tonumber(total[8]) or 0,
    tonumber(total[9]) or 0,
    tonumber(total[10]) or 0,
    tonumber(total[11]) or 0,
    redis.call('ZCARD', DEVICES),
    tonumber(total[14]) or 0,
    tonumber(total[15]) or 0,
    due,
    evicts_in and now + evicts_in or false,
    config[4],
    { unpack(total, 16) },
    config[5] or '',
    #groups > 0 and redis.call('HMGET', STATE, unpack(groups)) or groups,
    redis.call('ZCARD', QUEUE),
    redis.call('ZCARD', BORROWS),
    tonumber(total[12]) or 0,
    config[6] and 1 or 0,
    tonumber(total[13]) or 0,
    pool.drain and 1 or 0,
}

#!lua flags=no-writes
-- Lists the devices of a pool, those that were registered first come first.
--
-- KEYS all of the pool. ARGV: sha256 of the licence key. Cost: O(n log leases) for n devices.
-- Returns {now, how many there may be or 0, how long none may be removed, holder, registered at, for how long its seat
-- is kept, holder, ...}, or a code where the key opens no pool.

local pool, unopened = pool_opened_by(ARGV[1])
if not pool then
    return unopened
elseif is_key_of_group(pool) then
    return 'not_entitled'
end
read_policies(pool)
local secret = redis.call('HGET', STATE, 'secret') or ''
local answer = { now, pool.device_limit or 0, device_cooldown_left() }
local devices = redis.call('ZRANGE', DEVICES, 0, -1, 'WITHSCORES')
for i = 1, #devices, 2 do
    table.insert(answer, devices[i])
    table.insert(answer, tonumber(devices[i + 1]))
    table.insert(answer, device_keeps_seat_for(secret, devices[i]))
end
return answer

#!lua flags=allow-oom
-- Takes a device from a pool, so that another one has its place. Ends nothing that lives: a device with a seat stays.
--
-- KEYS all of the pool. ARGV: sha256 of the licence key, or empty for the operator, who does not have to wait for the
-- cooldown and does not begin one; the beginning of the holder in hex. Cost: O(n) for n devices.
-- Returns {code, retry after or nil}. Works in a suspended or expired pool too, and when memory is full.

local key_hash, beginning = ARGV[1], ARGV[2]

if key_hash == '' then
    heed_recovery(redis.call('HGET', CONFIG, 'recover_until'))
else
    local pool, unopened = pool_opened_by(key_hash)
    if not pool then
        return { unopened, false }
    elseif is_key_of_group(pool) then
        return { 'not_entitled', false }
    end
end

local device
for _, holder in ipairs(redis.call('ZRANGE', DEVICES, 0, -1)) do
    if string.sub(hex(holder), 1, #beginning) == beginning then
        device = holder
    end
end
if not device then
    return { 'unknown_device', false }
end
local kept_for = device_keeps_seat_for(redis.call('HGET', STATE, 'secret') or '', device)
if kept_for > 0 then
    return { 'device_in_use', kept_for }
end
local wait = key_hash == '' and 0 or device_cooldown_left()
if wait > 0 then
    return { 'device_cooldown', wait }
end
redis.call('ZREM', DEVICES, device)
if key_hash ~= '' then
    redis.call('HSET', STATE, 'device_removed_at', now)
end
return { 'device_removed', false }

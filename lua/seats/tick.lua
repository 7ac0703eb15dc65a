#!lua flags=allow-oom
-- A sign of life of the authority as a whole: given by every endpoint each second, read by the operator.
--
-- KEYS the authority's own key, a HASH: `at`, the instant of the last sign; `outages`, their number; `outage:<number>`
-- for the last 16 of them; `provisioned`, once the operator has put all pools in. ARGV: milliseconds after which a
-- missing sign is an outage; how long the key outlives its last sign; 1 to give a sign, 0 to look only, 2 to note that
-- all pools are in. Cost: O(1).
-- Returns {milliseconds since the last sign or nil, 1 if provisioned, number, from, until, number, ...}, oldest first.

local KEPT = 16
local KEY = KEYS[1]
local longest, kept, gives, provisions = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1', ARGV[3] == '2'

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local told = redis.call('HMGET', KEY, 'at', 'outages', 'provisioned')
local at, outages = tonumber(told[1]), tonumber(told[2]) or 0
local since = at and now - at
if gives then
    if since and since > longest then
        outages = outages + 1
        redis.call('HSET', KEY, 'outages', outages, 'outage:' .. outages, at .. ':' .. string.format('%.0f', now))
        redis.call('HDEL', KEY, 'outage:' .. (outages - KEPT))
    end
    redis.call('HSET', KEY, 'at', string.format('%.0f', math.max(now, at or 0)))
    redis.call('PEXPIRE', KEY, kept)
elseif provisions and not told[3] then
    redis.call('HSET', KEY, 'provisioned', 1)
    redis.call('PEXPIRE', KEY, kept)
    told[3] = 1
end

local answer = { since or false, told[3] and 1 or 0 }
for number = math.max(1, outages - KEPT + 1), outages do
    local from, till = string.match(redis.call('HGET', KEY, 'outage:' .. number) or '', '(%d+):(%d+)')
    if from then
        table.insert(answer, number)
        table.insert(answer, tonumber(from))
        table.insert(answer, tonumber(till))
    end
end
return answer

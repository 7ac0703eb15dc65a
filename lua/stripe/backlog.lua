#!lua flags=no-writes
-- Tells how much waits, and for how long the oldest has.
--
-- KEYS as in lib/stream.lua. Cost: O(1). Returns {events that wait, milliseconds of the oldest, events that were given up}.

local oldest = redis.call('XRANGE', EVENTS, '-', '+', 'COUNT', 1)[1]
local age = oldest and math.max(0, now - tonumber(string.match(oldest[1], '^%d+'))) or 0
return { redis.call('XLEN', EVENTS), age, redis.call('XLEN', DEAD) }

-- What Stripe said and nobody has looked at yet.
--
-- `events`, a STREAM: one entry for each event, in the order of arrival. An entry is removed when it is done with, so its
-- length is what waits. The group `operator` has it; how often an entry was delivered is how often it was tried.
-- `seen`, a ZSET: the ids of the events of the last days, each with the time at which it came, in milliseconds.
-- `dead`, a STREAM: entries that were given up, each with `why`, how often it was tried (`tries`) and its `entry` of before.

local EVENTS, SEEN, DEAD = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

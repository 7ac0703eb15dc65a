#!lua
-- Takes in one event of Stripe: once, however often it is sent.
--
-- KEYS as in lib/stream.lua. ARGV: most events that may wait; milliseconds for which an event's id is remembered; the id;
-- then the fields of the entry, name and value in turn. Not when memory is full: Stripe sends it again.
-- Cost: O(log n), and O(m) for m ids that are forgotten.
-- Returns {what, events that wait now}: 1 taken, 0 known already, -1 there is no room. Nothing that waits is ever dropped to
-- make room: who sends keeps it better than nobody does.

local most, remembered, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local waiting = redis.call('XLEN', EVENTS) + redis.call('XLEN', DEAD)

redis.call('ZREMRANGEBYSCORE', SEEN, '-inf', now - remembered)
if redis.call('ZSCORE', SEEN, id) then
    return { 0, waiting }
elseif waiting >= most then
    return { -1, waiting }
end
redis.call('XADD', EVENTS, '*', unpack(ARGV, 4))
redis.call('ZADD', SEEN, now, id)
return { 1, waiting + 1 }

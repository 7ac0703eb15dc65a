#!lua flags=allow-oom
-- Gives a consumer entries that somebody was given and nobody keeps: who had them has ended. It counts as one more try.
--
-- KEYS as in lib/stream.lua. ARGV: consumer; milliseconds for which nobody kept them; where to look from, 0-0 at first; how many;
-- milliseconds after which a consumer that has nothing is forgotten, which is done at the end of a look.
-- Cost: O(n log p) for n entries given, of p that are pending.
-- Returns {where to look from the next time, or 0-0 at the end, {{entry, tries, {name, value, …}}, …}}.

local consumer, stale, from, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local forgotten_after = tonumber(ARGV[5])

local claimed = of_group('XAUTOCLAIM', EVENTS, GROUP, consumer, stale, from, 'COUNT', count)
local found = with_tries(claimed[2], {})
if claimed[1] == '0-0' then
    for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', EVENTS, GROUP)) do
        local one = {}
        for at = 1, #row, 2 do
            one[row[at]] = row[at + 1]
        end
        if one.name ~= consumer and one.pending == 0 and one.idle >= forgotten_after then
            redis.call('XGROUP', 'DELCONSUMER', EVENTS, GROUP, one.name)
        end
    end
end
return { claimed[1], found }

#!lua flags=allow-oom
-- Gives a consumer entries that nobody had before, the oldest first. Safe to repeat when the answer was lost.
--
-- KEYS as in lib/stream.lua. ARGV: consumer; the last entry that it was given by this script, 0-0 for none; how many.
-- What it was given behind that one was lost on the way, and is given again before anything new.
-- Cost: O(n log p) for n entries given, of p that are pending.
-- Returns {{entry, tries, {name, value, …}}, …}.

local consumer, last, count = ARGV[1], ARGV[2], ARGV[3]

for _, from in ipairs({ last, '>' }) do
    local read = of_group('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', EVENTS, from)
    local found = with_tries(read and read[1] and read[1][2] or {}, {})
    if #found > 0 then
        return found
    end
end
return {}

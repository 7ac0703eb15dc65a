#!lua flags=allow-oom
-- Says that a consumer still has these entries, so that nobody adopts them; or that it tries them once more.
--
-- KEYS as in lib/stream.lua. ARGV: consumer; 1 if this is one more try, else 0; entries.
-- Cost: O(n log p) for n entries of p that are pending.
-- Returns how many of them there are still.

local consumer, tries = ARGV[1], ARGV[2] == '1'
if tries then
    return #of_group('XCLAIM', EVENTS, GROUP, consumer, 0, unpack(ARGV, 3))
end
local words = { 'XCLAIM', EVENTS, GROUP, consumer, 0, unpack(ARGV, 3) }
words[#words + 1] = 'JUSTID'
return #of_group(unpack(words))

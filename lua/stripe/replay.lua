#!lua
-- Puts entries that were given up behind those that wait, as if they came now. Safe to repeat.
--
-- KEYS as in lib/stream.lua. ARGV: entries of `dead`. Cost: O(n log d) of d that are dead. Returns how many moved.

local ABOUT_THE_END = { why = true, tries = true, entry = true }
local moved = 0
for _, entry in ipairs(ARGV) do
    local there = redis.call('XRANGE', DEAD, entry, entry)[1]
    if there then
        local fields = {}
        for at = 1, #there[2], 2 do
            if not ABOUT_THE_END[there[2][at]] then
                fields[#fields + 1] = there[2][at]
                fields[#fields + 1] = there[2][at + 1]
            end
        end
        redis.call('XADD', EVENTS, '*', unpack(fields))
        moved = moved + redis.call('XDEL', DEAD, entry)
    end
end
return moved

#!lua flags=allow-oom
-- Gives entries up: moves them to where a person finds them. Safe to repeat.
--
-- KEYS as in lib/stream.lua. ARGV: why; then entries, each with how often it was tried. Cost: O(n log p). Returns how many moved.

local moved = 0
for at = 2, #ARGV, 2 do
    local entry = ARGV[at]
    local there = redis.call('XRANGE', EVENTS, entry, entry)[1]
    if there then
        local fields = there[2]
        for _, word in ipairs({ 'why', ARGV[1], 'tries', ARGV[at + 1], 'entry', entry }) do
            fields[#fields + 1] = word
        end
        redis.call('XADD', DEAD, '*', unpack(fields))
        moved = moved + redis.call('XDEL', EVENTS, entry)
    end
    of_group('XACK', EVENTS, GROUP, entry)
end
return moved

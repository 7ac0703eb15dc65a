#!lua
-- Takes seats of several pools for one holder: in each of them, or in none.
--
-- KEYS all of the first pool, then all of the second, and so on; with an idempotency key that of each behind them.
-- ARGV: the number of pools; then for each the ARGV of acquire.lua. Nobody waits in a queue here.
-- Each pool decides as acquire.lua does, for that is what is run. Where one says no, what those before it wrote is
-- taken back to the last field, and only the pool that refused has counted a refusal. In a Cluster the pools have to be
-- in one hash slot.
-- Cost: that of as many acquires, and about as much again for noting what was there before.
-- Returns the answers of acquire.lua, or {the number of the pool that refused, from 0 on, its answer}.

local pools = tonumber(ARGV[1])
local keys_each, words_each = #KEYS / pools, (#ARGV - 1) / pools

local function part_of(list, from, length)
    return { unpack(list, from, from + length - 1) }
end

local answers = {}
for number = 0, pools - 1 do
    local written_before = #way_back
    local keys = part_of(KEYS, number * keys_each + 1, keys_each)
    local decided, answer = pcall(acquire, keys, part_of(ARGV, number * words_each + 2, words_each), noting)
    if not decided then
        take_back(#way_back)
        error(answer)
    elseif answer[1] ~= 'granted' and answer[1] ~= 'existing' then
        take_back(written_before)
        return { number, answer }
    end
    table.insert(answers, answer)
end
return answers

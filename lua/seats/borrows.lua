#!lua flags=no-writes
-- The leases that are borrowed, for the operator, who mirrors them.
--
-- KEYS all eight. Cost: O(n) for n borrowed seats, of which the configuration allows a thousand.
-- Returns {epoch, holder, fence, until when, number of seats, group, and so on}, or nil where the pool is unknown.

local epoch = redis.call('HGET', STATE, 'epoch')
if not epoch then
    return false
end
local answer = { tonumber(epoch) }
local borrowed = redis.call('ZRANGEBYSCORE', BORROWS, BORROWED_NOW, '+inf', 'WITHSCORES')
for i = 1, #borrowed, 2 do
    local record = #borrowed[i] == 16 and redis.call('HGET', LEASES, borrowed[i])
    if record then
        for _, each in ipairs({ holder_of(record), (struct.unpack('>I8', record)), tonumber(borrowed[i + 1]),
            quantity_of(record), group_of(record) }) do
            table.insert(answer, each)
        end
    end
end
return answer

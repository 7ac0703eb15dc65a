-- Reading the stream as a group of consumers, of which there is one at a time.

local GROUP = 'operator'

-- `command` on the group, which is made where it is not there: the stream is new, or Redis has lost it.
local function of_group(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err and string.find(reply.err, 'NOGROUP', 1, true) then
        redis.call('XGROUP', 'CREATE', EVENTS, GROUP, '0', 'MKSTREAM')
        reply = redis.pcall(...)
    end
    if type(reply) == 'table' and reply.err then
        error(reply)
    end
    return reply
end

-- Adds to `found` each of `entries` with how often it was tried. What somebody removed meanwhile is acknowledged.
local function with_tries(entries, found)
    for _, entry in ipairs(entries) do
        if entry[2] then
            local pending = redis.call('XPENDING', EVENTS, GROUP, entry[1], entry[1], 1)
            found[#found + 1] = { entry[1], pending[1] and pending[1][4] or 1, entry[2] }
        else
            redis.call('XACK', EVENTS, GROUP, entry[1])
        end
    end
    return found
end

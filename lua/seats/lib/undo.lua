-- A way back: commands that note what was there before they write, and can be taken back one after another.
--
-- Scripts are not rolled back by Redis. Whoever has to decide several times, and to leave nothing where a later one is
-- no, calls `noting.call` instead of `redis.call`. It knows the commands that are used for it, and refuses any other.

local way_back = {}

local function back(...)
    table.insert(way_back, { ... })
end

local function note_fields(key, fields)
    for i, value in ipairs(redis.call('HMGET', key, unpack(fields))) do
        if value then
            back('HSET', key, fields[i], value)
        else
            back('HDEL', key, fields[i])
        end
    end
end

local function note_members(key, members)
    for i, score in ipairs(redis.call('ZMSCORE', key, unpack(members))) do
        if score then
            back('ZADD', key, score, members[i])
        else
            back('ZREM', key, members[i])
        end
    end
end

-- Of `words` every second one, beginning with the one at `first`.
local function every_second(words, first)
    local found = {}
    for i = first, #words, 2 do
        table.insert(found, words[i])
    end
    return found
end

local NOTES = {
    HSET = function(key, words)
        note_fields(key, every_second(words, 1))
    end,
    HDEL = note_fields,
    HINCRBY = function(key, words)
        note_fields(key, { words[1] })
    end,
    ZADD = function(key, words)
        local score = 1
        while not tonumber(words[score]) do
            score = score + 1
        end
        note_members(key, every_second(words, score + 1))
    end,
    ZREM = note_members,
    ZPOPMIN = function(key, words)
        note_members(key, redis.call('ZRANGE', key, 0, words[1] - 1))
    end,
    SET = function(key)
        back('DEL', key)
    end,
}
-- Those that only read; and how long the rates live that nobody asks for any more, which means nothing.
local FREE = ' GET HEXISTS HGET HLEN HMGET PEXPIRE TIME '
    .. 'ZCARD ZCOUNT ZMSCORE ZRANGE ZRANGEBYSCORE ZRANK ZREVRANGE ZSCORE '

local noting = { sha1hex = redis.sha1hex, error_reply = redis.error_reply }

function noting.call(command, ...)
    local note, words = NOTES[command], { ... }
    local key = table.remove(words, 1)
    if note then
        note(key, words)
    elseif command == 'XADD' then
        local entry = redis.call(command, ...)
        back('XDEL', key, entry)
        return entry
    elseif not string.find(FREE, ' ' .. command .. ' ', 1, true) then
        error(redis.error_reply('SEATWARDEN each write can be taken back'))
    end
    return redis.call(command, ...)
end

-- Takes back the first `count` of the writes, the last one of them first.
local function take_back(count)
    for i = count, 1, -1 do
        redis.call(unpack(way_back[i]))
    end
end

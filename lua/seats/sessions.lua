#!lua flags=no-writes
-- Lists live leases in order of expiry, those of one millisecond in order of id.
--
-- KEYS config, expiry, leases. ARGV: sha256 of the licence key; limit; expiry and id of the last lease of the page
-- before, 0 and empty for the first page. The place is named by a lease and not counted, since leases of one
-- millisecond are many (beats come in bulk) and move on when they are renewed: so one that stays is never skipped.
-- One that is renewed between two pages moves to the end and may be seen twice.
-- Cost: O(log² n + seats of the leases shown). Returns {now, 1 if there are more, id, expiry, record, id,
-- ...}, or a code where the key opens no pool.

local key_hash, limit, from, last = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
elseif is_key_of_group(pool) then
    return 'not_entitled'
end

-- Bytes of an id would be compared by the server's locale; its hex digits are in the order of the bytes in any.
local function rank_behind_last()
    local low, high = redis.call('ZCOUNT', EXPIRY, '-inf', '(' .. from), redis.call('ZCOUNT', EXPIRY, '-inf', from)
    while low < high do
        local middle = math.floor((low + high) / 2)
        if hex(redis.call('ZRANGE', EXPIRY, middle, middle)[1]) <= hex(last) then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end

local first = tonumber(from) > now and rank_behind_last() or redis.call('ZCOUNT', EXPIRY, '-inf', now)
local ids, expiries, rank, at_end = {}, {}, first
repeat
    local found = redis.call('ZRANGE', EXPIRY, rank, rank + limit, 'WITHSCORES')
    for i = 1, #found, 2 do
        if #found[i] == LEASE_ID_BYTES then
            table.insert(ids, found[i])
            table.insert(expiries, tonumber(found[i + 1]))
        end
    end
    rank, at_end = rank + limit + 1, #found < 2 * (limit + 1)
until at_end or #ids > limit
local shown = math.min(#ids, limit)
local answer = { now, #ids > limit and 1 or 0 }
if shown > 0 then
    for i, record in ipairs(redis.call('HMGET', LEASES, unpack(ids, 1, shown))) do
        table.insert(answer, ids[i])
        table.insert(answer, expiries[i])
        table.insert(answer, record)
    end
end
return answer

#!lua
-- Tells a pool with which server its callers have just connected, and for how long the authority was away before.
--
-- KEYS all eight. ARGV: run id of the server; what it means if that is another one than before: 0 nothing, 1 a loss, 2
-- tell me; then for each recent outage, oldest first, its number, and the instants of its first and last millisecond.
-- Called by each process once for each pool and connection, before anything else. Cost: one read where nothing is new;
-- O(n log n) for a pool of n leases after an outage.
-- Another run id than the last one means a restart or a failover. Where that can lose acknowledged grants, the pool
-- goes into recovery. Where it cannot, leases run on by the time for which nobody could renew them: an outage kills no
-- client.
-- A lease that was renewed after the outage expires later than a lease length after its end, and is not touched.
-- Returns 1 if a recovery began, 2 if leases were prolonged, 0 if nothing was new, the run id of before if that was
-- asked for and is another one, or nil where the pool is unknown.

local run, loss = ARGV[1], ARGV[2]

local told = redis.call('HMGET', STATE, 'run', 'outage')
local config = redis.call('HMGET', CONFIG, 'lease', 'recover_until')
local account = config[1] and read_account()
if not account then
    return false
end
heed_recovery(config[2])
local lease = tonumber(config[1])

-- A window that lapsed while nobody could come back goes on, too. An outage from before the window is none of its
-- business: a pool that was made anew is told of all of them.
local window = tonumber(config[2])

local function prolong(from, till)
    local length, renewed_after = till - from, string.format('%.0f', till + lease)
    local found = redis.call('ZRANGEBYSCORE', EXPIRY, '(' .. from, '(' .. renewed_after, 'WITHSCORES')
    if window and window > from + 0 then
        if window - lease > till + 0 then
            return false
        end
        window = window + length
        extend_recovery(window)
    end
    for start = 1, #found, 2 * PURGE_CHUNK do
        local moved = {}
        for i = start, math.min(#found, start + 2 * PURGE_CHUNK - 2), 2 do
            table.insert(moved, string.format('%.0f', found[i + 1] + length))
            table.insert(moved, found[i])
        end
        redis.call('ZADD', EXPIRY, 'XX', unpack(moved))
    end
    return #found > 0
end

local last, done = tonumber(told[2]) or 0, 0
-- A pool that nobody arrived at is new, or its state was made anew while callers stayed connected.
local elsewhere = told[1] ~= run and (told[1] or account.counter > 0)
if elsewhere and loss == '2' then
    return told[1] or ''
elseif elsewhere and loss == '1' then
    begin_recovery(account, account.epoch + 1, lease)
    commit(account)
    done = 1
else
    for i = 3, #ARGV, 3 do
        if tonumber(ARGV[i]) > last and prolong(ARGV[i + 1], ARGV[i + 2]) then
            done = 2
        end
    end
end

local newest = #ARGV > 2 and ARGV[#ARGV - 2] or told[2] or '0'
if told[1] ~= run or told[2] ~= newest then
    redis.call('HSET', STATE, 'run', run, 'outage', newest)
end
return done

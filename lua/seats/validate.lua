#!lua flags=no-writes
-- Looks at a pool and, if asked for, at one lease. Redis itself refuses any write from here.
--
-- KEYS config, state, expiry, leases. ARGV: sha256 of the licence key; holder, 32 bytes or empty; lease id, 16 bytes
-- or empty. Both given must mean the same lease. Cost: O(log n).
-- Returns {code, capacity, live, valid for or nil, document, lease id or nil, fence or nil, expires in}, or a code
-- where the key opens no pool.

local key_hash, holder, id = ARGV[1], ARGV[2], ARGV[3]

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
end

local answer = {
    closed_because(pool) or 'ok',
    pool.capacity,
    live_leases(),
    pool.valid_until and math.max(0, pool.valid_until - now) or false,
    redis.call('HGET', CONFIG, 'document'),
    false,
    false,
    0,
}
if holder == '' and id == '' then
    return answer
end

local function lease_code()
    if holder ~= '' then
        local own = lease_id_of(redis.call('HGET', STATE, 'secret') or '', holder)
        if id ~= '' and id ~= own then
            return 'unknown_session'
        end
        id = own
    end
    local record = redis.call('HGET', LEASES, id)
    if not record then
        return 'unknown_session'
    end
    answer[6] = hex(id)
    answer[7] = struct.unpack('>I8', record)
    local letter = letter_of(record)
    if letter == LIVE then
        answer[8] = math.max(0, kept_until(tonumber(redis.call('ZSCORE', EXPIRY, id))) - now)
        return answer[8] > 0 and 'ok' or 'lease_expired'
    end
    -- Here `suspended` would be read as the pool's own state.
    return letter == 's' and 'lease_expired' or ENDED_BECAUSE[letter]
end

local code = lease_code()
if answer[1] == 'ok' then
    answer[1] = code
end
return answer

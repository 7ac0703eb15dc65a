#!lua flags=no-writes
-- Looks at a pool and, if asked for, at one lease, one version of client programs, and one group. Redis itself refuses
-- any write from here.
--
-- KEYS the pool's eight. ARGV: sha256 of the licence key; holder, 32 bytes or empty; lease id, 16 bytes or empty;
-- version as text that sorts, or `-` where none is asked for; group, or `-` likewise. Holder and id must mean the same
-- lease. Cost: O(log n).
-- Which group it is, is decided as where a seat is asked for, and without a name it is that of the lease. The key of a
-- group names it.
-- What else than the pool's state and the lease is in the way is told as `acquire` would: in shadow mode nothing is.
-- Returns {code, capacity, live, valid for or nil, document, lease id or nil, fence or nil, expires in, 1 if the
-- version is admitted or 0 or nil, window of versions or nil, group or nil, 1 if there is such a group, its reserved
-- seats, its limit or nil, how many seats it has}, or a code where the key opens no pool.

local NOT_ASKED = '-'
local key_hash, holder, id, version, named = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
end

local _, group_of_key = id_and_group_of_key(pool)
if group_of_key ~= '' then
    named = group_of_key
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
    false,
    false,
    false,
    false,
    false,
    false,
    false,
}
local looks_at_lease = holder ~= '' or id ~= ''
if not looks_at_lease and version == NOT_ASKED and named == NOT_ASKED then
    return answer
end
read_policies(pool)

-- The code, and the record of a lease that has no tombstone.
local function lease_verdict()
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
        return answer[8] > 0 and 'ok' or 'lease_expired', record
    end
    -- Here `suspended` would be read as the pool's own state.
    return letter == 's' and 'lease_expired' or ENDED_BECAUSE[letter]
end

local function version_verdict()
    if version == NOT_ASKED then
        return 'ok'
    end
    local blocked = version_is_blocked(pool, version)
    answer[9], answer[10] = blocked and 0 or 1, redis.call('HGET', CONFIG, 'versions')
    return blocked and not pool.shadow and 'version_blocked' or 'ok'
end

local function group_verdict(record)
    local who = holder ~= '' and holder or record and holder_of(record)
    local put_into = group_of_key == '' and pool.groups and who and redis.call('HGET', CONFIG, 'member:' .. who)
    local group = put_into or named ~= NOT_ASKED and named or record and group_of(record) or ''
    local known, reserved, limit = terms_of(group ~= '' and redis.call('HGET', CONFIG, 'group:' .. group))
    if group ~= '' then
        answer[11], answer[12], answer[13] = group, known and 1 or 0, reserved
        answer[14] = limit < math.huge and limit
        answer[15] = tonumber(redis.call('HGET', STATE, 'group:' .. group)) or 0
    end
    local refused = named ~= NOT_ASKED and not known and (group ~= '' or pool.only_groups)
    return refused and not pool.shadow and 'not_entitled' or 'ok'
end

local function first_trouble(...)
    for _, code in ipairs({ ... }) do
        if code ~= 'ok' then
            return code
        end
    end
    return 'ok'
end

local of_lease, record = 'ok', nil
if looks_at_lease then
    of_lease, record = lease_verdict()
end
answer[1] = first_trouble(answer[1], of_lease, version_verdict(), group_verdict(record))
return answer

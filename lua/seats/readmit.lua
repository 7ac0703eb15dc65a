#!lua
-- Lets the holder of a validly signed lease back in, where the authority has forgotten it.
--
-- The caller has checked the signature. KEYS all of the pool. ARGV: sha256 of the licence key; lease id, 16 bytes;
-- fence, 8 bytes; holder, 32 bytes; nonce digest, 8 bytes; the instant after which the signed lease counts for nothing;
-- number of seats; group; tail.
-- A fence above all that the pool gave is a lease from the future: the authority went back without noticing it, so the
-- recovery begins here. In recovery every lease that the pool does not know better is let in, first come, up to the
-- cap.
-- Cost: O(log n). Returns {heartbeat, now, signed for, code, expires in} as a heartbeat does, or a code where the key
-- opens no pool.

local key_hash, id, fence, holder, nonce, signed_until, quantity, group, tail =
    ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]

local pool, unopened = pool_opened_by(key_hash)
if not pool then
    return unopened
end
local function answer(code, left)
    return { pool.heartbeat, now, pool.signed_for, code, left }
end

local closed = closed_because(pool)
if closed then
    return answer(closed, 0)
elseif now >= signed_until then
    return answer('lease_expired', 0)
end

local account = open_account()
if lease_id_of(account.secret, holder) ~= id then
    return answer('unknown_session', 0)
end
local record = redis.call('HGET', LEASES, id)
if record then
    if fence_of(record) == fence and letter_of(record) ~= LIVE then
        return answer(ENDED_BECAUSE[letter_of(record)], 0)
    elseif fence_of(record) > fence then
        return answer('stale_fence', 0)
    end
end

local from_the_future = is_from_the_future(account, fence)
if from_the_future then
    recover_from(account, fence, pool.lease)
elseif not recovering then
    return answer('unknown_session', 0)
end

local live, _, counted = live_leases(), seats_known(id, record)
read_policies(pool)
if quantity > counted and live - counted + quantity > pool.limit then
    if from_the_future then
        commit(account)
    end
    return answer('recovering', recovering - now)
end

local lease = lease_from_now(pool.lease)
let_in(account, pool, record, { id = id, fence = fence, holder = holder, nonce = nonce, quantity = quantity,
    group = group, tail = tail, expiry = now + lease })
commit(account)
if pool.device_limit then
    -- It was one before the loss, which took the list as well.
    redis.call('ZADD', DEVICES, 'NX', now, holder)
end
return answer('ok', lease)

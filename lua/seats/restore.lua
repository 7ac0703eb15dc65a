#!lua
-- Puts borrowed leases back of which the operator knows from its mirror, and which the pool may have forgotten.
--
-- KEYS all of the pool. ARGV: tail of a record; then for each lease its holder, 32 bytes; fence, 8 bytes; until when it
-- is borrowed; number of seats; group.
-- A borrow that is out cannot be called back, so it comes in though the pool is full: it counts, nobody new gets in.
-- What the pool knows better stays: a lease that ended with this very fence, or has a later one. Safe to repeat.
-- Cost: O(n log n) for n of them. Returns how many were put back, or nil where the pool is unknown.

local tail = ARGV[1]

local config = redis.call('HMGET', CONFIG, 'capacity', 'lease', 'recover_until')
heed_recovery(config[3])
local account = config[1] and read_account()
if not account then
    return false
end
local pool = { capacity = tonumber(config[1]) }
read_policies(pool)

-- Whether the pool has this lease borrowed for as long, or knows that it is over.
local function knows_better(id, record, fence, back_at)
    if not record or fence_of(record) < fence then
        return false
    elseif fence_of(record) > fence or letter_of(record) ~= LIVE then
        return true
    end
    return borrowed_until(id) >= back_at
end

local restored = 0
for i = 2, #ARGV, 5 do
    local holder, fence, back_at, quantity, group =
        ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), ARGV[i + 4]
    local id = lease_id_of(account.secret, holder)
    local record = redis.call('HGET', LEASES, id)
    if back_at > now and not knows_better(id, record, fence, back_at) then
        if is_from_the_future(account, fence) then
            recover_from(account, fence, tonumber(config[2]))
        end
        local nonce = record and fence_of(record) == fence and nonce_of(record) or string.rep('\0', 8)
        local back = let_in(account, pool, record, { id = id, fence = fence, holder = holder, nonce = nonce,
            quantity = quantity, group = group, tail = tail, expiry = math.max(back_at, recovering or 0) })
        lend(account, id, back, back_at)
        restored = restored + 1
    end
end
if restored > 0 then
    note_borrows_changed()
    commit(account)
end
return restored

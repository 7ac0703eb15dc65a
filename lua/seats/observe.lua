#!lua flags=no-writes
-- The pool as the authority has it. One with incoherent state counts as unknown, so that the operator configures it.
--
-- KEYS all but ledger. Cost: O(log n).
-- Returns {epoch, capacity, live, digest, how long the recovery goes on}, or nil where the pool is unknown.

local config = redis.call('HMGET', CONFIG, 'capacity', 'digest', 'recover_until')
heed_recovery(config[3])
local account = read_account()
if not config[1] or not account then
    return false
end
return { account.epoch, tonumber(config[1]), live_leases(), config[2], recovering and recovering - now or 0 }

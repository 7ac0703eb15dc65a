#!lua flags=allow-oom
-- Forgets the pool. KEYS all of the pool. Cost: O(1) here; Redis frees the memory in the background.

return redis.call('UNLINK', CONFIG, STATE, EXPIRY, LEASES, ENDED, LEDGER, OVERAGE, BORROWS, RATES, DEVICES, QUEUE,
    TICKETS, WAITS, OFFERS, ELDERS)

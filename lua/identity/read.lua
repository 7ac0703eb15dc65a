#!lua flags=no-writes
-- What the operator has said under a key, see `write`; nil where there is nothing. KEYS that key. Cost: O(1).

return redis.call('HGET', KEYS[1], 'said')

#!lua flags=no-writes
-- Lists what was given up, in the order in which it was.
--
-- KEYS as in lib/stream.lua. ARGV: the last entry that was listed before, 0-0 for none; how many. Cost: O(n).
-- Returns {{entry, {name, value, …}}, …}.

return redis.call('XRANGE', DEAD, '(' .. ARGV[1], '+', 'COUNT', ARGV[2])

#!lua flags=allow-oom
-- Removes entries that are done with. Safe to repeat.
--
-- KEYS as in lib/stream.lua. ARGV: entries. Cost: O(n log p). Returns how many there were.

of_group('XACK', EVENTS, GROUP, unpack(ARGV))
return redis.call('XDEL', EVENTS, unpack(ARGV))

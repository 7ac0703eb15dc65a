#!lua
-- Makes what the operator says under a key so: which pool has a name (its door), or which issuers a Tenant trusts.
--
-- KEYS that key, a HASH: `said`, the text; `term`, the operator's term of office in which it was said. ARGV: term; text,
-- empty to remove the key. Cost: O(1), and no write where nothing changes.
-- Returns {1, 1 if changed}, or {0, term held} for a term that is over: a leader that was replaced must not bring back
-- an issuer that is trusted no more.

local KEY, term, said = KEYS[1], tonumber(ARGV[1]), ARGV[2]

local held = redis.call('HMGET', KEY, 'term', 'said')
local held_term = tonumber(held[1])
if held_term and term < held_term then
    return { 0, held_term }
end
if said == '' then
    return { 1, redis.call('DEL', KEY) }
end
if held[2] == said and held_term == term then
    return { 1, 0 }
end
redis.call('HSET', KEY, 'said', said, 'term', term)
return { 1, held[2] ~= said and 1 or 0 }

"""A script for tests that gives back what it was given, and keys for it."""

import hashlib

from seatwarden.backends.redis_keys import PoolKeys, pool_keys
from seatwarden.backends.redis_scripts import Script
from seatwarden.domain.seats import PoolUid


def script(text: str) -> Script:
    """``text`` as a script of ours."""
    return Script("test", text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


ECHO = script("#!lua flags=no-writes,allow-stale\nreturn ARGV[1]")
WRITE = script("#!lua\nredis.call('SET', KEYS[1], ARGV[1])\nreturn ARGV[1]")
APPEND = script("#!lua\nredis.call('RPUSH', KEYS[1], ARGV[1])\nreturn ARGV[1]")


def keys(name: str = "a") -> PoolKeys:
    """The keys of a pool called ``name``."""
    return pool_keys(PoolUid(name))

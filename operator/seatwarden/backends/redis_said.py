"""A text that the operator says under a key of its own in Redis, and that the endpoint reads; see ``lua/identity/write.lua``."""

from seatwarden.backends import redis_scripts
from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.redis_keys import IdentityKeys
from seatwarden.backends.redis_runner import ScriptRunner


async def read_said(runner: ScriptRunner, keys: IdentityKeys) -> bytes | None:
    """What was said; None where nothing was. Raises `AuthorityUnavailable`."""
    said: bytes | None = await runner.run(redis_scripts.IDENTITY_READ, keys)
    return said


async def say(runner: ScriptRunner, keys: IdentityKeys, text: str, term: int) -> bool:
    """Say ``text``, and whether that was news. Empty text leaves nothing.

    Raises:
        AuthorityUnavailable: there is no answer in time.
        StaleTerm: something was said in a later term than ``term``.
    """
    match await runner.run(redis_scripts.IDENTITY_WRITE, keys, term, text):
        case [1, changed]:
            return bool(changed)
        case [_, held_term]:
            raise StaleTerm(
                f"{keys.identity} was said in term {held_term}; term {term} is over", held=held_term
            )
    raise RuntimeError("write.lua gave an answer of another version")

"""May this Redis hold seats? If not, what has to be changed on it?

Each check answers one question and gives a sentence that says what to do. A Redis that fails one would work, and lose seats
at the worst moment; so it is refused as a whole, before it holds any.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seatwarden.domain.durability import Durability

OLDEST = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFacts:
    """What a server says of itself; None where it was not to be learnt. ``refused`` is the command that it forbids us."""

    version: str
    maxmemory_policy: str | None = None
    append_only: bool | None = None
    append_fsync: str | None = None
    replicas: int = 0
    refused: str | None = None


Check = Callable[[RedisFacts, Durability], str | None]


def may_run_scripts(facts: RedisFacts, _: Durability) -> str | None:
    """Are we allowed what we need?"""
    if facts.refused is None:
        return None
    return f"The user may not run {facts.refused}: give it the rights in examples/redis-seatwarden.acl."


def new_enough(facts: RedisFacts, _: Durability) -> str | None:
    """Has it all that the scripts use?"""
    try:
        major = int(facts.version.partition(".")[0])
    except ValueError:
        return None
    if major >= OLDEST:
        return None
    return f"Redis {facts.version} is too old: use Redis or Valkey {OLDEST}.0 or newer."


def evicts_nothing(facts: RedisFacts, _: Durability) -> str | None:
    """Does it keep what it has when memory is short?"""
    if facts.maxmemory_policy in {None, "noeviction"}:
        return None
    return (
        f"maxmemory-policy is {facts.maxmemory_policy}, so seats would be thrown away when memory is short: "
        "set maxmemory-policy noeviction."
    )


def as_durable_as_declared(facts: RedisFacts, durability: Durability) -> str | None:
    """Is it run as it was declared?"""
    if durability.fsync and facts.append_only is False:
        return (
            "The durability fsync is declared and appendonly is no: set appendonly yes, or declare volatile."
        )
    if durability.fsync and facts.append_fsync not in {None, "always"}:
        return (
            f"The durability fsync is declared and appendfsync is {facts.append_fsync}: set appendfsync always, "
            "or declare volatile."
        )
    if facts.replicas < durability.replicas:
        return (
            f"The durability replicas={durability.replicas} is declared and {facts.replicas} are connected: "
            "add replicas, or declare less."
        )
    return None


CHECKS: tuple[Check, ...] = (may_run_scripts, new_enough, evicts_nothing, as_durable_as_declared)


def unfit(servers: Iterable[RedisFacts], durability: Durability) -> str | None:
    """Why one of the servers may not hold seats, or None where all may."""
    return next(
        (said for facts in servers for check in CHECKS if (said := check(facts, durability)) is not None),
        None,
    )

"""Which Redis may hold seats, and what is said of one that may not."""

from dataclasses import replace

import pytest

from seatwarden.domain.durability import VOLATILE, Durability, read_durability
from seatwarden.domain.redis_fitness import RedisFacts, unfit

FIT = RedisFacts(
    version="7.2.4",
    maxmemory_policy="noeviction",
    append_only=True,
    append_fsync="always",
    replicas=2,
)
FSYNC, TWO = Durability(fsync=True), Durability(replicas=2)


@pytest.mark.parametrize("durability", [VOLATILE, FSYNC, TWO], ids=str)
def test_a_fit_redis_may_hold_seats(durability: Durability) -> None:
    assert unfit([FIT, FIT], durability) is None


@pytest.mark.parametrize(
    ("change", "durability", "said"),
    [
        ({"version": "6.2.14"}, VOLATILE, "Redis 6.2.14 is too old: use Redis or Valkey 7.0 or newer"),
        ({"maxmemory_policy": "allkeys-lru"}, VOLATILE, "set maxmemory-policy noeviction"),
        ({"append_only": False}, FSYNC, "set appendonly yes, or declare volatile"),
        ({"append_fsync": "everysec"}, FSYNC, "appendfsync is everysec: set appendfsync always"),
        ({"replicas": 1}, TWO, "replicas=2 is declared and 1 are connected"),
        (
            {"refused": "INFO"},
            VOLATILE,
            "may not run INFO: give it the rights in examples/redis-seatwarden.acl",
        ),
    ],
)
def test_one_that_may_not_is_told_what_to_change(
    change: dict[str, object], durability: Durability, said: str
) -> None:
    bad = replace(FIT, **change)  # type: ignore[arg-type]  # the rows name fields rightly
    problem = unfit([FIT, bad], durability)
    assert problem is not None
    assert said in problem


@pytest.mark.parametrize(
    "change",
    [{"append_only": False}, {"append_fsync": "everysec"}, {"replicas": 0}, {"maxmemory_policy": None}],
)
def test_what_was_not_declared_is_not_asked_for(change: dict[str, object]) -> None:
    assert unfit([replace(FIT, **change)], VOLATILE) is None  # type: ignore[arg-type]


def test_what_a_service_does_not_tell_is_believed_as_it_was_declared() -> None:
    silent = RedisFacts(version="7.2.4")
    assert unfit([silent], FSYNC) is None


@pytest.mark.parametrize("version", ["", "unknown", "7", "8.0.1", "10.0"])
def test_a_version_that_is_new_or_cannot_be_read_is_no_problem(version: str) -> None:
    assert unfit([replace(FIT, version=version)], VOLATILE) is None


@pytest.mark.parametrize(
    ("text", "durability"), [("volatile", VOLATILE), ("fsync", FSYNC), ("replicas=2", TWO)]
)
def test_a_durability_is_read_and_written_alike(text: str, durability: Durability) -> None:
    assert read_durability(text) == durability
    assert str(durability) == text
    assert durability.volatile is (text == "volatile")


@pytest.mark.parametrize(
    "text", ["", "FSYNC", "replicas", "replicas=0", "replicas=10", "replicas=-1", "fsync "]
)
def test_what_is_no_durability_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ValueError, match="expected volatile, fsync, or replicas=N"):
        read_durability(text)

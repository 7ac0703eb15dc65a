"""The licence keys of a pool: the newest one, and earlier ones that still open the pool for a while.

A rotation puts a new key in front. What it replaces goes on opening the pool for the overlap, so that customers have time
to take the new key. The overlap is that of the spec as it is now: a shorter one ends earlier keys sooner, and none ends
them at once.

No more than `MOST_LICENCE_KEYS` open a pool at one time. Beyond that a rotation waits for the oldest to die. It must not cost
the oldest its time: then something that asks for a rotation every minute would lock out every customer within minutes.

A group of the pool may have keys of its own, by which who comes with them is in that group. They are replaced together with those
of the whole pool. One for a group that is to have none any more is dropped at once.

What is remembered of an earlier key is its SHA-256 and when it was replaced, never its text.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from seatwarden.domain.licence_key import LicenceKey, key_id_of
from seatwarden.resources.seatpool import MOST_LICENCE_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierKey:
    """A key that was replaced. ``replaced_at`` is in whole seconds, as it is written down."""

    sha256: str
    replaced_at: datetime

    @property
    def key_id(self) -> str:
        """Its public name, as `LicenceKey.key_id`."""
        return key_id_of(self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """A key and those that it replaced; ``earlier`` has the latest replaced first."""

    newest: LicenceKey
    earlier: tuple[EarlierKey, ...] = ()

    @property
    def hashes(self) -> tuple[str, ...]:
        """The SHA-256 of each, the newest first."""
        return (self.newest.sha256, *(key.sha256 for key in self.earlier))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing(Keys):
    """The keys of the whole pool, and of each group that has its own. ``rotated_for`` is the request for a rotation that was met
    last."""

    rotated_for: str | None = None
    groups: Mapping[str, Keys] = field(default_factory=dict)

    def all_keys(self) -> list[tuple[str, Keys]]:
        """Those of the whole pool, for which the name is empty, and those of each group."""
        return [("", Keys(newest=self.newest, earlier=self.earlier)), *self.groups.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the ring is to be. ``waits_until`` is when there will be room for the key that is asked for, None where none waits."""

    ring: KeyRing
    waits_until: datetime | None = None


def turned(
    ring: KeyRing,
    *,
    request: str | None,
    overlap: timedelta,
    now: datetime,
    new_key: Callable[[], LicenceKey],
    groups: Iterable[str] = (),
) -> Turn:
    """``ring`` without dead keys and with a key for each of ``groups``.

    Where ``request`` is a new one and there is room for it, all keys are replaced by those of ``new_key``: those of the pool
    and of groups together, or none.
    """
    living = {name: _living(keys, overlap, now) for name, keys in ring.all_keys()}
    made = {name: Keys(newest=new_key()) for name in groups if name not in living}
    rotated_for = ring.rotated_for
    if request is not None and request != ring.rotated_for:
        replaced = {name: _replaced(keys, overlap, now) for name, keys in living.items()}
        full = [name for name, earlier in replaced.items() if len(earlier) >= MOST_LICENCE_KEYS]
        if full:
            room_at = max(dies_at(living[name].earlier[-1], overlap) for name in full)
            return Turn(ring=_ring(living | made, groups, rotated_for), waits_until=room_at)
        rotated_for = request
        living = {name: Keys(newest=new_key(), earlier=earlier) for name, earlier in replaced.items()}
    return Turn(ring=_ring(living | made, groups, rotated_for))


def dies_at(key: EarlierKey, overlap: timedelta) -> datetime:
    """The instant from which ``key`` opens nothing any more."""
    return key.replaced_at + overlap


def next_death(ring: KeyRing, overlap: timedelta) -> datetime | None:
    """When the next key of ``ring`` dies, None where none does."""
    return min((dies_at(key, overlap) for _, keys in ring.all_keys() for key in keys.earlier), default=None)


def _ring(keys: Mapping[str, Keys], groups: Iterable[str], rotated_for: str | None) -> KeyRing:
    of_pool = keys[""]
    return KeyRing(
        newest=of_pool.newest,
        earlier=of_pool.earlier,
        rotated_for=rotated_for,
        groups={name: keys[name] for name in groups},
    )


def _living(keys: Keys, overlap: timedelta, now: datetime) -> Keys:
    # Somebody may have put an earlier key back into the Secret by hand. Then it is the newest, and does not die.
    earlier = (
        key for key in keys.earlier if dies_at(key, overlap) > now and key.sha256 != keys.newest.sha256
    )
    return Keys(newest=keys.newest, earlier=tuple(earlier))


def _replaced(keys: Keys, overlap: timedelta, now: datetime) -> tuple[EarlierKey, ...]:
    """What the earlier keys are once ``keys`` have another newest one."""
    replaced = EarlierKey(sha256=keys.newest.sha256, replaced_at=now.replace(microsecond=0))
    return (replaced, *keys.earlier) if dies_at(replaced, overlap) > now else keys.earlier

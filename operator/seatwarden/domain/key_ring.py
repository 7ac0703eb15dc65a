"""The licence keys of a pool: the newest one, and earlier ones that still open the pool for a while.

A rotation puts a new key in front. What it replaces goes on opening the pool for the overlap, so that customers have time
to take the new key. The overlap is that of the spec as it is now: a shorter one ends earlier keys sooner, and none ends
them at once.

No more than `MOST_LICENCE_KEYS` open a pool at one time. Beyond that a rotation waits for the oldest to die. It must not cost
the oldest its time: then something that asks for a rotation every minute would lock out every customer within minutes.

What is remembered of an earlier key is its SHA-256 and when it was replaced, never its text.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
class KeyRing:
    """``earlier`` has the latest replaced first. ``rotated_for`` is the request for a rotation that was met last."""

    newest: LicenceKey
    earlier: tuple[EarlierKey, ...] = ()
    rotated_for: str | None = None


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
) -> Turn:
    """``ring`` without dead keys and, where ``request`` is a new one and there is room, with a key of ``new_key`` in front."""
    living = replace(ring, earlier=tuple(key for key in ring.earlier if _opens(key, ring, overlap, now)))
    if request is None or request == ring.rotated_for:
        return Turn(ring=living)
    replaced = EarlierKey(sha256=ring.newest.sha256, replaced_at=now.replace(microsecond=0))
    earlier = (replaced, *living.earlier) if dies_at(replaced, overlap) > now else living.earlier
    if len(earlier) >= MOST_LICENCE_KEYS:
        return Turn(ring=living, waits_until=next_death(living, overlap))
    return Turn(ring=KeyRing(newest=new_key(), earlier=earlier, rotated_for=request))


def dies_at(key: EarlierKey, overlap: timedelta) -> datetime:
    """The instant from which ``key`` opens nothing any more."""
    return key.replaced_at + overlap


def _opens(key: EarlierKey, ring: KeyRing, overlap: timedelta, now: datetime) -> bool:
    # Somebody may have put an earlier key back into the Secret by hand. Then it is the newest, and does not die.
    return dies_at(key, overlap) > now and key.sha256 != ring.newest.sha256


def next_death(ring: KeyRing, overlap: timedelta) -> datetime | None:
    """When the next key of ``ring`` dies, None where none does."""
    return min((dies_at(key, overlap) for key in ring.earlier), default=None)

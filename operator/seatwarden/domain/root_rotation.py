"""The life of a Tenant's root keys: Pending, Published, Signing, Retiring, Retired.

A key is public before it signs, for as long as anybody may go on using a set of keys that was read before (`LEAD`). It stays
public behind its last signature for as long as anything that it signed may be alive: its documents, and the leases that those
certify. Only then its private half is destroyed. So what is signed at any time can be verified at any time of its life, also
with a set that is not the latest. A key that is compromised is the exception: it is out at once, and what it signed is believed
no more.

Nothing here looks at a clock or at the place where keys live; `step` is asked until it wants nothing more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from seatwarden.domain.licence_document import LICENCE
from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm
from seatwarden.resources.signing import SigningKeyState as State

JWKS_MAX_AGE = timedelta(hours=1)
LEAD = 2 * JWKS_MAX_AGE
MOST_ROOT_KEYS = 14
"""Beyond that a rotation waits for the oldest key to end. The status has room for two more."""
_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyRecord:
    """A key and where it is in its life, since the whole second ``since``.

    ``longest_lease`` is the longest time for which a lease may count that one of its documents certifies.
    """

    public: PublicRootKey
    reference: str
    state: State
    since: datetime
    longest_lease: timedelta = timedelta()
    compromised: bool = False

    @property
    def kid(self) -> str:
        """Its id."""
        return self.public.kid

    @property
    def ends_at(self) -> datetime:
        """When nothing is left that it signed, if it signs no more since `since`."""
        return self.since + LICENCE.life + self.longest_lease + _SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A key as it was found in its place; ``ends`` where its private half is about to be destroyed there."""

    public: PublicRootKey
    reference: str
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationWish:
    """What is wanted of the keys. Without a ``period`` they are replaced on request only.

    ``is_requested`` is so until a key has been made for the request. ``compromised`` are ids of keys. ``longest_lease`` is the
    longest time for which any pool signs a lease or lends a seat.
    """

    algorithm: RootAlgorithm
    longest_lease: timedelta
    period: timedelta | None = None
    is_requested: bool = False
    compromised: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be done: the records to write down first, then a key to make, and private halves to destroy.

    ``waits_until`` is when a key ends that has to before another is made; ``changes_at`` is when something changes by the passing
    of time alone.
    """

    records: tuple[RootKeyRecord, ...]
    makes: bool = False
    waits_until: datetime | None = None
    destroys: tuple[str, ...] = ()
    changes_at: datetime | None = None


@dataclass(slots=True)
class _Table:
    """The records while they are being changed, the oldest first."""

    now: datetime
    records: list[RootKeyRecord] = field(default_factory=list)

    def of(self, *states: State) -> list[RootKeyRecord]:
        return [each for each in self.records if each.state in states]

    def move(self, record: RootKeyRecord, state: State, *, compromised: bool = False) -> None:
        moved = replace(record, state=state, since=self.now, compromised=compromised or record.compromised)
        self.records[self.records.index(record)] = moved


def step(
    records: Sequence[RootKeyRecord],
    kept: Sequence[Kept],
    wish: RotationWish,
    *,
    published: Collection[str],
    now: datetime,
) -> Step:
    """The next step. ``kept`` are the keys that are in their place, ``published`` the ids in the set that is public now."""
    table = _Table(now, list(records))
    _take_in(table, kept)
    _cut_compromised(table, wish.compromised)
    _retire(table, {each.reference for each in kept if not each.ends})
    for record in table.of(State.PENDING):
        if record.kid in published:
            table.move(record, State.PUBLISHED)
    _hand_over(table)
    _note_longest(table, wish.longest_lease)
    there = {each.reference for each in kept if not each.ends}
    needs, ends = _needs_another(table, wish), _first_end(table)
    is_full = len(table.records) >= MOST_ROOT_KEYS and signing(table.records) is not None
    return Step(
        records=tuple(table.records),
        makes=needs and not is_full,
        waits_until=ends if needs and is_full else None,
        destroys=tuple(each.reference for each in table.of(State.RETIRED) if each.reference in there),
        changes_at=_changes_at(table, wish),
    )


def public_set(records: Sequence[RootKeyRecord]) -> tuple[PublicRootKey, ...]:
    """The keys whose signatures are to be believed, or will be."""
    return tuple(each.public for each in records if each.state is not State.RETIRED)


def signing(records: Sequence[RootKeyRecord]) -> RootKeyRecord | None:
    """The key that signs, if any does."""
    return next((each for each in records if each.state is State.SIGNING), None)


def _take_in(table: _Table, kept: Sequence[Kept]) -> None:
    """Keys that nobody remembers: without a memory the oldest signs, as it may have done so before."""
    known = {each.kid for each in table.records}
    for found in kept:
        if found.public.kid not in known and not found.ends:
            state = State.PENDING if table.of(State.SIGNING, State.PUBLISHED) else State.SIGNING
            table.records.append(
                RootKeyRecord(public=found.public, reference=found.reference, state=state, since=table.now)
            )
    there = {each.public.kid for each in kept}
    for record in table.of(State.SIGNING, State.PUBLISHED, State.PENDING):
        if record.kid not in there:
            # Somebody destroyed it. What it signed stays good.
            table.move(record, State.RETIRING if record.state is State.SIGNING else State.RETIRED)


def _cut_compromised(table: _Table, compromised: Collection[str]) -> None:
    for record in [each for each in table.records if each.kid in compromised and not each.compromised]:
        table.move(record, State.RETIRED, compromised=True)


def _retire(table: _Table, there: Collection[str]) -> None:
    for record in table.of(State.RETIRING):
        if table.now >= record.ends_at:
            table.move(record, State.RETIRED)
    # One that is still in its place would be taken for a new one; one that is compromised is told as long as anybody might
    # believe what it signed.
    table.records = [
        each
        for each in table.records
        if each.state is not State.RETIRED
        or each.reference in there
        or (each.compromised and table.now < each.ends_at)
    ]


def _hand_over(table: _Table) -> None:
    """The published key that may sign does, and the one before it signs no more."""
    before = table.of(State.SIGNING)
    ripe = [each for each in table.of(State.PUBLISHED) if table.now - each.since >= LEAD]
    # Where none signs, one that is too young is better than none: what it signs can be verified an hour later at most.
    successor = next(iter(ripe or ([] if before else table.of(State.PUBLISHED, State.PENDING))), None)
    if successor is None:
        return
    for record in before:
        table.move(record, State.RETIRING)
    table.move(successor, State.SIGNING)


def _note_longest(table: _Table, longest: timedelta) -> None:
    table.records = [
        replace(each, longest_lease=max(each.longest_lease, longest)) if each.state is State.SIGNING else each
        for each in table.records
    ]


def _needs_another(table: _Table, wish: RotationWish) -> bool:
    signs = signing(table.records)
    if signs is None:
        return True
    if table.of(State.PENDING, State.PUBLISHED):
        return False
    is_old = wish.period is not None and table.now - signs.since >= wish.period
    return is_old or wish.is_requested or signs.public.algorithm is not wish.algorithm


def _first_end(table: _Table) -> datetime | None:
    return min((each.ends_at for each in table.of(State.RETIRING, State.RETIRED)), default=None)


def _changes_at(table: _Table, wish: RotationWish) -> datetime | None:
    instants = [each.since + LEAD for each in table.of(State.PUBLISHED)]
    instants += [each.ends_at for each in table.of(State.RETIRING, State.RETIRED)]
    if wish.period is not None and not table.of(State.PENDING, State.PUBLISHED):
        instants += [each.since + wish.period for each in table.of(State.SIGNING)]
    return min(instants, default=None)

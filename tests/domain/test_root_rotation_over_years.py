"""Years of rotations, outages and lost memories: whatever was signed can be verified as long as it counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from seatwarden.domain.licence_document import LICENCE
from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm
from seatwarden.domain.root_rotation import (
    JWKS_MAX_AGE,
    Kept,
    RootKeyRecord,
    RotationWish,
    public_set,
    signing,
    step,
)
from seatwarden.resources.signing import SigningKeyState as State
from tests.domain.objects import NOON

DAY = timedelta(days=1)


@dataclass
class Customer:
    """A Tenant with the place of its keys, its public set, and all that it ever signed."""

    now: datetime = NOON
    records: tuple[RootKeyRecord, ...] = ()
    kept: list[Kept] = field(default_factory=list)
    sets: list[tuple[datetime, frozenset[str]]] = field(default_factory=list)
    documents: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    compromised: set[str] = field(default_factory=set)
    made: int = 0
    last_emergency: datetime = NOON
    """Until when the last key was cut, or all was forgotten: then there is no time for a set to go round."""

    @property
    def published(self) -> frozenset[str]:
        return self.sets[-1][1] if self.sets else frozenset()

    def reconcile(self, wish: RotationWish, *, place: bool, redis: bool) -> None:
        """A run of the reconciler. Without its ``place`` it learns nothing of keys; without ``redis`` no set gets out."""
        if not place:
            return
        for _ in range(6):
            found = step(self.records, self.kept, wish, published=self.published, now=self.now)
            self.records = found.records
            self.kept = [each for each in self.kept if each.reference not in found.destroys]
            if found.makes:
                kid = f"k{self.made:03}"
                self.kept.append(Kept(public=PublicRootKey(kid, RootAlgorithm.RS256, "", {}), reference=kid))
                self.made += 1
            wanted = frozenset(each.kid for each in public_set(self.records))
            if redis and wanted != self.published:
                self.sets.append((self.now, wanted))
            assert len([each for each in self.records if each.state is State.SIGNING]) <= 1
        if (signs := signing(self.records)) is not None and redis:
            until = self.now + LICENCE.life + wish.longest_lease
            self.documents.append((signs.kid, self.now, until))

    def set_cached_at(self, instant: datetime) -> frozenset[str]:
        return next((kids for at, kids in reversed(self.sets) if at <= instant), frozenset())

    def check(self) -> None:
        """All that counts is verified by the set of now, and by one that was read as early as may be."""
        for kid, signed_at, until in self.documents:
            if kid in self.compromised or not signed_at <= self.now <= until:
                continue
            assert kid in self.published, (kid, signed_at, self.now)
            cached = self.set_cached_at(self.now - JWKS_MAX_AGE)
            first = self.documents[0][1]
            if self.now - JWKS_MAX_AGE >= max(first, self.last_emergency):
                assert kid in cached, (kid, signed_at, self.now)


PAUSES = st.sampled_from(
    [timedelta(minutes=30), timedelta(hours=1), timedelta(hours=3), DAY, 9 * DAY, 40 * DAY]
)
EVENTS = st.sampled_from(["", "", "", "asked", "asked", "shorter leases", "memory lost", "compromised"])
AWAY = st.sampled_from(["", "", "", "place", "redis"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(PAUSES, EVENTS, AWAY), min_size=5, max_size=60),
    st.sampled_from([None, 7 * DAY, 90 * DAY]),
    st.sampled_from([3 * DAY, 365 * DAY]),
)
def test_what_was_signed_can_be_verified_as_long_as_it_counts(
    story: Sequence[tuple[timedelta, str, str]], period: timedelta | None, longest: timedelta
) -> None:
    customer, is_forgetful = Customer(), False
    wish = RotationWish(algorithm=RootAlgorithm.RS256, longest_lease=longest, period=period)
    customer.reconcile(wish, place=True, redis=True)
    for pause, event, away in story:
        customer.now += pause
        if event == "compromised" and (signs := signing(customer.records)) is not None:
            customer.compromised.add(signs.kid)
        # With the memory goes how long leases once were, so a story has one of the two only.
        if event == "memory lost" and wish.longest_lease == longest:
            # A status that is restored from a backup of yesterday's, or written by nobody, knows no key.
            customer.records, is_forgetful = (), True
            customer.last_emergency = customer.now
        if event == "shorter leases" and not is_forgetful:
            wish = replace(wish, longest_lease=DAY)
        if customer.published & customer.compromised:
            customer.last_emergency = customer.now
        asked = replace(wish, is_requested=event == "asked", compromised=customer.compromised)
        customer.reconcile(asked, place=away != "place", redis=away != "redis")
        if event != "memory lost":
            customer.check()
        assert not customer.published & customer.compromised or away


@settings(max_examples=60, deadline=None)
@given(st.lists(PAUSES, min_size=30, max_size=80))
def test_every_key_ends_and_never_are_more_kept_than_there_is_room_for(pauses: Sequence[timedelta]) -> None:
    customer = Customer()
    wish = RotationWish(algorithm=RootAlgorithm.RS256, longest_lease=3 * DAY, period=7 * DAY)
    for pause in pauses:
        customer.now += pause
        customer.reconcile(wish, place=True, redis=True)
        assert len(customer.records) <= 16
        assert {each.reference for each in customer.kept} == {each.reference for each in customer.records}
    for _ in range(3):
        customer.now += 40 * DAY
        customer.reconcile(replace(wish, period=None), place=True, redis=True)
    assert [each.state for each in customer.records] == [State.SIGNING]

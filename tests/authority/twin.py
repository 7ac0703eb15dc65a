"""The calls on a `PoolTwin`, and what must be equal in their answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seatwarden.backends.redis_scripts import ARRIVE
from seatwarden.backends.redis_wire import Loss, arrive_arguments, nonce_digest, read_arrival
from seatwarden.domain.borrowing import Borrow, BorrowedLease, BorrowRefusal, Borrows, ReturnVerdict
from seatwarden.domain.seats import (
    AcquireRequest,
    Arrival,
    Beat,
    BeatVerdict,
    Code,
    DeviceList,
    DeviceRemoval,
    Fence,
    Grant,
    GroupVerdict,
    Millis,
    Outage,
    PoolCounts,
    Refusal,
    SeatGroup,
    SessionRow,
    SignedLease,
    Validation,
    estimate_of,
)
from seatwarden.domain.versions import version_window
from tests.authority.desk import KEY, beat_of
from tests.authority.loss import Lost
from tests.authority.model import Look, SeatModel
from tests.authority.modelled_queue import Wanted
from tests.authority.pool_audit import TOTALS, all_pages
from tests.authority.pool_twin import PoolTwin
from tests.authority.virtual_time import at_once
from tests.domain.semver import admits


class Twin(PoolTwin):
    """See `PoolTwin`; whatever can be asked of a pool."""

    def acquire(self, holder: str, nonce: str = "", *, key: str = KEY, **details: Any) -> Grant | Refusal:
        request = AcquireRequest(key_hash=key, holder=holder, nonce=nonce, **details)
        kept = self.replays.kept_for(request, self.now)
        self.replays.told_last = kept is not None
        real = self.authority.acquire(self.pool, request)
        if not self.opened_by(key):
            answer = self._both(real, lambda _: None)[0]
            assert answer == Refusal(code=Code.INVALID_LICENSE)
            return answer
        if kept is not None:
            answer = self._both(real, lambda _: None)[0]
            return self.replays.told_again(kept, request, answer)
        digest, had = nonce_digest(nonce), self._had(holder)
        taken_over = self.model.totals.get("taken_over", 0)
        try:
            key_id = self.config.key_ids[key]
            wanted = Wanted(
                digest, request.quantity, request.group, request.client_version, request.would_wait
            )
            answer, (code, number) = self._both(
                real,
                lambda model: model.acquire(self.now, holder, key_id, wanted, self.group_of_key(key)),
            )
        except Lost as lost:
            if lost.applied and holder in self.model.leases:
                self.replays.may_be_kept(request, self.model.leases[holder].fence, self._kept_until())
            raise
        assert answer.code is code, (answer, code)
        assert (answer.capacity, answer.live) == (self.config.capacity, self.model.live(self.now))
        if isinstance(answer, Refusal):
            assert answer.retry_after == number
            if code is Code.VERSION_BLOCKED:
                window = self.config.version_min, self.config.version_max
                assert all(end in answer.versions for end in window), answer
            assert (answer.rate is not None) == (code is Code.RATE_LIMITED)
            place = (self.model.position(holder), len(self.model.waiting())) if code is Code.QUEUED else None
            assert (answer.place and answer.place[:2]) == place
            if answer.place is not None:
                assert answer.place.estimate == self._estimate(answer.place.position)
        else:
            held = self.model.leases[holder]
            assert answer.taken_over == (self.model.totals.get("taken_over", 0) > taken_over)
            assert self.holders.setdefault(answer.lease_id, holder) == holder
            held.lease_id = answer.lease_id
            assert (answer.fence, answer.expires_in) == (number, self.model.lease_from_now(self.now) - 1)
            told = (answer.quantity, answer.group, answer.overage)
            assert told == (held.quantity, held.group, len(held.above))
            assert (answer.heartbeat, answer.at) == (self.config.heartbeat, self.now)
            assert (answer.signed_for, answer.spread) == (
                self.config.signed_for,
                0 if request.idempotency_key is None else request.spread,
            )
            if answer.code is Code.GRANTED:
                self.watch.fence_given(answer.fence)
            self.replays.keep(request, answer, self._kept_until())
        self.watch.answered(answer, request.quantity - had, queue=self.config.queue_size > 0)
        return answer

    def _estimate(self, position: int) -> int | None:
        [seat_ms] = self.runner.ask(("HGET", self.keys.state, "seat_ms"))
        ended = sum(
            self.model.totals.get(total, 0) for total in ("released", "expired", "evicted", "suspended")
        )
        return estimate_of(position, self.config.capacity, int(seat_ms), ended)

    def _had(self, holder: str) -> int:
        held = self.model.leases.get(holder)
        return held.quantity if held and not held.ended and self.model.left(self.now, held) > 0 else 0

    def _kept_until(self) -> int:
        return self.now + self.model.lease_from_now(self.now)

    def seat(self, holder: str, nonce: str = "", **details: Any) -> Grant:
        answer = self.acquire(holder, nonce, **details)
        assert isinstance(answer, Grant), answer
        return answer

    def beat(self, *grants: Grant | Beat, key: str = KEY) -> list[BeatVerdict]:
        beats = [beat_of(one) if isinstance(one, Grant) else one for one in grants]
        real = self.authority.heartbeat(self.pool, key, beats)
        if not self.opened_by(key):
            answers = self._both(real, lambda _: None)[0]
            assert answers == [BeatVerdict(code=Code.INVALID_LICENSE)] * len(beats)
            return answers

        def all_at_once(model: SeatModel) -> list[tuple[Code, int]]:
            return [model.heartbeat(self.now, self.holders.get(beat.lease_id), beat.fence) for beat in beats]

        answers, expected = self._both(real, all_at_once)
        assert [(one.code, one.expires_in) for one in answers] == [_told(*one) for one in expected]
        assert [one.heartbeat for one in answers] == [
            self.config.heartbeat if left > 0 else 0 for _, left in expected
        ]
        return answers

    def release(self, grant: Grant | Beat, *, key: str = KEY) -> Code:
        beat = beat_of(grant) if isinstance(grant, Grant) else grant
        known = self.opened_by(key)
        holder = self.holders.get(beat.lease_id)
        answer, expected = self._both(
            self.authority.release(self.pool, key, beat),
            lambda model: model.release(self.now, holder, beat.fence) if known else Code.INVALID_LICENSE,
        )
        assert answer.code is expected, (answer, expected)
        return expected

    def borrow(self, grant: Grant | Beat, length: int = 0, *, key: str = KEY) -> Borrow | BorrowRefusal:
        beat = beat_of(grant) if isinstance(grant, Grant) else grant
        real = self.authority.borrow(self.pool, key, beat, Millis(length))
        if not self.opened_by(key):
            answer = self._both(real, lambda _: None)[0]
            assert answer == BorrowRefusal(code=Code.INVALID_LICENSE)
            return answer
        holder = self.holders.get(beat.lease_id)
        answer, (code, number, longest) = self._both(
            real, lambda model: model.borrow(self.now, holder, beat.fence, length)
        )
        if isinstance(answer, BorrowRefusal):
            told = (answer.seats_left, answer.longest) if code is Code.BORROW_LIMIT else (answer.left, 0)
            assert (answer.code, *told) == (code, number, longest), answer
            return answer
        held = self.model.leases[holder or ""]
        assert (code, answer.borrowed_for, answer.at) == (Code.BORROWED, number, self.now)
        assert (answer.holder, answer.nonce, answer.fence) == (holder, held.nonce, held.fence)
        assert (answer.quantity, answer.group) == (held.quantity, held.group)
        assert (answer.capacity, answer.live) == (self.config.capacity, self.model.live(self.now))
        return answer

    def take_back(self, grant: Grant | Beat, *, key: str = KEY) -> ReturnVerdict:
        beat = beat_of(grant) if isinstance(grant, Grant) else grant
        real = self.authority.take_back(self.pool, key, beat)
        if not self.opened_by(key):
            answer = self._both(real, lambda _: None)[0]
            assert answer == BeatVerdict(code=Code.INVALID_LICENSE)
            return answer
        holder = self.holders.get(beat.lease_id)
        answer, (code, left) = self._both(real, lambda model: model.take_back(self.now, holder, beat.fence))
        if isinstance(answer, BeatVerdict):
            assert (answer.code, answer.expires_in) == (code, 0)
            return answer
        held = self.model.leases[holder or ""]
        assert (code, answer.expires_in) == _told(Code.RETURNED, left)
        assert (answer.holder, answer.nonce, answer.quantity, answer.group) == (
            holder,
            held.nonce,
            held.quantity,
            held.group,
        )
        assert (answer.at, answer.heartbeat) == (self.now, self.config.heartbeat)
        assert answer.signed_for == self.config.signed_for
        return answer

    def borrows(self) -> Borrows:
        """What the operator mirrors."""
        found, _ = self._both(self.authority.borrows(self.pool), lambda _: None)
        assert found is not None
        assert found.epoch == self.model.epoch
        assert sorted(found.leases) == sorted(
            BorrowedLease(who, Fence(one.fence), Millis(one.borrowed_until), one.quantity, one.group)
            for who, one in self.model.leases.items()
            if one.borrowed_until > self.now
        )
        assert [each.until for each in found.leases] == sorted(each.until for each in found.leases)
        return found

    def restore(self, borrowed: Sequence[BorrowedLease]) -> int | None:
        """The operator puts back what it had mirrored."""
        self.watch.leases_run_on()
        real = self.authority.restore(self.pool, borrowed)
        restored, expected = self._both(real, lambda model: model.restore(self.now, borrowed))
        assert restored == expected
        self._meet_new_leases()
        return restored

    def validate(
        self,
        holder: str | None = None,
        lease_id: str | None = None,
        *,
        version: str | None = None,
        group: str | None = None,
        key: str = KEY,
    ) -> Validation:
        real = self.authority.validate(
            self.pool, key, holder=holder, lease_id=lease_id, client_version=version, group=group
        )
        meant = holder if holder is not None else self.holders.get(lease_id or "")
        if holder is not None and lease_id is not None and self.holders.get(lease_id) != holder:
            meant = None
        at_lease = holder is not None or lease_id is not None
        look = Look(
            at_lease=at_lease,
            holder=meant,
            named=holder,
            version=version,
            group=group,
            key_group=self.group_of_key(key),
        )
        answer, (code, left) = self._both(real, lambda model: model.validate(self.now, look))
        assert isinstance(answer, Validation)
        assert (answer.version and answer.version.admitted) == (
            None if version is None else admits(self.config.version_min, self.config.version_max, version)
        )
        assert not answer.version or answer.version.window == version_window(
            self.config.version_min, self.config.version_max
        )
        assert answer.group == self._group_told(self.model.group_looked_at(look))
        assert (answer.code, answer.expires_in) == _told(code, left), (answer, code, left)
        ends = self.config.valid_until
        assert answer.valid_for == (None if ends is None else max(0, ends - self.now))
        assert (answer.capacity, answer.live) == (self.config.capacity, self.model.live(self.now))
        held = self.model.leases.get(meant or "")
        expected = (None, None) if held is None else (held.lease_id, held.fence)
        assert (answer.lease_id, answer.fence) == expected
        assert answer.document == self.config.document
        return answer

    def _group_told(self, name: str) -> GroupVerdict | None:
        if not name:
            return None
        terms, used = self.config.groups.get(name, SeatGroup()), self.model.group_has(name)
        return GroupVerdict(name, name in self.config.groups, terms.reserved, terms.limit, used)

    def sessions_refused(self, key: str) -> None:
        """With the key of a group neither the leases of all can be listed nor the devices."""
        for listed in (
            self.authority.sessions(self.pool, key, limit=5, cursor=None),
            self.authority.devices(self.pool, key),
        ):
            assert self._both(listed, lambda _: None)[0] == Refusal(code=Code.NOT_ENTITLED)

    def is_shut_to(self, key: str) -> None:
        """A dead key, or one that was never the pool's, learns nothing."""
        asked = (
            self.authority.validate(self.pool, key),
            self.authority.sessions(self.pool, key, limit=1, cursor=None),
            self.authority.devices(self.pool, key),
            self.authority.remove_device(self.pool, key, "0" * 64),
        )
        codes = {getattr(self._both(call, lambda _: None)[0], "code", None) for call in asked}
        assert codes == {Code.INVALID_LICENSE}

    def sessions(self, limit: int = 500, *, key: str = KEY) -> list[SessionRow]:
        """All pages, while the clock stands."""
        unexpired = sum(lease.expiry > self.now for lease in self.model.holding())
        rows = all_pages(self.authority, self.pool, key, limit, live=unexpired)
        live = [
            (
                *(lease.lease_id, lease.fence, lease.quantity, lease.group, lease.since),
                *(lease.expiry - self.now, lease.lingers),
            )
            for lease in self.model.holding()
            if lease.expiry > self.now
        ]
        assert [
            (
                *(row.lease_id, row.fence, row.quantity, row.group, row.acquired_at),
                *(row.expires_in, row.lingers),
            )
            for row in rows
        ] == live
        assert {len(row.key_id) for row in rows} <= {10}
        assert [row.holder for row in rows] == [self.holders[row.lease_id] for row in rows]
        return rows

    def devices(self, *, key: str = KEY) -> DeviceList:
        """The list, while the clock stands."""
        assert not self.group_of_key(key)
        answer, _ = self._both(self.authority.devices(self.pool, key), lambda _: None)
        assert isinstance(answer, DeviceList)
        model = self.model
        assert [(one.holder, one.registered_at) for one in answer.devices] == sorted(
            model.devices.items(), key=lambda one: (one[1], one[0])
        )
        assert answer.limit == (self.config.device_limit or None)
        assert answer.cooldown_left == model.device_cooldown_left(self.now)
        kept = {holder: model.left(self.now, one) for holder, one in model.leases.items() if not one.ended}
        assert [one.seat_kept_for for one in answer.devices] == [
            max(0, kept.get(one.holder, 0)) for one in answer.devices
        ]
        return answer

    def remove_device(self, holder: str, *, by_operator: bool = False, key: str = KEY) -> DeviceRemoval:
        real = (
            self.authority.dismiss_device(self.pool, holder[:12])
            if by_operator
            else self.authority.remove_device(self.pool, key, holder)
        )
        if not by_operator and not self.opened_by(key):
            answer = self._both(real, lambda _: None)[0]
            assert answer == DeviceRemoval(code=Code.INVALID_LICENSE)
            return answer
        if not by_operator and self.group_of_key(key):
            answer = self._both(real, lambda _: None)[0]
            assert answer == DeviceRemoval(code=Code.NOT_ENTITLED)
            return answer
        answer, (code, wait) = self._both(
            real, lambda model: model.remove_device(self.now, holder, by_operator=by_operator)
        )
        assert (answer.code, answer.retry_after) == (code, wait)
        return answer

    def sweep(self) -> PoolCounts:
        [counts], purged = self._both(self.authority.sweep([self.pool]), lambda model: model.sweep(self.now))
        assert counts is not None
        model, holding = self.model, self.model.holding()
        assert (counts.purged, counts.live) == (purged, model.live(self.now))
        recovering = model.recovering(self.now)
        assert counts.recovering_for == recovering
        assert counts.unpurged == (0 if recovering else model.used() - counts.live)
        assert (counts.epoch, counts.peak, counts.capacity) == (model.epoch, model.peak, self.config.capacity)
        told = [name for name in TOTALS if name not in {"converted", "borrowed", "returned", "lingering"}]
        assert {name: getattr(counts, name) for name in told} == {
            name: model.totals.get(name, 0) for name in told
        }
        assert counts.devices == len(model.devices)
        assert counts.overage == len(model.above())
        assert counts.key_uses == model.key_uses
        assert counts.waiting == len(model.waiting())
        assert (counts.borrowed, counts.lends) == (model.borrowed(self.now), model.borrow_seats > 0)
        assert counts.groups == {name: model.group_has(name) for name in self.config.groups}
        self.watch.counted(counts, exact=model.seat_milliseconds(self.now))
        evicts_in = model.eviction_in(self.now)
        assert counts.due == model.due
        assert counts.evicts_at == (None if evicts_in is None else self.now + evicts_in)
        ends = [model.left(self.now, holding[0])] if holding else []
        ends += [self.config.linger] if self.config.linger else []
        ends += [] if evicts_in is None else [evicts_in]
        assert counts.next_expiry_in == max(1, min([self.config.lease, *ends]))
        return counts

    def observe(self) -> None:
        [seen] = at_once(self.authority.observe([self.pool]))
        assert seen is not None
        assert (seen.epoch, seen.capacity) == (self.model.epoch, self.config.capacity)
        assert (seen.live, seen.config_digest) == (self.model.live(self.now), self.config.digest)
        assert seen.recovering_for == self.model.recovering(self.now)

    def arrive(self, run: str, *outages: Outage, loss: Loss = Loss.IMPOSSIBLE) -> Arrival | str:
        """Tell the pool that its callers are on server ``run`` now, and of ``outages``."""
        self.watch.leases_run_on()
        reply = self.runner.run(ARRIVE, self.keys, *arrive_arguments(run, outages, loss))
        raw, expected = self._both(reply, lambda model: model.arrive(self.now, run, loss, outages))
        told = raw.decode() if isinstance(raw, bytes) else read_arrival(raw)
        assert told == expected, (told, expected)
        return expected

    def readmit(self, shown: SignedLease, *, key: str = KEY) -> BeatVerdict:
        """A client shows a lease whose signature was verified."""
        real = self.authority.readmit(self.pool, key, shown)
        if not self.opened_by(key):
            answer = self._both(real, lambda _: None)[0]
            assert answer == BeatVerdict(code=Code.INVALID_LICENSE)
            return answer
        is_own = self.holders.get(shown.lease_id) == shown.holder
        answer, (code, left) = self._both(real, lambda model: model.readmit(self.now, shown, is_own=is_own))
        assert (answer.code, answer.expires_in) == _told(code, left), (answer, code, left)
        assert answer.heartbeat == (self.config.heartbeat if left > 0 else 0)
        return answer

    def proof(self, grant: Grant, holder: str, nonce: str = "", **changes: Any) -> SignedLease:
        """What the endpoint has verified of the signed lease that came with ``grant``."""
        lease = SignedLease(
            pool=self.pool,
            lease_id=grant.lease_id,
            holder=holder,
            nonce=nonce_digest(nonce),
            fence=grant.fence,
            issued_at=grant.at,
            valid_until=Millis(grant.at + grant.signed_for),
            quantity=grant.quantity,
            group=grant.group,
        )
        return replace(lease, **changes)


def _told(code: Code, left: int) -> tuple[Code, int]:
    """A lease is told to end a millisecond early, as the authority's clock is rounded down by up to that much."""
    return code, left if code is Code.RECOVERING else max(0, left - 1)

"""The seat authority as a page of Python: what the real one is compared with, answer by answer.

It is pure. The instant of each call comes in, so it goes with any clock, and it says exactly what must be answered,
which fence is next and how many seat-milliseconds there are. It does not share the real one's way of counting: that
keeps an integral and corrects it; here each lease is charged from its own beginning to its own end.

What is remembered of ended leases, and until when, is part of what clients see. So the model purges and forgets where the
scripts do. In recovery that is nothing, and only leases count that were heard of since. A policy that
comes later adds its own verdict to `acquire` and its own fields to `ModelLease`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.seats import Arrival, Code, Outage, PoolState, SignedLease
from tests.authority.modelled_endings import ModelledEndings
from tests.authority.modelled_queue import Denial, Wanted
from tests.authority.modelled_state import ModelLease
from tests.domain.semver import admits

MINUTE = 60_000_000
NOBODY = ModelLease(0, "", 0, 0, quantity=0)


class Look(NamedTuple):
    """What is to be looked at: the lease of ``holder``, None for one that is nobody's. ``named`` is the holder that the caller
    named; ``version`` and ``group`` are None where they are not asked for."""

    at_lease: bool = False
    holder: str | None = None
    named: str | None = None
    version: str | None = None
    group: str | None = None
    key_group: str = ""


@dataclass
class SeatModel(ModelledEndings):
    """The calls on one pool. ``nonce`` is the digest of one."""

    def acquire(
        self, now: int, holder: str, key_id: str, wish: Wanted, key_group: str = ""
    ) -> tuple[Code, int | None]:
        """The code, and the fence that is given or how long to wait. The key of that id is known to open the pool."""
        wanted = wish._replace(group=key_group or self.group_of(holder, wish.group))
        self.spared = False
        code, number = self._turned_away(now, holder, key_id) or self._seat(now, holder, wanted)
        if self.spared and code in {Code.GRANTED, Code.EXISTING}:
            self._count("would_deny")
        self._note_use(now, key_id, code)
        return code, number

    def _turned_away(self, now: int, holder: str, key_id: str) -> tuple[Code, int | None] | None:
        if (closed := self.closed(now)) is not None:
            self._count("denied")
            return closed, None
        waits = self.queue_size > 0 and holder in self.tickets
        if (
            not waits
            and (wait := self._asks_too_often(now, holder, key_id))
            and self._stopped(Code.RATE_LIMITED)
        ):
            return Code.RATE_LIMITED, wait
        return None

    def _seat(self, now: int, holder: str, wanted: Wanted) -> tuple[Code, int | None]:
        held = self.leases.get(holder)
        lives = held if held is not None and held.ended is None and self.left(now, held) > 0 else None
        had = lives.quantity if lives else 0
        if lives and lives.borrowed_until > now and (wanted.quantity, wanted.group) != (had, lives.group):
            if wanted.quantity != had:
                self._count("denied")
                return Code.BORROWED, None
            wanted = wanted._replace(group=lives.group)
        stays = lives if lives and wanted.quantity <= had and wanted.group == lives.group else None
        if self.recovering(now) and not (stays and self._may_come_back(now, stays, wanted.quantity)):
            self._count("denied")
            self._keep_place(now, holder)
            return Code.RECOVERING, self.recovering(now)
        the_same = stays and (stays.nonce, stays.quantity) == (wanted.nonce, wanted.quantity)
        if stays and the_same and not stays.lingers:
            self._renew(now, stays)
            return Code.EXISTING, stays.fence
        if self._is_out_of_window(wanted.version) and self._stopped(Code.VERSION_BLOCKED):
            return Code.VERSION_BLOCKED, None
        registers = self.device_limit > 0 and holder not in self.devices
        if registers and len(self.devices) >= self.device_limit:
            if self._stopped(Code.DEVICE_LIMIT):
                return Code.DEVICE_LIMIT, None
            registers = False
        found = (
            (Code.GRANTED, self._take_over(now, stays, wanted)) if stays else self._take(now, holder, wanted)
        )
        if registers and found[0] is Code.GRANTED:
            self.devices[holder] = now
        return found

    def _is_out_of_window(self, version: str) -> bool:
        return not admits(self.version_min, self.version_max, version)

    def _take(self, now: int, holder: str, wanted: Wanted) -> tuple[Code, int | None]:
        held = self.leases.get(holder)
        lives = held if held is not None and held.ended is None and self.left(now, held) > 0 else None
        had = lives.quantity if lives else 0
        own = [held] if held is not None and held.ended is None and not lives else []
        purged = self._purge_for_groups(now, own)
        if purged > 0:
            self._forget(now)
        self._turn(now, holder, wanted)
        if (denied := self._denial(now, holder, wanted, had)) is not None:
            if not self.shadow:
                if purged > 0:
                    self._convert(now)
                return self._refuse(now, holder, wanted, denied, may_wait=not lives)
            self.spared = True
        return Code.GRANTED, self._grant(now, holder, wanted)

    def _refuse(
        self, now: int, holder: str, wanted: Wanted, denied: Denial, *, may_wait: bool
    ) -> tuple[Code, int | None]:
        waits = may_wait and self._may_wait(denied, wanted)
        if waits and self._wait(now, holder, wanted):
            return Code.QUEUED, min(self.claim // 2, 1000 * self.position(holder))
        self._count("denied")
        self._leave_queue(holder)
        return (Code.QUEUE_FULL if waits else denied.code), self._ends_in(now, denied.rank)

    def _take_over(self, now: int, held: ModelLease, wanted: Wanted) -> int:
        self._linger_no_more(held)
        self._renew(now, held)
        self._resize(now, held, wanted.quantity)
        held.nonce, held.fence = wanted.nonce, self._next_fence()
        self._count("taken_over")
        self._commit(now)
        return held.fence

    @staticmethod
    def _linger_no_more(held: ModelLease) -> None:
        if held.lingers:
            held.lingers, held.expiry = False, 0

    def _asks_too_often(self, now: int, holder: str, key_id: str) -> int:
        """How long to wait, in milliseconds; 0 where the wish may be looked at, and then it is counted."""
        quotas = {f"k{key_id}": self.rate_key, f"h{holder}": self.rate_holder}
        shares = {who: MINUTE // quota for who, quota in quotas.items() if quota}
        self.rates = {who: at for who, at in self.rates.items() if at > now * 1000}
        # Whoever is further ahead than a minute was so by a clock that has been set back.
        self.rates |= {who: min(self.rates[who], now * 1000 + MINUTE) for who in shares if who in self.rates}
        used = {who: max(0, self.rates.get(who, 0) - now * 1000) + share for who, share in shares.items()}
        if (most := max(used.values(), default=0)) > MINUTE:
            return -(-(most - MINUTE) // 1000)
        self.rates |= {who: now * 1000 + up_to for who, up_to in used.items()}
        return 0

    def remove_device(self, now: int, holder: str, *, by_operator: bool) -> tuple[Code, int | None]:
        """The code, and how long to wait."""
        if holder not in self.devices:
            return Code.UNKNOWN_DEVICE, None
        held = self.leases.get(holder)
        if held is not None and held.ended is None and (left := self.left(now, held)) > 0:
            return Code.DEVICE_IN_USE, left
        if not by_operator and (left := self.device_cooldown_left(now)):
            return Code.DEVICE_COOLDOWN, left
        del self.devices[holder]
        if not by_operator:
            self.device_removed_at = now
        return Code.DEVICE_REMOVED, None

    def device_cooldown_left(self, now: int) -> int:
        if self.device_removed_at is None:
            return 0
        return min(self.device_cooldown, max(0, self.device_removed_at + self.device_cooldown - now))

    def _stopped(self, code: Code) -> bool:
        """A gate is closed. In shadow mode nobody is stopped by it."""
        if self.shadow:
            self.spared = True
            return False
        self._count(code.value)
        self._count("denied")
        return True

    def _grant(self, now: int, holder: str, wanted: Wanted) -> int:
        nonce, quantity = wanted.nonce, wanted.quantity
        live, fence = self.live(now), self._next_fence()
        self.clock = max(self.clock, now)
        held = self.leases.get(holder)
        if held is None or held.ended is not None:
            held = ModelLease(fence, nonce, self.clock, 0, quantity=quantity)
            had, total = 0, "granted"
        else:
            had, total = held.quantity, "taken_over"
            self._linger_no_more(held)
            self._resize(now, held, quantity)
        held.nonce, held.fence, held.group = nonce, fence, wanted.group
        self._renew(now, held)
        self.leases[holder] = self._marked(held, live, quantity - had)
        self._leave_queue(holder)
        self._count(total)
        self._commit(now)
        return fence

    def heartbeat(self, now: int, holder: str | None, fence: int) -> tuple[Code, int]:
        """The code, and how long the lease then lives."""
        verdict = self._gone(now, holder, fence)
        if verdict is not None:
            return verdict, 0
        held = self.leases[holder or ""]
        if (closed := self.closed(now)) is not None:
            at_once = closed is Code.SUSPENDED and self.ends_at_once and held.borrowed_until <= now
            return closed, 0 if at_once else self.left(now, held)
        if self.recovering(now) and not self._may_come_back(now, held, held.quantity):
            return Code.RECOVERING, self.recovering(now)
        self._renew(now, held)
        return Code.OK, self.lease_from_now(now)

    def release(self, now: int, holder: str | None, fence: int) -> Code:
        verdict = self._gone(now, holder, fence)
        if verdict is not None:
            return verdict if verdict is Code.STALE_FENCE else Code.ALREADY_RELEASED
        self.clock = max(self.clock, now)
        if self._may_linger(now):
            self._let_linger(now, self.leases[holder or ""])
        else:
            self._end(self.leases[holder or ""], Code.RELEASED, self.clock, now, "released")
        self._commit(now)
        self._forget(now)
        return Code.RELEASED

    def validate(self, now: int, look: Look) -> tuple[Code, int]:
        """The first trouble, and how long the lease lives that is asked for."""
        code, left = self._look_at_lease(now, look.holder) if look.at_lease else (Code.OK, 0)
        troubles = [self.closed(now) or Code.OK, code, self._look_at_version(look), self._look_at_group(look)]
        return next((trouble for trouble in troubles if trouble is not Code.OK), Code.OK), left

    def _look_at_lease(self, now: int, holder: str | None) -> tuple[Code, int]:
        held = self.leases.get(holder or "")
        if held is None:
            return Code.UNKNOWN_SESSION, 0
        ended = Code.RELEASED if held.lingers else held.ended
        left = 0 if ended else max(0, self.left(now, held))
        code = ended or (Code.OK if left else Code.LEASE_EXPIRED)
        return (Code.LEASE_EXPIRED if code is Code.SUSPENDED else code), left

    def _look_at_version(self, look: Look) -> Code:
        blocked = look.version is not None and self._is_out_of_window(look.version) and not self.shadow
        return Code.VERSION_BLOCKED if blocked else Code.OK

    def _look_at_group(self, look: Look) -> Code:
        group = self.group_looked_at(look)
        is_named = look.group is not None or look.key_group
        refused = is_named and group not in self.groups and (group or self.only_groups)
        return Code.NOT_ENTITLED if refused and not self.shadow else Code.OK

    def group_looked_at(self, look: Look) -> str:
        """That of the key, else that into which the holder is put, else the one that is named, else that of the lease."""
        held = self.leases.get(look.holder or "") if look.at_lease else None
        lease = held if held is not None and not (held.ended or held.lingers) else None
        who = look.named or (look.holder if lease else None)
        own = lease.group if lease else ""
        return look.key_group or self.group_of(who or "", own if look.group is None else look.group)

    def sweep(self, now: int) -> int:
        """How many are purged."""
        purged = self._purge(now, [])
        self.due = self._end_what_is_due(now)
        self.eviction_in(now)
        self._convert(now)
        self._forget(now)
        self._drop_lapsed(now)
        for lease in self.holding():
            lease.borrowed_until = lease.borrowed_until if lease.borrowed_until > now else 0
        return purged

    def configure(self, now: int, state: PoolState, epoch: int, lease: int) -> None:
        """The effects of a changed configuration; plain fields are set by the caller."""
        if state is PoolState.SUSPENDED and self.state is not state:
            self.suspended_from, self.suspended_until = now, None
        elif self.state is PoolState.SUSPENDED and state is not self.state:
            self.suspended_until = now
        if not self.recovering(now):
            self.recover_until = 0
        longer, longest = lease > self.lease, max(lease, self.lease)
        self.state, self.lease = state, lease
        if self.recovering(now) and longer and now + lease + 1 > self.recover_until:
            self._extend(now, now + lease + 1)
        if epoch > self.epoch:
            self._begin_recovery(now, epoch, longest)
        if self.ends_all(now) or self.eviction_in(now) == 0:
            self._purge(now, [])
            self._end_what_is_due(now)
            self._commit(now)
            self._forget(now)
        self._commit(now)

    def arrive(self, now: int, run: str, loss: Loss, outages: Sequence[Outage]) -> Arrival | str:
        """What became of it, or on which server the pool was before."""
        elsewhere = self.run != run and (self.run is not None or self.counter > 0)
        if elsewhere and loss is Loss.TO_BE_TOLD:
            return self.run or ""
        done = Arrival.NOTHING_NEW
        if elsewhere and loss is Loss.EXPECTED:
            self._begin_recovery(now, self.epoch + 1, self.lease)
            done = Arrival.RECOVERY_BEGAN
        else:
            for outage in outages:
                if outage.number > self.outage and self._prolong(now, outage.began, outage.ended):
                    done = Arrival.LEASES_PROLONGED
        self.run, self.outage = run, outages[-1].number if outages else self.outage
        return done

    def readmit(self, now: int, shown: SignedLease, *, is_own: bool) -> tuple[Code, int]:
        """The code, and how long the lease then lives. ``is_own``: the lease's id is the one of its holder."""
        known = self.leases.get(shown.holder)
        if (verdict := self._disbelieved(now, shown, known, is_own=is_own)) is not None:
            return verdict, 0
        if shown.fence > (self.epoch << 32) + self.counter:
            self._begin_recovery(now, max(self.epoch, shown.fence >> 32) + 1, self.lease)
        elif not self.recovering(now):
            return Code.UNKNOWN_SESSION, 0
        held = known if known is not None and known.ended is None else NOBODY
        if not self._may_come_back(now, held, shown.quantity):
            return Code.RECOVERING, self.recovering(now)
        run = (shown.fence, shown.nonce)
        back = self._let_in(now, shown.holder, run, shown.quantity, shown.group)
        back.lease_id = shown.lease_id
        self._renew(now, back)
        self.peak = max(self.peak, self.live(now))
        if self.device_limit:
            self.devices.setdefault(shown.holder, now)
        return Code.OK, self.lease_from_now(now)

    def _disbelieved(
        self, now: int, shown: SignedLease, known: ModelLease | None, *, is_own: bool
    ) -> Code | None:
        if (closed := self.closed(now)) is not None:
            return closed
        if now >= shown.valid_until:
            return Code.LEASE_EXPIRED
        if not is_own:
            return Code.UNKNOWN_SESSION
        if known is not None and known.fence == shown.fence and (known.lingers or known.ended):
            return Code.RELEASED if known.lingers else known.ended
        return Code.STALE_FENCE if known is not None and known.fence > shown.fence else None

"""Who gets a seat and who has to wait, in the model: the rules for a new wish, and the queue."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from seatwarden.domain.seats import Code, SeatGroup
from tests.authority.modelled_state import ModelledState, ModelTicket


class Wanted(NamedTuple):
    """What a holder asks for."""

    nonce: str
    quantity: int
    group: str
    version: str
    would_wait: bool


class Denial(NamedTuple):
    """Why not, and the rank of the seat whose end could help."""

    code: Code
    rank: int | None = None


@dataclass
class ModelledQueue(ModelledState):
    """The queue is a dict of tickets: their order is made anew each time."""

    @property
    def allowed(self) -> int:
        return self.capacity + self.overage

    @property
    def has_queue(self) -> bool:
        return self.queue_size > 0 and not self.shadow

    def group_of(self, holder: str, named: str) -> str:
        """The group that a holder is in who names that one."""
        return next((name for name, group in self.groups.items() if holder in group.members), named)

    def waiting(self) -> list[str]:
        """Who waits, the first one first."""
        waits = [who for who, ticket in self.tickets.items() if not ticket.offered]
        return sorted(waits, key=lambda who: self.tickets[who].place)

    def position(self, holder: str) -> int:
        """Of one who waits, from 1."""
        return self.waiting().index(holder) + 1

    def _denial(self, now: int, holder: str, wanted: Wanted, had: int) -> Denial | None:
        group, more = self.groups.get(wanted.group), wanted.quantity - had
        others = [lease for who, lease in self.leases.items() if lease.ended is None and who != holder]
        has = {name: sum(one.quantity for one in others if one.group == name) for name in self.groups}
        if group is not None:
            has[wanted.group] += wanted.quantity
        held_back = sum(max(0, one.reserved - has[name]) for name, one in self.groups.items())
        limit = math.inf if group is None or group.limit is None else group.limit
        beyond_share = group is None or has[wanted.group] > group.reserved
        aside = self._offered_to_others(holder)
        taken = self.live(now) + aside + more
        rules = (
            (group is None and (wanted.group != "" or self.only_groups), Denial(Code.NOT_ENTITLED)),
            (more > 0 and wanted.quantity > self.holder_limit, Denial(Code.HOLDER_LIMIT)),
            (more > 0 and self.drain, Denial(Code.DRAINING)),
            (group is not None and has[wanted.group] > limit, Denial(Code.GROUP_LIMIT, 0)),
            (
                more > 0 and taken > self.allowed,
                Denial(Code.POOL_EXHAUSTED, self.used() + aside + more - self.allowed - 1),
            ),
            (beyond_share and taken + held_back > self.allowed, Denial(Code.RESERVED, 0)),
            (
                more > 0 and beyond_share and self._others_are_before(holder, wanted.group),
                Denial(Code.POOL_EXHAUSTED, 0),
            ),
        )
        return next((denial for applies, denial in rules if applies), None)

    def _ends_in(self, now: int, rank: int | None) -> int | None:
        ends = [lease.expiry for lease in self.holding() for _ in range(lease.quantity)]
        return None if rank is None or rank >= len(ends) else max(1, ends[rank] - now)

    def _offered_to_others(self, holder: str) -> int:
        offered = ((who, one.quantity) for who, one in self.tickets.items() if one.offered)
        return sum(quantity for who, quantity in offered if who != holder) if self.has_queue else 0

    def _others_are_before(self, holder: str, group: str) -> bool:
        own = self.tickets.get(holder)
        if not self.has_queue or (own and own.offered):
            return False
        place = own.place if own else (-self._priority_of(group), math.inf)
        return any(self.tickets[who].place < place for who in self.waiting() if who != holder)

    def _priority_of(self, group: str) -> int:
        return self.groups[group].priority if group in self.groups else 0

    def _turn(self, now: int, holder: str, wanted: Wanted) -> None:
        """Drops who did not come again, and offers what is free to those who wait, until one must go on waiting."""
        if not self.has_queue:
            return
        self._drop_lapsed(now)
        own = self.tickets.get(holder)
        if own is not None and (own.quantity, own.group) != (wanted.quantity, wanted.group):
            del self.tickets[holder]
        for who in self.waiting() if not self.drain else ():
            ticket = self.tickets[who]
            if not self._can_ever_be(ticket):
                del self.tickets[who]
            elif self._fits(now, ticket):
                ticket.offered, ticket.lapses = True, now + self.claim
            else:
                break

    def _drop_lapsed(self, now: int) -> None:
        self.tickets = {who: ticket for who, ticket in self.tickets.items() if ticket.lapses > now}

    def _can_ever_be(self, ticket: ModelTicket) -> bool:
        group = self.groups.get(ticket.group)
        limit = math.inf if group is None or group.limit is None else group.limit
        return self.group_has(ticket.group) + ticket.quantity <= limit and self._is_possible(
            ticket.quantity, ticket.group
        )

    def _fits(self, now: int, ticket: ModelTicket) -> bool:
        group = self.groups.get(ticket.group, SeatGroup())
        has = self.group_has(ticket.group) + ticket.quantity if ticket.group in self.groups else math.inf
        others = (one for name, one in self.groups.items() if name != ticket.group)
        names = (name for name in self.groups if name != ticket.group)
        held_back = sum(
            max(0, one.reserved - self.group_has(name)) for name, one in zip(names, others, strict=True)
        )
        taken = self.live(now) + self._offered_to_others("") + ticket.quantity
        return taken + (0 if has <= group.reserved else held_back) <= self.allowed

    def _is_possible(self, quantity: int, group: str) -> bool:
        shares = sum(one.reserved for name, one in self.groups.items() if name != group)
        return quantity <= self.allowed - shares

    def _may_wait(self, denied: Denial, wanted: Wanted) -> bool:
        short = denied.code in {Code.POOL_EXHAUSTED, Code.RESERVED}
        return (
            wanted.would_wait
            and self.has_queue
            and short
            and self._is_possible(wanted.quantity, wanted.group)
        )

    def _wait(self, now: int, holder: str, wanted: Wanted) -> bool:
        """Keeps or gives a place in the queue; False where that is full."""
        ticket = self.tickets.get(holder)
        if ticket is None:
            if len(self.waiting()) >= self.queue_size:
                return False
            self.numbers += 1
            place = (-self._priority_of(wanted.group), self.numbers)
            ticket = self.tickets[holder] = ModelTicket(place, wanted.quantity, wanted.group, 0)
        ticket.offered, ticket.lapses = False, now + 2 * self.claim
        return True

    def _leave_queue(self, holder: str) -> None:
        if self.has_queue:
            self.tickets.pop(holder, None)

    def _keep_place(self, now: int, holder: str) -> None:
        ticket = self.tickets.get(holder)
        if self.queue_size and ticket is not None and not ticket.offered:
            ticket.lapses = now + 2 * self.claim

"""What clients believe, by their own clocks, and what was promised to them.

A client counts a lease from the moment in which it sent the call that gave or renewed it, so it stops before the authority
does. Then two things must hold, however answers got lost: no more clients believe that they have a seat than leases live;
and a client that beats while it believes is renewed.

A lease that another run of the same holder took over, or gave back, is not counted with the run that has not heard of it
yet: that is what fences are for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from seatwarden.domain.seats import Code, Grant


@dataclass
class Stake:
    """The newest lease of a holder, as the order of applied calls has it."""

    fence: int
    given_back: bool = False


@dataclass
class Beliefs:
    """By holder: the newest lease, and until when some client believes in which fence."""

    quantity_of: Callable[[str], int]
    was_ended: Callable[[str, int], bool]
    """Did the operator end the lease of this holder and fence? Its client finds out with the next heartbeat."""
    stakes: dict[str, Stake] = field(default_factory=dict)
    until: dict[str, tuple[int, int]] = field(default_factory=dict)
    spared: dict[str, tuple[int, int]] = field(default_factory=dict)
    outsiders: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    held_at_loss: set[str] = field(default_factory=set)
    away: dict[str, int] = field(default_factory=dict)
    """Until when each borrow was given."""
    astray: set[str] = field(default_factory=set)
    """Who was away at a loss, and not put back yet: a borrow that was not mirrored is known to its holder only."""

    def acquired(self, holder: str, grant: Grant) -> None:
        """An acquire was applied, whether its answer arrives or not."""
        stake = self.stakes.get(holder)
        self.astray.discard(holder)
        if grant.code is Code.GRANTED:
            assert stake is None or grant.fence > stake.fence, "a holder was given a fence that is not newer"
        if stake is None or stake.fence != grant.fence:
            self.stakes[holder] = Stake(grant.fence)

    def released(self, holder: str, fence: int, code: Code) -> None:
        """A release was applied."""
        stake = self.stakes.get(holder)
        if stake is not None and code is Code.RELEASED and stake.fence == fence:
            stake.given_back = True

    def forget(self, holder: str) -> None:
        """Calls of this holder got lost with the server, so who has its lease is not known from outside."""
        self.stakes.pop(holder, None)
        self.away.pop(holder, None)
        self.until.pop(holder, None)
        self.spared.pop(holder, None)

    def loss(self, now: int) -> None:
        """Something was lost, or may be: who holds a seat now may come back. Whoever else does is an outsider.

        An outsider of an earlier loss slept through its lease. A pool that now knows that again owes it nothing.
        """
        for holder in self.outsiders:
            self.forget(holder)
        self.held_at_loss = {
            holder for holder, (fence, _) in self.until.items() if self.owed(holder, fence, now)
        }
        self.outsiders.clear()
        self.astray |= {holder for holder, until in self.away.items() if now < until}

    def borrowed(self, holder: str, until: int) -> None:
        """A borrow was applied, whether its answer arrives or not."""
        self.away[holder] = until

    def returned(self, holder: str, fence: int, until: int) -> None:
        """A borrow was ended: its holder counts on no more than an ordinary lease from when it said so."""
        self.away.pop(holder, None)
        known, so_far = self.until.get(holder, (fence, 0))
        if known == fence:
            self.until[holder] = (fence, min(so_far, until))

    def put_back(self, holder: str) -> None:
        """The authority knows this borrow, also after a loss."""
        self.astray.discard(holder)

    def came_back(self, holder: str) -> None:
        """A holder was heard of in the window. Some come whose time was over long ago: nothing tells that to the pool."""
        self.refused.discard(holder)
        if holder not in self.held_at_loss:
            self.outsiders.add(holder)

    def renewed(self, holder: str, fence: int) -> None:
        """The pool has this fence, also where another run has shown its signed lease."""
        self.astray.discard(holder)
        stake = self.stakes.get(holder)
        if stake is None or stake.fence != fence:
            self.stakes[holder] = Stake(fence)

    def not_let_in(self, holder: str) -> None:
        """There are more holders than seats: this one goes by what it believes, and no outage is made good to it."""
        self.refused.add(holder)

    def outage(self, length: int, now: int, lease: int) -> None:
        """Nobody could renew anything for so long: who held a seat before holds it for as much longer.

        Not so where it was taken when leases were longer than the ``lease`` of now, and has more than one of those left after
        the outage: nothing is to be made good there.
        """
        self.spared = {
            holder: (fence, until + length)
            for holder, (fence, until) in self.until.items()
            if self.owed(holder, fence, now) and until <= now + lease
        }

    def believe(self, holder: str, fence: int, until: int) -> None:
        """A client got an answer. Answers can overtake each other, so an earlier end is never believed again."""
        known, so_far = self.until.get(holder, (fence, 0))
        self.until[holder] = (fence, max(until, so_far) if known == fence else until)

    def stop(self, holder: str) -> None:
        """A client stops using its seat."""
        self.until.pop(holder, None)

    def owed(self, holder: str, fence: int, now: int) -> bool:
        """Whether a client that beats with ``fence`` must be renewed."""
        stake = self.stakes.get(holder)
        known, until = self.until.get(holder, (0, 0))
        spared, longer = self.spared.get(holder, (0, 0))
        if stake is None or stake.fence != fence or stake.given_back or holder in self.astray:
            return False
        if self.was_ended(holder, fence):
            return False
        made_good = spared == fence and now < longer and holder not in self.refused
        return made_good or (known == fence and now < until)

    def count(self, now: int) -> int:
        """How many seats are believed in, but for those of outsiders and of leases that the operator ended."""
        return sum(
            self.quantity_of(holder)
            for holder, (fence, until) in self.until.items()
            if now < until and holder not in self.outsiders and self.owed(holder, fence, now)
        )

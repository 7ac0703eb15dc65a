"""What clients believe, by their own clocks, and what was promised to them.

A client counts a lease from the moment in which it sent the call that gave or renewed it, so it stops before the authority
does. Then two things must hold, however answers got lost: no more clients believe that they have a seat than leases live;
and a client that beats while it believes is renewed.

A lease that another run of the same holder took over, or gave back, is not counted with the run that has not heard of it
yet: that is what fences are for.
"""

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

    stakes: dict[str, Stake] = field(default_factory=dict)
    until: dict[str, tuple[int, int]] = field(default_factory=dict)

    def acquired(self, holder: str, grant: Grant) -> None:
        """An acquire was applied, whether its answer arrives or not."""
        stake = self.stakes.get(holder)
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
        self.until.pop(holder, None)

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
        return stake is not None and stake.fence == fence == known and not stake.given_back and now < until

    def count(self, now: int) -> int:
        """How many seats are believed in."""
        return sum(
            self.owed(holder, fence, now) for holder, (fence, until) in self.until.items() if now < until
        )

"""A seat as the program sees it. What is read here is right at any moment, also if the thread that keeps it stands still."""

import logging
import os
from collections.abc import Callable

from seatwarden.client import keeping
from seatwarden.client.answers import Answer
from seatwarden.client.asking import Seated
from seatwarden.client.clock import Clock
from seatwarden.client.errors import BEAT_STOPPED, SeatLost
from seatwarden.client.keeping import Loss

log = logging.getLogger("seatwarden.client")
# A program that has not set up logging shall not have lines of ours among its errors.
log.addHandler(logging.NullHandler())

OnLoss = Callable[[Loss], object]


class HeldSeat:
    """What a seat of either client tells."""

    def __init__(
        self, seated: Seated, *, answered: float, lease: str | None, strict: bool, clock: Clock
    ) -> None:
        self.session: str = seated.answer.session
        """The id of the lease."""
        self.fence: int = seated.answer.fence
        """Only grows in a pool. Write it with what you write to a shared place, and refuse older ones there."""
        self.taken_over: bool = seated.answer.taken_over
        """Did an earlier run of this holder lose the seat to this one?"""
        self._clock = clock
        self._owner = os.getpid()
        self._keeping = keeping.granted(
            seated.answer, since=seated.since, answered=answered, lease=lease, strict=strict
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.session} fence={self.fence} held={self.held}>"

    @property
    def held(self) -> bool:
        """Is the seat ours for certain? False while the endpoint has been silent for longer than the lease."""
        return self._keeping.held(self._clock())

    @property
    def valid_for(self) -> float:
        """Seconds for which the seat is ours for certain, if nothing more is heard; 0 where it is not."""
        now = self._clock()
        return self._keeping.valid_until - now if self._keeping.held(now) else 0.0

    @property
    def told(self) -> str:
        """The code of the last answer about the lease: `ok`, or why it is not renewed any more, such as `suspended`."""
        return self._keeping.told

    @property
    def lease(self) -> str | None:
        """The newest signed lease. Kept over a restart, it gets the seat back though the server lost its memory."""
        return self._keeping.lease

    @property
    def loss(self) -> Loss | None:
        """Why the seat is lost, or None as long as it is not."""
        return self._keeping.at(self._clock()).loss

    def check(self) -> None:
        """Return if the seat is not lost.

        Raises:
            SeatLost: it is.
        """
        loss = self.loss
        if loss is not None:
            raise SeatLost(loss.code, loss.message)

    def _heard(self, answer: Answer, *, asked: float, jitter: float) -> None:
        before = self._keeping
        self._keeping = before.heard(answer, asked=asked, now=self._clock(), jitter=jitter)
        if not answer.good and before.failures == 0:
            log.warning("a heartbeat was not answered with ok: %s", answer.code)

    def _stopped(self) -> None:
        self._keeping = self._keeping.ended(
            Loss(BEAT_STOPPED, "The heartbeats have stopped by a fault of the program. The seat is not kept.")
        )

    def _to_release(self) -> bool:
        # A forked child has a copy of this object, and not the seat.
        loss = self._keeping.loss
        return os.getpid() == self._owner and not (loss is not None and loss.told)

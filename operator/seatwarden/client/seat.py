"""A seat as the program sees it. What is read here is right at any moment, also if the thread that keeps it stands still."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from seatwarden.client.answers import Answer
from seatwarden.client.borrowed import Borrowed
from seatwarden.client.clock import Clock
from seatwarden.client.errors import BEAT_STOPPED, SeatLost
from seatwarden.client.keeping import Keeping, Loss

log = logging.getLogger("seatwarden.client")
# A program that has not set up logging shall not have lines of ours among its errors.
log.addHandler(logging.NullHandler())

OnLoss = Callable[[Loss], object]
AnySeat = TypeVar("AnySeat", bound="HeldSeat")


class HeldSeat:
    """What a seat of either client tells."""

    def __init__(self, *, session: str, fence: int, taken_over: bool, kept: Keeping, clock: Clock) -> None:
        self.session: str = session
        """The id of the lease."""
        self.fence: int = fence
        """Only grows in a pool. Write it with what you write to a shared place, and refuse older ones there."""
        self.taken_over: bool = taken_over
        """Did an earlier run of this holder lose the seat to this one?"""
        self._clock = clock
        self._owner = os.getpid()
        self._keeping = kept
        self._is_away = False
        # The program borrows in one thread while another one beats.
        self._changing = threading.Lock()

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
        return self._keeping.sure_until - now if self._keeping.held(now) else 0.0

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

    def _change(self, step: Callable[[Keeping], Keeping]) -> Keeping:
        """The state after ``step``, which is now that of the seat."""
        with self._changing:
            self._keeping = step(self._keeping)
            return self._keeping

    def _heard(self, answer: Answer, *, asked: float, jitter: float) -> None:
        first_trouble = self._keeping.failures == 0
        now = self._clock()
        self._change(lambda kept: kept.heard(answer, asked=asked, now=now, jitter=jitter))
        if not answer.good and first_trouble:
            log.warning("a heartbeat was not answered with ok: %s", answer.code)

    def _stopped(self) -> None:
        told = Loss(
            BEAT_STOPPED, "The heartbeats have stopped by a fault of the program. The seat is not kept."
        )
        self._change(lambda kept: kept.ended(told))

    def _gone(self, answer: Answer) -> SeatLost:
        """The seat is lost by what the endpoint said, as an error."""
        told = Loss(answer.code, answer.message, told=True)
        loss = self._change(lambda kept: kept.ended(told)).loss or told
        return SeatLost(loss.code, loss.message)

    def _went_away(self, borrowed: Borrowed, *, asked: float) -> None:
        self._change(lambda kept: kept.borrowed(asked + borrowed.seconds, borrowed.lease))
        self._is_away = True

    def _to_release(self) -> bool:
        # A forked child has a copy of this object, and not the seat.
        loss = self._keeping.loss
        told_gone = loss is not None and loss.told
        return os.getpid() == self._owner and not told_gone and not self._is_away


def first_due(seats: Sequence[AnySeat]) -> tuple[AnySeat, Keeping]:
    """The one of ``seats`` with which there is something to do first, and its state."""
    return min(((seat, seat._keeping) for seat in seats), key=lambda pair: pair[1].wakes_at)  # noqa: SLF001  ours

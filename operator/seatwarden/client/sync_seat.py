"""The seats of the sync client, and the thread that keeps them."""

import contextlib
import os
import random
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from seatwarden.client import calls
from seatwarden.client.answers import Answer
from seatwarden.client.away import NOTE_SECONDS, TimeAway
from seatwarden.client.borrowed import Borrowed, borrowed_of, is_gone, seconds_of
from seatwarden.client.clock import LONGEST_NAP, Clock, wall_seconds
from seatwarden.client.files import Name
from seatwarden.client.keeping import Keeping
from seatwarden.client.seat import HeldSeat, OnLoss, first_due
from seatwarden.client.several import HeldSeats
from seatwarden.client.sync_calls import Caller


class KeptSeat(HeldSeat):
    """A seat that a thread keeps. ``lost`` is set when it is gone; ``loss`` tells why."""

    lost: threading.Event

    def _beat(self, now: float, within: float) -> None:
        raise NotImplementedError

    def _leave(self) -> bool:
        """Give it back if it is to be. False where nobody answers, so that it is of no use to try that with others."""
        raise NotImplementedError


class Seat(KeptSeat):
    """A seat of the endpoint. ``lost`` is set when it is gone; ``loss`` tells why."""

    def __init__(self, client: Caller, answer: Answer, kept: Keeping, named: Mapping[str, str]) -> None:
        super().__init__(
            session=answer.session,
            fence=answer.fence,
            taken_over=answer.taken_over,
            kept=kept,
            clock=client.clock,
        )
        self.lost = threading.Event()
        self._client = client
        self._named = named

    def borrow(self, duration: timedelta | None = None, *, save: Name | None = None) -> Borrowed:
        """Take the seat away for so long, or for as long as may be: until then it is held without a heartbeat.

        Leaving the block does not give it back then. It is saved to the file ``save`` before it counts as away; if that fails,
        leaving the block gives it back as ever. Asking again can only make the time longer.

        Raises:
            BorrowRefused: this pool does not lend it, or not for so long. The seat is still held.
            SeatLost: the seat is gone.
            SeatRefused: the licence does not allow it, or the endpoint cannot be reached.
            OSError: it cannot be saved.
        """
        self.check()
        asked, since = self._clock(), wall_seconds()
        answer = self._client.insist(
            calls.borrow(self.session, self.fence, seconds_of(duration), self._named)
        )
        if is_gone(answer):
            raise self._gone(answer)
        borrowed = borrowed_of(answer, session=self.session, fence=self.fence, named=self._named, since=since)
        if save is not None:
            borrowed.save(save)
        self._went_away(borrowed, asked=asked)
        return borrowed

    def _beat(self, now: float, within: float) -> None:
        call = calls.heartbeat(self.session, self.fence, self._keeping.lease, self._named)
        answer = self._client.send(call, within=within)
        self._heard(answer, asked=now, jitter=random.random())  # noqa: S311  it spreads waits, and guards nothing

    def _leave(self) -> bool:
        return not self._to_release() or self._client.release(self.session, self.fence, self._named)


class Seats(HeldSeats[Seat]):
    """Seats of several pools. ``lost`` is set when the first of them is gone; the others are kept nevertheless."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        super().__init__(seats)
        self.lost = threading.Event()


class BorrowedSeat(KeptSeat):
    """A seat that is away. ``lost`` is set when its time is over. Nothing of it needs a network."""

    def __init__(self, time: TimeAway, *, clock: Clock) -> None:
        taken = time.borrowed
        super().__init__(
            session=taken.session, fence=taken.fence, taken_over=False, kept=time.kept(), clock=clock
        )
        self.lost = threading.Event()
        self.borrowed = taken
        """What is known of it, such as until when it is borrowed."""
        self._time = time

    def _beat(self, now: float, within: float) -> None:  # noqa: ARG002  nothing is waited for
        self._time.note()
        self._change(lambda kept: replace(kept, beat_at=now + NOTE_SECONDS))

    def _leave(self) -> bool:
        self._time.note()
        return True


class Heartbeat:
    """A thread that keeps ``seats``. The first loss sets ``lost``, and is told to ``on_loss``, once."""

    def __init__(self, seats: Sequence[KeptSeat], lost: threading.Event, on_loss: OnLoss | None) -> None:
        self._seats = seats
        self._clock = seats[0]._clock  # noqa: SLF001  ours
        self._lost = lost
        self._on_loss = on_loss
        self._is_told = False
        self._owner = os.getpid()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seatwarden-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        # The thread starts with the signals blocked that it must not take from the program.
        if not hasattr(signal, "pthread_sigmask"):
            self._thread.start()
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def leave(self, seconds: float) -> None:
        """Beat no more, which is waited for up to so many ``seconds``, and give back what is to be given back."""
        self._done.set()
        if os.getpid() == self._owner and self._thread is not threading.current_thread():
            self._thread.join(seconds)
        for seat in self._seats:
            if not seat._leave():  # noqa: SLF001  ours
                break

    def _run(self) -> None:
        try:
            self._keep()
        except BaseException:
            for seat in self._seats:
                seat._stopped()  # noqa: SLF001  ours
                seat.lost.set()
            self._lost.set()
            raise

    def _keep(self) -> None:
        while not self._done.is_set():
            now = self._clock()
            left = [seat for seat in self._seats if not self._is_lost(seat, now)]
            if not left:
                break
            seat, kept = first_due(left)
            if kept.beat_at is not None and kept.beat_at <= now:
                # One that hangs must not cost the others their time.
                seat._beat(now, (kept.ends_at - now) / len(left))  # noqa: SLF001  ours
            else:
                self._done.wait(min(kept.wakes_at - now, LONGEST_NAP))

    def _is_lost(self, seat: KeptSeat, now: float) -> bool:
        loss = seat._change(lambda kept: kept.at(now)).loss  # noqa: SLF001  ours
        if loss is None:
            return False
        seat.lost.set()
        if not self._is_told:
            self._is_told = True
            self._lost.set()
            if self._on_loss is not None:
                self._on_loss(loss)
        return True


@contextlib.contextmanager
def kept_by_thread(
    seats: Sequence[KeptSeat], lost: threading.Event, on_loss: OnLoss | None, *, seconds: float
) -> Iterator[None]:
    """Keep ``seats`` for as long as the block lasts, and give them back. A beat that runs is waited for up to ``seconds``."""
    heartbeat = Heartbeat(seats, lost, on_loss)
    try:
        heartbeat.start()
        yield
    finally:
        heartbeat.leave(seconds)

"""The seats of the async client, and the task that keeps them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from seatwarden.client import calls
from seatwarden.client.aio_calls import AsyncCaller
from seatwarden.client.answers import Answer
from seatwarden.client.away import NOTE_SECONDS, TimeAway
from seatwarden.client.borrowed import Borrowed, borrowed_of, is_gone, seconds_of
from seatwarden.client.clock import LONGEST_NAP, Clock, wall_seconds
from seatwarden.client.files import Name
from seatwarden.client.keeping import Keeping
from seatwarden.client.seat import HeldSeat, OnLoss, first_due
from seatwarden.client.several import HeldSeats


class AsyncKeptSeat(HeldSeat):
    """A seat that a task keeps. ``lost`` is set when it is gone, so await ``lost.wait()``; ``loss`` tells why."""

    lost: asyncio.Event

    async def _beat(self, now: float, within: float) -> None:
        raise NotImplementedError

    async def _leave(self) -> bool:
        """Give it back if it is to be. False where nobody answers, so that it is of no use to try that with others."""
        raise NotImplementedError


class AsyncSeat(AsyncKeptSeat):
    """A seat of the endpoint. ``lost`` is set when it is gone, so await ``lost.wait()``; ``loss`` tells why."""

    def __init__(self, client: AsyncCaller, answer: Answer, kept: Keeping, named: Mapping[str, str]) -> None:
        super().__init__(
            session=answer.session,
            fence=answer.fence,
            taken_over=answer.taken_over,
            kept=kept,
            clock=client.clock,
        )
        self.lost = asyncio.Event()
        self._client = client
        self._named = named

    async def borrow(self, duration: timedelta | None = None, *, save: Name | None = None) -> Borrowed:
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
        call = calls.borrow(self.session, self.fence, seconds_of(duration), self._named)
        answer = await self._client.insist(call)
        if is_gone(answer):
            raise self._gone(answer)
        borrowed = borrowed_of(answer, session=self.session, fence=self.fence, named=self._named, since=since)
        if save is not None:
            borrowed.save(save)
        self._went_away(borrowed, asked=asked)
        return borrowed

    async def _beat(self, now: float, within: float) -> None:
        call = calls.heartbeat(self.session, self.fence, self._keeping.lease, self._named)
        answer = await self._client.send(call, within=within)
        self._heard(answer, asked=now, jitter=random.random())  # noqa: S311  it spreads waits, and guards nothing

    async def _leave(self) -> bool:
        return not self._to_release() or await self._client.release(self.session, self.fence, self._named)


class AsyncSeats(HeldSeats[AsyncSeat]):
    """Seats of several pools. ``lost`` is set when the first of them is gone, so await ``lost.wait()``; the others are kept."""

    def __init__(self, seats: Sequence[AsyncSeat]) -> None:
        super().__init__(seats)
        self.lost = asyncio.Event()


class AsyncBorrowedSeat(AsyncKeptSeat):
    """A seat that is away. ``lost`` is set when its time is over. Nothing of it needs a network."""

    def __init__(self, time: TimeAway, *, clock: Clock) -> None:
        taken = time.borrowed
        super().__init__(
            session=taken.session, fence=taken.fence, taken_over=False, kept=time.kept(), clock=clock
        )
        self.lost = asyncio.Event()
        self.borrowed = taken
        """What is known of it, such as until when it is borrowed."""
        self._time = time

    async def _beat(self, now: float, within: float) -> None:  # noqa: ARG002  nothing is waited for
        self._time.note()
        self._change(lambda kept: replace(kept, beat_at=now + NOTE_SECONDS))

    async def _leave(self) -> bool:
        self._time.note()
        return True


class AsyncHeartbeat:
    """A task that keeps ``seats``. The first loss sets ``lost``, and is told to ``on_loss``, once."""

    def __init__(self, seats: Sequence[AsyncKeptSeat], lost: asyncio.Event, on_loss: OnLoss | None) -> None:
        self._seats = seats
        self._clock = seats[0]._clock  # noqa: SLF001  ours
        self._lost = lost
        self._on_loss = on_loss
        self._is_told = False
        self._left = False
        self._task = asyncio.create_task(self._run(), name="seatwarden-heartbeat")

    async def leave(self) -> None:
        """Beat no more, and give back what is to be given back."""
        self._left = True
        self._task.cancel()
        await asyncio.wait([self._task])
        for seat in self._seats:
            if not await seat._leave():  # noqa: SLF001  ours
                break

    async def _run(self) -> None:
        try:
            await self._keep()
        except BaseException:
            if not self._left:
                for seat in self._seats:
                    seat._stopped()  # noqa: SLF001  ours
                    seat.lost.set()
                self._lost.set()
            raise

    async def _keep(self) -> None:
        while True:
            now = self._clock()
            left = [seat for seat in self._seats if not self._is_lost(seat, now)]
            if not left:
                break
            seat, kept = first_due(left)
            if kept.beat_at is not None and kept.beat_at <= now:
                # One that hangs must not cost the others their time.
                await seat._beat(now, (kept.ends_at - now) / len(left))  # noqa: SLF001  ours
            else:
                await asyncio.sleep(min(kept.wakes_at - now, LONGEST_NAP))

    def _is_lost(self, seat: AsyncKeptSeat, now: float) -> bool:
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


@contextlib.asynccontextmanager
async def kept_by_task(
    seats: Sequence[AsyncKeptSeat], lost: asyncio.Event, on_loss: OnLoss | None
) -> AsyncIterator[None]:
    """Keep ``seats`` for as long as the block lasts, and give them back."""
    heartbeat = AsyncHeartbeat(seats, lost, on_loss)
    try:
        yield
    finally:
        await heartbeat.leave()

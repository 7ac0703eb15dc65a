"""The client for programs with asyncio: a task keeps the seat while the program works."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from seatwarden.client import calls
from seatwarden.client.aio_calls import AsyncCaller
from seatwarden.client.aio_seat import AsyncBorrowedSeat, AsyncSeat, AsyncSeats, kept_by_task
from seatwarden.client.away import TimeAway
from seatwarden.client.borrowed import Borrowed, returned
from seatwarden.client.calls import Wish
from seatwarden.client.clock import Clock, steady_seconds, wall_seconds
from seatwarden.client.document import document_of, kept_document
from seatwarden.client.files import Name
from seatwarden.client.holders import looked_at, named
from seatwarden.client.keeping import granted
from seatwarden.client.licence import Licence, licence_of
from seatwarden.client.seat import OnLoss
from seatwarden.client.several import PoolWish, as_one, in_body, parts_of
from seatwarden.client.termination import cancelled_by_sigterm


class AsyncClient(AsyncCaller):
    """One seat endpoint, and the licence key of one pool. For one event loop.

    The URL and the key come from the arguments, or else from `SEATWARDEN_URL` and `SEATWARDEN_LICENSE_KEY` (or its file in
    `SEATWARDEN_LICENSE_KEY_FILE`). A program with a token instead gives ``token_file`` and the ``pool`` as NAMESPACE/NAME, or
    `SEATWARDEN_TOKEN_FILE` and `SEATWARDEN_POOL`. ``call_seconds`` limits one call. ``http`` is a client of httpx for those
    who need other proxies or certificates; it stays theirs to close.

    Raises:
        SetupError: the URL or the key is missing or malformed.
    """

    @contextlib.asynccontextmanager
    async def hold(
        self,
        *,
        holder: str | None = None,
        container: str | None = None,
        project: str = "",
        wait: float = 0.0,
        quantity: int = 1,
        group: str = "",
        client_version: str = "",
        metadata: Mapping[str, Any] | None = None,
        lease: str | None = None,
        strict: bool = False,
        on_loss: OnLoss | None = None,
    ) -> AsyncIterator[AsyncSeat]:
        """Hold a seat for as long as the block lasts.

        ``holder`` is 64 hex characters; without it, `holder_id` of this machine, this user and ``project``. ``wait`` is how
        many seconds to wait for a seat. ``quantity`` seats are taken, or none, for the ``group`` that the program is in,
        where the pool has groups. ``lease`` is a signed lease from a run before. ``on_loss`` is called once in the event loop,
        when the seat is lost. With ``strict`` the seat is lost at the end of the lease also where
        nobody can say whether it lives; else only when its signed lease counts no more.

        Raises:
            SeatRefused: there is no seat; its subclasses tell which kind of why.
            SetupError: the holder is malformed, or this machine has no id.
        """
        wish = Wish(
            named=named(holder, project, container, token=self.address.shows_token),
            quantity=quantity,
            group=group,
            queue=wait > 0,
            client_version=client_version,
            metadata=metadata or {},
            lease=lease,
        )
        with cancelled_by_sigterm():
            seated, answered = await self.ask(lambda name: calls.acquire(wish, name), wait)
            kept = granted(
                seated.answer, since=seated.since, answered=answered, lease=wish.lease, strict=strict
            )
            seat = AsyncSeat(self, seated.answer, kept, wish.named)
            async with kept_by_task((seat,), seat.lost, on_loss):
                yield seat

    @contextlib.asynccontextmanager
    async def hold_all(
        self,
        *pools: PoolWish,
        holder: str | None = None,
        container: str | None = None,
        project: str = "",
        wait: float = 0.0,
        client_version: str = "",
        metadata: Mapping[str, Any] | None = None,
        strict: bool = False,
        on_loss: OnLoss | None = None,
    ) -> AsyncIterator[AsyncSeats]:
        """Hold seats of several pools for as long as the block lasts: of all of them, or of none.

        Each of ``pools`` is one; without a key or a name it is that of this client. Nobody waits in a queue: in ``wait`` it is
        only asked again. ``on_loss`` is called once in the event loop, when the first of
        the seats is lost; the others are kept until the block is left. For the rest see `hold`.

        Raises:
            SeatRefused: there is no seat in one of them; its ``pool`` tells which, and its subclass which kind of why.
            SetupError: a pool is named in a wrong way, the holder is malformed, or this machine has no id.
        """
        wish = Wish(
            named=named(holder, project, container, token=self.address.shows_token),
            client_version=client_version,
            metadata=metadata or {},
        )
        keys = [pool.keys(self.address.keys) for pool in pools]
        with cancelled_by_sigterm():
            seated, answered = await self.ask(
                lambda name: calls.acquire_all(wish, in_body(pools, keys), name),
                wait,
                read=lambda answer: as_one(answer, len(pools)),
            )
            seats = AsyncSeats(
                [
                    AsyncSeat(
                        self.beside(own),
                        part,
                        granted(part, since=seated.since, answered=answered, strict=strict),
                        wish.named,
                    )
                    for own, part in zip(keys, parts_of(seated.answer), strict=True)
                ]
            )
            async with kept_by_task(tuple(seats), seats.lost, on_loss):
                yield seats

    async def validate(
        self,
        *,
        holder: str | None = None,
        container: str | None = None,
        session: str | None = None,
        feature: str | None = None,
        client_version: str | None = None,
        group: str | None = None,
    ) -> Licence:
        """Look at the licence, in one call that changes nothing.

        The lease of ``holder`` or of ``session`` is looked at too, if either is given. ``feature``, ``client_version`` and
        ``group`` are what the program wants to use, to be and to be in; `Licence.code` is `ok` where nothing of it is in the
        way.

        Raises:
            SeatRefused: the key is not accepted, or the endpoint did not decide; its subclasses tell which.
            SetupError: the holder is malformed.
        """
        named = looked_at(holder, container, token=self.address.shows_token)
        call = calls.validate(
            named, session=session, feature=feature, client_version=client_version, group=group
        )
        return licence_of(await self.send(call))

    async def licence_document(self, file: Name | None = None) -> str:
        """The licence document, a signed text that a program verifies without a network, see `seatwarden.verify`.

        With ``file`` it is kept there: written as a whole, where it is another than the one in there, and taken from there
        where the endpoint does not answer.

        Raises:
            SeatRefused: there is no document yet, the key is not accepted, or the endpoint did not answer and there is none in
                ``file``; its subclasses tell which.
            OSError: the file cannot be written.
        """
        answer = await self.send(calls.licence_document())
        return document_of(answer) if file is None else kept_document(answer, file)

    async def give_back(self, borrowed: Borrowed) -> bool:
        """Return a borrowed seat before its time. False where it was over or returned already.

        The seat is released in the same step. Its file and its signed lease are to be thrown away then.

        Raises:
            SeatRefused: the key is not accepted, or the endpoint cannot be reached; its subclasses tell which. The seat stays
                borrowed then, until its time is over.
        """
        return returned(await self.insist(calls.release(borrowed.session, borrowed.fence, borrowed.named)))

    @staticmethod
    @contextlib.asynccontextmanager
    async def away(
        file: Name,
        *,
        on_loss: OnLoss | None = None,
        clock: Clock = steady_seconds,
        wall: Clock = wall_seconds,
    ) -> AsyncIterator[AsyncBorrowedSeat]:
        """Work on the borrowed seat in ``file`` for as long as the block lasts. No network is needed, and no key.

        The file is where `AsyncSeat.borrow` saved it. ``on_loss`` is called once in the event loop, when that is
        over. Leaving the block does not return the seat, see `give_back`.

        Raises:
            SeatLost: the time of the seat is over.
            SetupError: the file cannot be read, or is no borrowed seat.
        """
        seat = AsyncBorrowedSeat(TimeAway(file, clock=clock, wall=wall), clock=clock)
        with cancelled_by_sigterm():
            async with kept_by_task((seat,), seat.lost, on_loss):
                yield seat

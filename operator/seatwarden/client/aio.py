"""The client for programs with asyncio: a task keeps the seat while the program works."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from seatwarden.client import asking, calls
from seatwarden.client.answers import Answer
from seatwarden.client.asking import Asking, Seated
from seatwarden.client.calls import Call, Wish
from seatwarden.client.clock import LONGEST_NAP, Clock, steady_seconds
from seatwarden.client.errors import SeatRefused
from seatwarden.client.holders import looked_at, named
from seatwarden.client.keeping import FIRST_PAUSE
from seatwarden.client.licence import Licence, licence_of
from seatwarden.client.seat import HeldSeat, OnLoss, log
from seatwarden.client.settings import base_url, key_source
from seatwarden.client.termination import cancelled_by_sigterm
from seatwarden.client.transport import CALL_SECONDS, RELEASE_TRIES, Addressed, answer_of, failed


class AsyncSeat(HeldSeat):
    """A seat that a task keeps. ``lost`` is set when it is gone, so await ``lost.wait()``; ``loss`` tells why."""

    def __init__(
        self,
        client: "AsyncClient",
        seated: Seated,
        *,
        answered: float,
        wish: Wish,
        strict: bool,
        on_loss: OnLoss | None,
    ) -> None:
        super().__init__(seated, answered=answered, lease=wish.lease, strict=strict, clock=client.clock)
        self.lost = asyncio.Event()
        self._client = client
        self._named = wish.named
        self._on_loss = on_loss
        self._left = False
        self._task = asyncio.create_task(self._keep(), name="seatwarden-heartbeat")

    async def _keep(self) -> None:
        try:
            while True:
                now = self._clock()
                self._keeping = self._keeping.at(now)
                if self._keeping.loss is not None:
                    break
                if self._keeping.beat_at is not None and self._keeping.beat_at <= now:
                    await self._beat(now)
                else:
                    await asyncio.sleep(min(self._keeping.wakes_at - now, LONGEST_NAP))
        except BaseException:
            if not self._left:
                self._stopped()
                self.lost.set()
            raise
        self.lost.set()
        if self._on_loss is not None:
            self._on_loss(self._keeping.loss)

    async def _beat(self, now: float) -> None:
        call = calls.heartbeat(self.session, self.fence, self._keeping.lease, self._named)
        answer = await self._client.send(call, within=self._keeping.ends_at - now)
        self._heard(answer, asked=now, jitter=random.random())  # noqa: S311  it spreads waits, and guards nothing

    async def _leave(self) -> None:
        to_release = self._to_release()
        self._left = True
        self._task.cancel()
        await asyncio.wait([self._task])
        if to_release:
            await self._client.release(self.session, self.fence, self._named)


class AsyncClient:
    """One seat endpoint, and the licence key of one pool. For one event loop.

    The URL and the key come from the arguments, or else from `SEATWARDEN_URL` and `SEATWARDEN_LICENSE_KEY` (or its file in
    `SEATWARDEN_LICENSE_KEY_FILE`). A program with a token instead gives ``token_file`` and the ``pool`` as NAMESPACE/NAME, or
    `SEATWARDEN_TOKEN_FILE` and `SEATWARDEN_POOL`. ``call_seconds`` limits one call. ``http`` is a client of httpx for those
    who need other proxies or certificates; it stays theirs to close.

    Raises:
        SetupError: the URL or the key is missing or malformed.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        license_key: str | None = None,
        license_key_file: str | os.PathLike[str] | None = None,
        token_file: str | os.PathLike[str] | None = None,
        pool: str | None = None,
        call_seconds: float = CALL_SECONDS,
        http: httpx.AsyncClient | None = None,
        clock: Clock = steady_seconds,
    ) -> None:
        keys = key_source(license_key, license_key_file, token_file, pool)
        self.address = Addressed(base_url(url), keys, call_seconds)
        self.clock = clock
        self._own_http = http is None
        self._http = httpx.AsyncClient() if http is None else http

    def __repr__(self) -> str:
        return f"AsyncClient({self.address.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._own_http:
            await self._http.aclose()

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
            seated, answered = await self._ask_for_seat(wish, wait)
            seat = AsyncSeat(self, seated, answered=answered, wish=wish, strict=strict, on_loss=on_loss)
            try:
                yield seat
            finally:
                await seat._leave()  # noqa: SLF001  ours

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

    async def send(self, call: Call, *, within: float | None = None) -> Answer:
        """The answer to one call, or that there was none. Waits no longer than a call may take, and ``within`` seconds."""
        seconds = self.address.call_seconds if within is None else self.address.time_limit(within)
        request = self.address.request(self._http, call, seconds)
        try:
            return answer_of(await self._http.send(request))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return failed(error)

    async def release(self, session: str, fence: int, named: Mapping[str, str]) -> None:
        """Give a seat back, as well as it can be done. Where it cannot, the lease ends by itself."""
        left = RELEASE_TRIES
        while (answer := await self.send(calls.release(session, fence, named))).silent or answer.server_fault:
            left -= 1
            if not left:
                log.warning("the seat could not be given back (%s); its lease ends by itself", answer.code)
                return
            await asyncio.sleep(FIRST_PAUSE)

    async def _ask_for_seat(self, wish: Wish, wait: float) -> tuple[Seated, float]:
        state: Asking = asking.begin(self.clock(), wait, calls.new_name())
        while True:
            while (left := state.ask_at - self.clock()) > 0:  # noqa: ASYNC110  the clock is what is waited for
                await asyncio.sleep(min(left, LONGEST_NAP))
            asked = self.clock()
            answer = await self.send(calls.acquire(wish, state.name))
            now = self.clock()
            found = state.heard(answer, asked=asked, now=now, jitter=random.random(), new_name=calls.new_name)  # noqa: S311  it spreads waits
            match found:
                case Asking():
                    state = found
                case SeatRefused():
                    raise found
                case Seated():
                    return found, now

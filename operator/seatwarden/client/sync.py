"""The client for programs with threads: a daemon thread keeps the seat while the program works."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Mapping
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
from seatwarden.client.termination import unwound_by_sigterm
from seatwarden.client.transport import CALL_SECONDS, RELEASE_TRIES, Addressed, answer_of, failed


class Seat(HeldSeat):
    """A seat that a thread keeps. ``lost`` is set when it is gone; ``loss`` tells why."""

    def __init__(
        self,
        client: "Client",
        seated: Seated,
        *,
        answered: float,
        wish: Wish,
        strict: bool,
        on_loss: OnLoss | None,
    ) -> None:
        super().__init__(seated, answered=answered, lease=wish.lease, strict=strict, clock=client.clock)
        self.lost = threading.Event()
        self._client = client
        self._named = wish.named
        self._on_loss = on_loss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="seatwarden-heartbeat", daemon=True)

    def _start(self) -> None:
        # The thread starts with the signals blocked that it must not take from the program.
        if not hasattr(signal, "pthread_sigmask"):
            self._thread.start()
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _keep(self) -> None:
        try:
            while not self._done.is_set():
                now = self._clock()
                self._keeping = self._keeping.at(now)
                if self._keeping.loss is not None:
                    break
                if self._keeping.beat_at is not None and self._keeping.beat_at <= now:
                    self._beat(now)
                else:
                    self._done.wait(min(self._keeping.wakes_at - now, LONGEST_NAP))
        except BaseException:
            self._stopped()
            raise
        finally:
            if self._keeping.loss is not None:
                self.lost.set()
        if self._keeping.loss is not None and self._on_loss is not None:
            self._on_loss(self._keeping.loss)

    def _beat(self, now: float) -> None:
        call = calls.heartbeat(self.session, self.fence, self._keeping.lease, self._named)
        answer = self._client.send(call, within=self._keeping.ends_at - now)
        self._heard(answer, asked=now, jitter=random.random())  # noqa: S311  it spreads waits, and guards nothing

    def _leave(self) -> None:
        self._done.set()
        if os.getpid() == self._owner and self._thread is not threading.current_thread():
            self._thread.join(self._client.address.call_seconds)
        if self._to_release():
            self._client.release(self.session, self.fence, self._named)


class Client:
    """One seat endpoint, and the licence key of one pool. Usable from all threads.

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
        http: httpx.Client | None = None,
        clock: Clock = steady_seconds,
    ) -> None:
        keys = key_source(license_key, license_key_file, token_file, pool)
        self.address = Addressed(base_url(url), keys, call_seconds)
        self.clock = clock
        self._own_http = http is None
        self._http = httpx.Client() if http is None else http

    def __repr__(self) -> str:
        return f"Client({self.address.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._own_http:
            self._http.close()

    @contextlib.contextmanager
    def hold(
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
    ) -> Iterator[Seat]:
        """Hold a seat for as long as the block lasts.

        ``holder`` is 64 hex characters; without it, `holder_id` of this machine, this user and ``project``, or with a token
        whom that names. ``container`` tells those of one Pod apart, where several hold a seat. ``wait`` is how many seconds
        to wait for a seat. ``quantity`` seats are taken, or none, for the ``group`` that the program is in, where the pool has
        groups. ``lease`` is a signed lease from a run before. ``on_loss`` is called once in the thread that keeps the seat,
        when the seat is lost. With ``strict`` the seat is lost at the end of the lease also where nobody can say whether it
        lives; else only when its signed lease counts no more.

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
        with unwound_by_sigterm():
            seated, answered = self._ask_for_seat(wish, wait)
            seat = Seat(self, seated, answered=answered, wish=wish, strict=strict, on_loss=on_loss)
            try:
                seat._start()  # noqa: SLF001  ours
                yield seat
            finally:
                seat._leave()  # noqa: SLF001  ours

    def validate(
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
        return licence_of(self.send(call))

    def send(self, call: Call, *, within: float | None = None) -> Answer:
        """The answer to one call, or that there was none. Waits no longer than a call may take, and ``within`` seconds."""
        seconds = self.address.call_seconds if within is None else self.address.time_limit(within)
        request = self.address.request(self._http, call, seconds)
        try:
            return answer_of(self._http.send(request))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return failed(error)

    def release(self, session: str, fence: int, named: Mapping[str, str]) -> None:
        """Give a seat back, as well as it can be done. Where it cannot, the lease ends by itself."""
        left = RELEASE_TRIES
        while (answer := self.send(calls.release(session, fence, named))).silent or answer.server_fault:
            left -= 1
            if not left:
                log.warning("the seat could not be given back (%s); its lease ends by itself", answer.code)
                return
            time.sleep(FIRST_PAUSE)

    def _ask_for_seat(self, wish: Wish, wait: float) -> tuple[Seated, float]:
        state: Asking = asking.begin(self.clock(), wait, calls.new_name())
        while True:
            while (left := state.ask_at - self.clock()) > 0:
                time.sleep(min(left, LONGEST_NAP))
            asked = self.clock()
            answer = self.send(calls.acquire(wish, state.name))
            now = self.clock()
            found = state.heard(answer, asked=asked, now=now, jitter=random.random(), new_name=calls.new_name)  # noqa: S311  it spreads waits
            match found:
                case Asking():
                    state = found
                case SeatRefused():
                    raise found
                case Seated():
                    return found, now

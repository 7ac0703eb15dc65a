"""Sends the calls of the sync client, and repeats what may be repeated."""

import copy
import os
import random
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import httpx

from seatwarden.client import asking, calls
from seatwarden.client.answers import Answer
from seatwarden.client.asking import Asking, Seated
from seatwarden.client.calls import Call
from seatwarden.client.clock import LONGEST_NAP, Clock, steady_seconds
from seatwarden.client.errors import SeatRefused
from seatwarden.client.keeping import FIRST_PAUSE
from seatwarden.client.seat import log
from seatwarden.client.settings import KeySource, base_url, key_source
from seatwarden.client.transport import CALL_SECONDS, RELEASE_TRIES, Addressed, answer_of, failed


class Caller:
    """The connections to one endpoint, and what is shown there. Usable from all threads."""

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
        return f"{type(self).__name__}({self.address.url!r})"

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

    def beside(self, keys: KeySource) -> Self:
        """The same connections, where ``keys`` are shown. They are not closed with it."""
        other = copy.copy(self)
        other.address = Addressed(self.address.url, keys, self.address.call_seconds)
        other._own_http = False  # noqa: SLF001  ours
        return other

    def send(self, call: Call, *, within: float | None = None) -> Answer:
        """The answer to one call, or that there was none. Waits no longer than a call may take, and ``within`` seconds."""
        seconds = self.address.call_seconds if within is None else self.address.time_limit(within)
        request = self.address.request(self._http, call, seconds)
        try:
            return answer_of(call, self._http.send(request))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return failed(error)

    def release(self, session: str, fence: int, named: Mapping[str, str]) -> bool:
        """Give a seat back, as well as it can be done. False where it cannot: then the lease ends by itself."""
        left = RELEASE_TRIES
        while (answer := self.send(calls.release(session, fence, named))).silent or answer.server_fault:
            left -= 1
            if not left:
                log.warning("the seat could not be given back (%s); its lease ends by itself", answer.code)
                return False
            time.sleep(FIRST_PAUSE)
        return True

    def ask(
        self,
        made: Callable[[str], Call],
        wait: float,
        *,
        read: Callable[[Answer], Answer] = lambda told: told,
    ) -> tuple[Seated, float]:
        """The seat that the call gives which is ``made`` anew for each try, and when its answer came, as ``read``.

        Raises:
            SeatRefused: there is none after ``wait`` seconds, or no sense in waiting.
        """
        state: Asking = asking.begin(self.clock(), wait, calls.new_name())
        while True:
            self._wait_until(state.ask_at)
            asked = self.clock()
            answer = read(self.send(made(state.name)))
            now = self.clock()
            found = state.heard(answer, asked=asked, now=now, jitter=random.random(), new_name=calls.new_name)  # noqa: S311  it spreads waits
            match found:
                case Asking():
                    state = found
                case SeatRefused():
                    raise found
                case Seated():
                    return found, now

    def insist(self, call: Call) -> Answer:
        """The answer to a call that gives no new seat, sent again a few times where there is none."""
        state = asking.begin(self.clock(), 0.0, "")
        while True:
            self._wait_until(state.ask_at)
            answer = self.send(call)
            found = state.unsettled(answer, now=self.clock(), jitter=random.random())  # noqa: S311  it spreads waits
            if found is None:
                return answer
            state = found

    def _wait_until(self, then: float) -> None:
        while (left := then - self.clock()) > 0:
            time.sleep(min(left, LONGEST_NAP))

"""From a call to an HTTP request, and from what httpx says to an answer. Both clients have this in common."""

import json
import math

import httpx

from seatwarden.client.answers import Answer, read_answer, silence
from seatwarden.client.calls import Call
from seatwarden.client.document import read_document
from seatwarden.client.settings import KeySource

CALL_SECONDS = 5.0
"""How long one call may take, unless the program says otherwise."""
RELEASE_TRIES = 3


class Addressed:
    """The endpoint at ``url``, for the holder of the key or token."""

    def __init__(self, url: str, keys: KeySource, call_seconds: float) -> None:
        if not (math.isfinite(call_seconds) and call_seconds > 0):
            raise ValueError("call_seconds has to be a number above 0")
        self.url = url
        self.call_seconds = call_seconds
        self.keys = keys

    @property
    def shows_token(self) -> bool:
        """Is a token shown, which says itself who holds the seat?"""
        return self.keys.pool is not None

    def request(self, http: httpx.Client | httpx.AsyncClient, call: Call, seconds: float) -> httpx.Request:
        """``call`` as a request that is given up after so many ``seconds`` without a sign of life."""
        headers = {**call.headers, **self.keys.headers()}
        content = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(call.body, allow_nan=False, separators=(",", ":")).encode()
        return http.build_request(
            call.method, self.url + call.path, content=content, headers=headers, timeout=seconds
        )

    def time_limit(self, left: float) -> float:
        """The limit of a heartbeat, where the seat has so many seconds ``left``: it must not hide that the seat ended."""
        return min(self.call_seconds, max(left, 0.1))


def answer_of(call: Call, response: httpx.Response) -> Answer:
    """The answer to ``call`` in ``response``."""
    read = read_document if call.document else read_answer
    return read(response.status_code, response.headers, response.content)


def failed(error: httpx.HTTPError | httpx.InvalidURL | httpx.StreamError) -> Answer:
    """No answer. Only the kind of ``error`` is told, since its text may repeat a header."""
    return silence(_SAID.get(type(error), type(error).__name__))


_SAID: dict[type[Exception], str] = {
    httpx.ConnectError: "nothing listens there, or the name or certificate is wrong",
    httpx.ConnectTimeout: "no connection was made in time",
    httpx.ReadTimeout: "the connection is there, and no answer came in time",
}

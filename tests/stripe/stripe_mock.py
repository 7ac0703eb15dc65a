"""Stripe's own stripe-mock, asked what it thinks of the requests that the stand-in accepted.

It keeps nothing and answers with samples, but refuses what is no request of Stripe: another path, another parameter, a value of
another type.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from seatwarden.local.processes import ProcessGroup
from tests.local.waiting import wait_until
from tests.stripe.faults import Heard
from tests.stripe.forms import encoded, leaves
from tests.stripe.mock_build import stripe_mock_folder
from tests.stripe.routes import route_of

_KEY = "sk_test_123"


@dataclass(slots=True)
class StripeMock:
    """A running stripe-mock at a Unix socket. ``asked`` are the requests that it was asked about, by method, path and names of
    parameters: of each it is asked once."""

    socket: Path
    asked: set[tuple[str, str, frozenset[str]]] = field(default_factory=set)

    async def complaints(self, requests: list[Heard]) -> list[str]:
        """What it has against those that were answered with a 200; empty where it has nothing."""
        complaints = []
        async with self.session() as session:
            for heard in requests:
                route = route_of(heard.method, heard.path)
                if heard.status != 200 or route is None:
                    continue
                shape = (heard.method, route.template, frozenset(leaves(heard.given)))
                if shape not in self.asked:
                    self.asked.add(shape)
                    told = await self.ask(session, heard)
                    complaints += [told] if told else []
        return complaints

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Connections to it."""
        connector = aiohttp.UnixConnector(str(self.socket))
        async with aiohttp.ClientSession(connector=connector) as session:
            yield session

    async def ask(self, session: aiohttp.ClientSession, heard: Heard) -> str | None:
        """Its refusal of a request; None where it takes it."""
        form = encoded(heard.given)
        reads = heard.method == "GET"
        url = f"http://stripe-mock{heard.path}" + (f"?{form}" if reads and form else "")
        headers = {
            "Authorization": f"Bearer {_KEY}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with session.request(
            heard.method, url, data=None if reads else form, headers=headers
        ) as answer:
            if answer.status == 200:
                return None
            return f"{heard.method} {heard.path} {form}: {answer.status} {await answer.text()}"


@contextlib.contextmanager
def running_stripe_mock() -> Iterator[StripeMock]:
    """A stripe-mock for as long as this is entered."""
    with tempfile.TemporaryDirectory(prefix="stripe-mock-") as folder, ProcessGroup() as group:
        socket = Path(folder) / "socket"
        command = [str(stripe_mock_folder() / "stripe-mock"), "-http-unix", str(socket)]
        group.start(command, name="stripe-mock", log=Path(folder) / "log", cwd=Path(folder))
        wait_until(socket.exists, what="stripe-mock listens")
        yield StripeMock(socket)

import asyncio
import contextlib

from prometheus_client import REGISTRY

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.stripe_stream import Backlog
from seatwarden_webhooks.backlog_watch import watch_backlog


class Source:
    """Answers in turn, then never again; ``asked_out`` is set when it has no more answers."""

    def __init__(self, *answers: Backlog | Exception) -> None:
        self.answers = list(answers)
        self.asked_out = asyncio.Event()

    async def backlog(self) -> Backlog:
        if not self.answers:
            self.asked_out.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def told(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"seatwarden_webhooks_stripe_{name}")


async def test_it_tells_what_waits_and_goes_on_after_an_outage() -> None:
    source = Source(
        Backlog(waiting=1, oldest_ms=1, dead=1),
        AuthorityUnavailable("no answer"),
        Backlog(waiting=7, oldest_ms=2500, dead=3),
        AuthorityUnavailable("no answer"),
    )
    watching = asyncio.create_task(watch_backlog(source, seconds=0.0))
    async with asyncio.timeout(20):
        await source.asked_out.wait()
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    assert (told("backlog_events"), told("backlog_age_seconds"), told("dead_letters")) == (7.0, 2.5, 3.0)

"""Whatever is sent to the receiver, it is answered, nothing of it is kept without a signature, and nothing is a fault."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatwarden.backends.stripe_stream import Taken
from seatwarden.domain.stripe_events import EVENT_TYPES, StripeEvent
from seatwarden_webhooks.stripe_receiver import MEANINGS, Mode, Result, StripeReceiver
from tests.domain.test_stripe_events import JSON
from tests.webhooks.conftest import NOW
from tests.webhooks.signed_events import SECRET, body_of, event, signature

HEADERS = st.text(alphabet="tv01=,ab9 \t", max_size=60) | st.text(max_size=60)


class Kept:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.events: list[StripeEvent] = []

    async def append(self, event: StripeEvent) -> Taken:
        self.events.append(event)
        return Taken.NEW


class Request:
    """As much of a request as the receiver looks at."""

    def __init__(self, body: bytes, header: str | None) -> None:
        self.content = asyncio.StreamReader()
        self.content.feed_data(body)
        self.content.feed_eof()
        self.content_length = len(body)
        self.header = header
        self.headers = self

    def getall(self, _name: str, _default: list[str]) -> list[str]:
        return [] if self.header is None else [self.header]


async def received(body: bytes, header: str | None) -> tuple[Result, list[StripeEvent]]:
    kept = Kept()
    receiver = StripeReceiver(kept, lambda: (SECRET,), Mode.LIVE, wall=lambda: NOW)
    request = Request(body, header)
    request.content.readany = lambda: request.content.read(1 << 20)  # type: ignore[attr-defined]  # aiohttp's name for it
    result, _ = await receiver._result(request)  # type: ignore[arg-type]  # it is like one
    return result, kept.events


@given(body=st.binary(max_size=200), header=st.none() | HEADERS)
def test_without_a_signature_nothing_is_kept(body: bytes, header: str | None) -> None:
    result, kept = asyncio.run(received(body, header))
    assert (MEANINGS[result].status, kept) == (400, [])


@given(body=st.binary(max_size=200))
def test_signed_bytes_are_an_event_or_unreadable(body: bytes) -> None:
    assert asyncio.run(received(body, signature(body, NOW)))[0] is Result.UNREADABLE


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    type_=st.sampled_from(sorted(EVENT_TYPES)),
    field=st.sampled_from(["id", "created", "livemode", "account", "data", "type", "object"]),
    value=JSON,
    about=st.dictionaries(st.sampled_from(["id", "object", "customer", "subscription", "parent"]), JSON),
)
def test_a_signed_event_with_anything_in_its_fields_is_kept_whole_or_not_at_all(
    type_: str, field: str, value: object, about: dict[str, object]
) -> None:
    made = event(1, type_)
    made["data"]["object"] |= about
    made[field] = value
    try:
        body = body_of(made)
    except TypeError:  # a number that has no place in JSON as it is sent
        return
    result, kept = asyncio.run(received(body, signature(body, NOW)))
    assert result in {Result.ACCEPTED, Result.UNREADABLE, Result.OTHER_TYPE, Result.OTHER_MODE}
    assert len(kept) == (result is Result.ACCEPTED)
    for one in kept:
        changed = one.change.object
        words = (one.id, changed.id, changed.account, one.change.customer, one.change.subscription)
        assert all(word.isascii() and len(word) <= 255 and " " not in word for word in words)

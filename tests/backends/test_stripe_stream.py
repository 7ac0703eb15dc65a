"""The stream of Stripe's events on a real Valkey."""

import asyncio
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_keys import STRIPE_KEYS
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_scripts import STRIPE_APPEND, STRIPE_BACKLOG, STRIPE_SCRIPTS
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.backends.stripe_stream import FIRST, StripeStream, Taken
from seatwarden.domain.stripe_agenda import DAY_MS, Entry
from seatwarden.local.valkey import Valkey, valkey_server
from tests.backends.conftest import MakeRunner
from tests.workers.stripe_objects import event_about


@pytest.fixture
async def stream(make_runner: MakeRunner, redis_url: str) -> StripeStream:
    """An empty stream."""
    return StripeStream(make_runner(redis_url))


async def filled(stream: StripeStream, count: int) -> None:
    for number in range(count):
        assert await stream.append(event_about(number, f"evt_{number}")) is Taken.NEW


async def taken(
    stream: StripeStream, consumer: str = "a", count: int = 100, last: str = FIRST
) -> list[Entry]:
    return await stream.take(consumer, last=last, count=count)


async def adopted(stream: StripeStream, consumer: str, *, stale_ms: int = 0, count: int = 100) -> list[Entry]:
    """All that this consumer can adopt."""
    found: list[Entry] = []
    start: str | None = FIRST
    while start is not None:
        entries, start = await stream.adopt(consumer, stale_ms=stale_ms, start=start, count=count)
        found += entries
    return found


async def test_what_is_taken_in_is_given_out_once_and_in_order(stream: StripeStream) -> None:
    await filled(stream, 3)
    first = await taken(stream, count=2)
    rest = await taken(stream, count=2, last=first[-1].id)
    assert [entry.event for entry in (*first, *rest)] == ["evt_0", "evt_1", "evt_2"]
    assert [entry.change for entry in first] == [event_about(number).change for number in range(2)]
    assert {entry.tries for entry in (*first, *rest)} == {1}
    assert await taken(stream, last=rest[-1].id) == []


async def test_all_that_is_kept_of_an_event_is_in_these_fields(stream: StripeStream, redis: "Redis") -> None:
    await stream.append(event_about(7, "evt_7", account="acct_1"))
    found: Any = await redis.xrange(STRIPE_KEYS.events)
    ((_, fields),) = found
    assert fields == {
        b"event": b"evt_7",
        b"type": b"customer.subscription.updated",
        b"created": b"1764590400",
        b"live": b"1",
        b"kind": b"subscription",
        b"id": b"sub_7",
        b"account": b"acct_1",
        b"customer": b"cus_7",
        b"subscription": b"sub_7",
    }


async def test_an_event_is_taken_in_once_however_often_it_comes(stream: StripeStream) -> None:
    outcomes = await asyncio.gather(*(stream.append(event_about(1, "evt_1")) for _ in range(50)))
    assert sorted(outcomes) == [Taken.KNOWN] * 49 + [Taken.NEW]
    (entry,) = await taken(stream)
    await stream.done([entry.id])
    assert await stream.append(event_about(1, "evt_1")) is Taken.KNOWN
    assert (await stream.backlog()).waiting == 0


async def test_an_id_is_forgotten_after_days(stream: StripeStream, redis: "Redis") -> None:
    await stream.append(event_about(1, "evt_1"))
    score = float(await redis.zscore(STRIPE_KEYS.seen, "evt_1") or 0)
    await redis.zadd(STRIPE_KEYS.seen, {"evt_1": score - 4 * DAY_MS})
    assert await stream.append(event_about(1, "evt_1")) is Taken.KNOWN
    await redis.zadd(STRIPE_KEYS.seen, {"evt_1": score - 5 * DAY_MS - 1})
    assert await stream.append(event_about(1, "evt_1")) is Taken.NEW
    assert await redis.zcard(STRIPE_KEYS.seen) == 1


async def test_when_there_is_no_room_nothing_that_waits_is_dropped(
    make_runner: MakeRunner, redis_url: str
) -> None:
    stream = StripeStream(make_runner(redis_url), most_waiting=2)
    await filled(stream, 2)
    assert await stream.append(event_about(2, "evt_2")) is Taken.NO_ROOM
    assert await stream.append(event_about(1, "evt_1")) is Taken.KNOWN
    entries = await taken(stream)
    assert [entry.event for entry in entries] == ["evt_0", "evt_1"]
    await stream.bury(entries[:1], "why")
    assert await stream.append(event_about(2, "evt_2")) is Taken.NO_ROOM
    await stream.done([entries[1].id])
    assert await stream.append(event_about(2, "evt_2")) is Taken.NEW


async def test_what_was_given_out_with_a_lost_answer_is_given_out_again(stream: StripeStream) -> None:
    await filled(stream, 4)
    first = await taken(stream, count=1)
    lost = await taken(stream, count=2, last=first[-1].id)
    again = await taken(stream, count=2, last=first[-1].id)
    assert [entry.id for entry in again] == [entry.id for entry in lost]
    assert [entry.event for entry in await taken(stream, last=again[-1].id)] == ["evt_3"]


async def test_what_somebody_left_is_adopted_and_counts_as_one_more_try(stream: StripeStream) -> None:
    await filled(stream, 25)
    before = await taken(stream, "dead", count=20)
    found = await adopted(stream, "b", count=3)
    assert [entry.id for entry in found] == [entry.id for entry in before]
    assert {entry.tries for entry in found} == {2}
    assert {entry.tries for entry in await adopted(stream, "c")} == {3}
    assert len(await taken(stream, "b")) == 20 + 5 - 20  # of what it adopted nothing is left to it


async def test_what_somebody_keeps_is_not_adopted(stream: StripeStream) -> None:
    await filled(stream, 2)
    await taken(stream, "a")
    assert await adopted(stream, "b", stale_ms=600_000) == []
    assert len(await adopted(stream, "b")) == 2


async def test_keeping_makes_fresh_and_only_trying_counts(stream: StripeStream, redis: "Redis") -> None:
    await filled(stream, 2)
    kept, left = await taken(stream, "a")
    await redis.xclaim(STRIPE_KEYS.events, "operator", "a", 0, [kept.id, left.id], idle=100_000, justid=True)
    await stream.keep("a", [kept.id])
    assert [entry.id for entry in await adopted(stream, "b", stale_ms=50_000)] == [left.id]
    await stream.keep("a", [kept.id], tries=True)
    assert [(one.id, one.tries) for one in await adopted(stream, "b")] == [(kept.id, 3), (left.id, 3)]


async def test_what_is_done_with_is_gone_and_doing_it_again_is_no_harm(
    stream: StripeStream, redis: "Redis"
) -> None:
    await filled(stream, 3)
    entries = await taken(stream)
    for _ in range(2):
        await stream.done([entry.id for entry in entries[:2]])
    assert (await stream.backlog()).waiting == 1
    assert [entry.id for entry in await adopted(stream, "b")] == [entries[2].id]
    assert (await redis.xpending(STRIPE_KEYS.events, "operator"))["pending"] == 1


async def test_thousands_can_be_kept_and_done_with_in_one_call(stream: StripeStream) -> None:
    await asyncio.gather(*(stream.append(event_about(number)) for number in range(2_500)))
    entries = await taken(stream, count=5_000)
    assert len(entries) == 2_500
    ids = [entry.id for entry in entries]
    await stream.keep("a", ids)
    await stream.keep("a", ids, tries=True)
    await stream.done(ids)
    assert (await stream.backlog()).waiting == 0


async def test_what_is_given_up_can_be_read_and_put_back(stream: StripeStream) -> None:
    await filled(stream, 3)
    entries = await taken(stream)
    for _ in range(2):  # its answer may be lost
        await stream.bury(entries[:2], "Forbidden")
    letters = await stream.dead()
    assert [(one.entry, one.why) for one in letters] == [(entry, "Forbidden") for entry in entries[:2]]
    assert await stream.dead(after=letters[0].id) == letters[1:]
    backlog = await stream.backlog()
    assert (backlog.waiting, backlog.dead) == (1, 2)
    assert [await stream.replay([letters[0].id]) for _ in range(2)] == [1, 0]
    (again,) = await taken(stream, last=entries[-1].id)
    assert (again.event, again.change, again.tries) == ("evt_0", entries[0].change, 1)
    assert [one.id for one in await stream.dead()] == [letters[1].id]


async def test_the_backlog_tells_how_long_the_oldest_has_waited(stream: StripeStream, redis: "Redis") -> None:
    assert (await stream.backlog()).oldest_ms == 0
    await redis.xadd(STRIPE_KEYS.events, {"a": "b"}, id="1000-0")
    seconds, _ = await redis.time()
    assert (await stream.backlog()).oldest_ms >= seconds * 1000 - 1000


async def test_the_group_is_made_where_redis_has_lost_it(stream: StripeStream, redis: "Redis") -> None:
    await filled(stream, 1)
    (before,) = await taken(stream)
    await redis.flushall()
    assert await taken(stream, last=before.id) == []
    await redis.flushall()
    await stream.keep("a", [before.id])
    await redis.flushall()
    await stream.done([before.id])
    await redis.flushall()
    await stream.bury([before], "why")
    await redis.flushall()
    assert await adopted(stream, "a") == []
    await stream.append(event_about(5, "evt_0"))
    assert [entry.event for entry in await taken(stream, last=before.id)] == ["evt_0"]


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "evt_9", "kind": "of_the_future", "id": "x_1", "live": "1"},
        {"event": "evt_9"},
        {"event": b"\xff", "kind": "price", "id": "price_1", "live": "1"},
    ],
)
async def test_an_entry_of_another_version_holds_up_nobody_and_can_be_put_back(
    stream: StripeStream, redis: "Redis", fields: Any
) -> None:
    await redis.xadd(STRIPE_KEYS.events, fields)
    await filled(stream, 1)
    (entry,) = await taken(stream)
    assert entry.event == "evt_0"
    (letter,) = await stream.dead()
    assert (letter.entry, letter.why) == (None, "written by another version")
    assert await stream.replay([letter.id]) == 1
    ((_, left), (_, back)) = cast("Any", await redis.xrange(STRIPE_KEYS.events))
    assert (left[b"event"], len(back)) == (b"evt_0", len(fields))


async def test_an_entry_that_somebody_removed_by_hand_troubles_nobody(
    stream: StripeStream, redis: "Redis"
) -> None:
    await filled(stream, 2)
    first, second = await taken(stream)
    await redis.xdel(STRIPE_KEYS.events, first.id)
    assert [entry.id for entry in await taken(stream)] == [second.id]  # its answer was lost
    assert [entry.id for entry in await adopted(stream, "b")] == [second.id]
    assert (await redis.xpending(STRIPE_KEYS.events, "operator"))["pending"] == 1


async def test_consumers_of_long_ago_are_forgotten_unless_they_have_something(
    stream: StripeStream, redis: "Redis"
) -> None:
    await filled(stream, 1)
    await taken(stream, "has-one")
    await taken(stream, "idle")
    for forgotten_ms, left in ((10_000_000, {"has-one", "idle", "now"}), (0, {"has-one", "now"})):
        await stream.adopt("now", stale_ms=10_000_000, start=FIRST, count=1, forgotten_ms=forgotten_ms)
        found = await redis.xinfo_consumers(STRIPE_KEYS.events, "operator")
        assert {one["name"].decode() for one in found} == left


async def test_a_replica_that_does_not_have_it_is_no_acknowledgement(redis_url: str) -> None:
    runner = ScriptRunner(read_redis_url(redis_url), time_limit_seconds=0.2, replicas=1)
    stream = StripeStream(runner)
    try:
        with pytest.raises(AuthorityUnavailable, match="too few replicas"):
            await stream.append(event_about(1))
    finally:
        await stream.close()


async def test_a_full_redis_takes_nothing_in_and_still_gives_out(
    redis_url: str, stream: StripeStream
) -> None:
    async with valkey_server() as server:
        runner = ScriptRunner(read_redis_url(server.url), time_limit_seconds=5)
        own = StripeStream(runner)
        try:
            await filled(own, 2)
            async with Redis.from_url(server.url) as client:
                await client.config_set("maxmemory", "1")
            with pytest.raises(AuthorityUnavailable, match="OOM"):
                await own.append(event_about(3))
            entries = await taken(own)
            await own.done([entries[0].id])
            await own.bury([entries[1]], "why")
            assert (await own.backlog()).waiting == 0
        finally:
            await own.close()


WEBHOOKS_USER = (files("seatwarden_examples") / "redis-seatwarden-webhooks.acl").read_text()


@pytest.fixture
async def as_receiver(valkey: Valkey, redis: "Redis") -> AsyncIterator[tuple[StripeStream, str]]:
    """A stream over the shipped user of the receiver."""
    rules = (rule.replace("CHANGE-ME", "secret") for rule in WEBHOOKS_USER.split()[2:])
    await redis.execute_command("ACL", "SETUSER", "seatwarden-webhooks", "reset", *rules)  # type: ignore[no-untyped-call]
    await redis.script_flush()
    url = valkey.url.replace("redis://", "redis://seatwarden-webhooks:secret@")
    stream = StripeStream.connect(url)
    yield stream, url
    await stream.close()
    await redis.acl_deluser("seatwarden-webhooks")


async def test_the_shipped_user_of_the_receiver_can_receive(as_receiver: tuple[StripeStream, str]) -> None:
    stream, _ = as_receiver
    assert await stream.append(event_about(1)) is Taken.NEW
    assert (await stream.backlog()).waiting == 1
    await stream.ready()


async def test_it_can_neither_take_out_nor_touch_seats(as_receiver: tuple[StripeStream, str]) -> None:
    stream, url = as_receiver
    await stream.append(event_about(1))
    with pytest.raises(AuthorityUnavailable, match="could not be asked"):
        await taken(stream)
    with pytest.raises(AuthorityUnavailable, match="could not be asked"):
        await stream.done(["1-1"])
    async with Redis.from_url(url) as client:
        for command in (
            ("HGETALL", "sw:{pool}:config"),
            ("XADD", "sw:{pool}:ledger", "*", "a", "b"),
            ("FLUSHALL",),
        ):
            with pytest.raises(Exception, match=r"(?i)permission|can't access|acl|no perm"):
                await client.execute_command(*command)  # type: ignore[no-untyped-call]


def test_its_other_permissions_are_those_that_its_scripts_need() -> None:
    granted = set(re.findall(r"\+(\S+)", WEBHOOKS_USER))
    needed = {
        command.lower()
        for script in (STRIPE_APPEND, STRIPE_BACKLOG)
        for command in re.findall(r"redis\.call\('([A-Z]+)'", script.text)
    }
    plumbing = {"evalsha", "script|exists", "script|load", "info", "client|setname", "role", "cluster|slots"}
    assert granted == needed | plumbing | {"asking", "wait"}


def test_each_script_declares_all_keys() -> None:
    for script in STRIPE_SCRIPTS:
        assert "KEYS as in lib/stream.lua" in script.text
        assert "KEYS[4]" not in script.text

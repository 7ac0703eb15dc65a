"""Seats of several pools, all of them or none: both clients in front of a real endpoint."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatwarden.client import (
    AsyncClient,
    Client,
    LicenceRefused,
    Loss,
    NoSeatFree,
    PoolWish,
    RequestRefused,
    SeatLost,
    SetupError,
)
from seatwarden.client.answers import Answer, read_answer
from seatwarden.client.asking import refusal
from seatwarden.client.errors import EndpointUnavailable
from seatwarden.client.several import as_one, parts_of
from seatwarden.domain.identity_token import IDENTITY_KEY_ID, identity_key_hash
from seatwarden.domain.seats import Millis, PoolState, SessionPage, SessionRow
from seatwarden.domain.trust import Door
from seatwarden.endpoint.route_table import SEAT_OPERATIONS
from tests.client.programs import HOLD, running
from tests.client.stand import HOLDER, OTHER, PATIENCE_SECONDS, POOL_NAME, Stand, stand_on, until
from tests.client.test_tokens import ISSUES, pod_holder, pod_token
from tests.endpoint.pools import LEASE, Pool, make_pool

SHORT = Millis(4_000)


async def second_pool(stand: Stand, *, seats: int = 1, lease: Millis = LEASE) -> Pool:
    """Another pool at the same endpoint."""
    return await make_pool(stand.seats, seats=seats, lease=lease)


async def rows_of(stand: Stand, pool: Pool) -> list[SessionRow]:
    """The live leases of ``pool``."""
    page = await stand.seats.sessions(pool.uid, pool.key.sha256, limit=10, cursor=None)
    assert isinstance(page, SessionPage)
    return list(page.rows)


def both(pool: Pool, **wishes: Any) -> tuple[PoolWish, PoolWish]:
    """A wish for the pool of the client, and one for another pool."""
    return PoolWish(), PoolWish(license_key=pool.key.text, **wishes)


async def test_seats_of_all_pools_are_held_in_the_block_and_given_back_after_it(stand: Stand) -> None:
    other = await second_pool(stand, seats=3)
    loop = asyncio.get_running_loop()

    def work() -> None:
        with stand.client().hold_all(*both(other, quantity=2), holder=HOLDER, client_version="2.4") as seats:
            found = asyncio.run_coroutine_threadsafe(rows_of(stand, other), loop).result(PATIENCE_SECONDS)
            assert [(row.lease_id, row.quantity, row.client_version) for row in found] == [
                (seats[1].session, 2, "2.4")
            ]
            assert (seats.held, seats.loss, len(seats), seats.lost.is_set()) == (True, None, 2, False)
            assert 0 < seats.valid_for <= 60
            assert len({seat.session for seat in seats}) == 2
            assert all(seat.lease for seat in seats[:])
            seats.check()

    await asyncio.to_thread(work)
    assert (await stand.sessions(), await rows_of(stand, other)) == ([], [])
    async with stand.async_client().hold_all(*both(other, quantity=2), holder=HOLDER) as seats:
        assert [row.lease_id for row in await stand.sessions()] == [seats[0].session]
        assert [row.quantity for row in await rows_of(stand, other)] == [2]
        seats.check()
    assert (await stand.sessions(), await rows_of(stand, other)) == ([], [])


async def test_where_one_pool_refuses_no_seat_is_taken_and_it_is_told_which(stand: Stand) -> None:
    other = await second_pool(stand)
    async with AsyncClient(stand.url, license_key=other.key.text) as client, client.hold(holder=OTHER):
        with pytest.raises(NoSeatFree, match=r"Pool 2 of 2 refused") as refused:
            async with stand.async_client().hold_all(*both(other), holder=HOLDER):
                raise AssertionError("there is one seat")
        assert (refused.value.code, refused.value.pool) == ("pool_exhausted", 1)
        assert refused.value.retry_after is not None
        assert await stand.sessions() == []
    await other.configure(state=PoolState.SUSPENDED)
    with pytest.raises(LicenceRefused) as suspended:
        async with stand.async_client().hold_all(*both(other), holder=HOLDER):
            raise AssertionError("it is suspended")
    assert suspended.value.pool == 1
    assert await stand.sessions() == []


async def test_who_waits_gets_them_when_the_last_one_is_free(redis_url: str) -> None:
    async with stand_on(redis_url, lease=Millis(2_000)) as stand:
        other = await second_pool(stand, lease=Millis(2_000))
        client, waits = stand.async_client(), asyncio.Event()
        send = client.send

        async def listen(call: Any, **limits: Any) -> Answer:
            answer = await send(call, **limits)
            if answer.code == "pool_exhausted":
                waits.set()
            return answer

        client.send = listen  # type: ignore[method-assign]  # it listens in

        async def wait() -> bool:
            async with client.hold_all(*both(other), holder=HOLDER, wait=30) as seats:
                return seats.held

        async with AsyncClient(stand.url, license_key=other.key.text) as first, first.hold(holder=OTHER):
            waiting = asyncio.create_task(wait())
            await asyncio.wait_for(waits.wait(), PATIENCE_SECONDS)
            assert not waiting.done()
        assert await asyncio.wait_for(waiting, PATIENCE_SECONDS)


async def renewed(seats: Any, before: list[float]) -> None:
    """Return when each seat was renewed since."""
    await until(
        lambda: all(seat._keeping.valid_until > then for seat, then in zip(seats, before, strict=True))
    )


async def test_one_thread_and_one_task_keep_all_of_them(redis_url: str) -> None:
    async with stand_on(redis_url, lease=SHORT) as stand:
        other = await second_pool(stand, lease=SHORT)
        async with stand.async_client().hold_all(*both(other), holder=HOLDER) as seats:
            await renewed(seats, [seat._keeping.valid_until for seat in seats])
            assert [task.get_name() for task in asyncio.all_tasks()].count("seatwarden-heartbeat") == 1

        def work() -> bool:
            with stand.client().hold_all(*both(other), holder=HOLDER) as held:
                before = [seat._keeping.valid_until for seat in held]
                asyncio.run_coroutine_threadsafe(renewed(held, before), loop).result(PATIENCE_SECONDS)
                return held.held

        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(work)


async def test_one_lost_seat_is_told_once_and_the_others_are_kept_and_given_back(redis_url: str) -> None:
    told: list[Loss] = []
    async with stand_on(redis_url, lease=SHORT) as stand:
        other = await second_pool(stand, lease=SHORT)
        async with (
            stand.async_client().hold_all(*both(other), holder=HOLDER, on_loss=told.append) as seats,
            AsyncClient(stand.url, license_key=other.key.text) as client,
            client.hold(holder=HOLDER),
        ):
            await asyncio.wait_for(seats.lost.wait(), PATIENCE_SECONDS)
            with pytest.raises(SeatLost) as lost:
                seats.check()
            assert (lost.value.code, seats.held, seats.valid_for) == ("stale_fence", False, 0.0)
            assert (seats[0].held, seats[0].lost.is_set(), seats[1].lost.is_set()) == (True, False, True)
            assert seats.loss == seats[1].loss
            await renewed(seats[:1], [seats[0]._keeping.valid_until])
        assert [loss.code for loss in told] == ["stale_fence"]
        assert await stand.sessions() == []


async def test_the_sync_client_tells_a_lost_seat_too(redis_url: str) -> None:
    told: list[Loss] = []
    async with stand_on(redis_url, lease=SHORT) as stand:
        other = await second_pool(stand, lease=SHORT)

        def work() -> tuple[bool, bool]:
            with stand.client().hold_all(*both(other), holder=HOLDER, on_loss=told.append) as seats:
                with Client(stand.url, license_key=other.key.text) as client, client.hold(holder=HOLDER):
                    seats.lost.wait(PATIENCE_SECONDS)
                return seats[0].held, seats[1].held

        assert await asyncio.to_thread(work) == (True, False)
        assert len(told) == 1
        assert await stand.sessions() == []


async def test_one_of_them_can_be_borrowed_and_the_others_are_given_back(stand: Stand) -> None:
    other = await second_pool(stand)
    await other.configure(borrow_seats=1, borrow_longest=Millis(86_400_000))
    async with stand.async_client().hold_all(*both(other), holder=HOLDER) as seats:
        borrowed = await seats[1].borrow()
    assert (await stand.sessions(), len(await rows_of(stand, other))) == ([], 1)
    async with AsyncClient(stand.url, license_key=other.key.text) as client:
        assert await client.give_back(borrowed)


async def test_an_endpoint_that_is_away_at_the_end_is_tried_for_one_seat_only(stand: Stand) -> None:
    other = await second_pool(stand)
    sent: list[str] = []
    async with stand.async_client().hold_all(*both(other), holder=HOLDER) as seats:
        for seat in seats:

            async def listen(call: Any, *, send: Any = seat._client.send, **limits: Any) -> Answer:
                sent.append(call.path)
                answer: Answer = await send(call, **limits)
                return answer

            seat._client.send = listen  # type: ignore[method-assign]  # it listens in
        await stand.stop()
    assert {seats[0].session in path for path in sent} == {True}


async def test_with_a_token_the_pools_are_named(stand: Stand, tmp_path: Path) -> None:
    await stand.admit(ISSUES, "system:serviceaccount:team-a:*")
    other = await second_pool(stand)
    keys = {other.key.sha256: other.key.key_id, identity_key_hash(other.uid): IDENTITY_KEY_ID}
    await other.configure(key_ids=keys)
    await stand.seats.identities().open_door("team-a", "more", Door(other.uid, "tenant-of-the-stand"), term=1)
    file = tmp_path / "token"
    file.write_text(pod_token())
    async with AsyncClient(stand.url, token_file=file, pool=POOL_NAME) as client:
        async with client.hold_all(PoolWish(), PoolWish(pool="team-a/more")) as seats:
            assert [row.holder for row in await rows_of(stand, other)] == [pod_holder()]
            # The heartbeat and the release name the pool by themselves.
            await seats[1]._beat(seats[1]._clock(), 5.0)
            seats.check()
        assert (await stand.sessions(), await rows_of(stand, other)) == ([], [])
        for wish in (PoolWish(license_key=stand.pool.key.text), PoolWish(pool="dev")):
            with pytest.raises(SetupError):
                async with client.hold_all(PoolWish(), wish):
                    raise AssertionError("it is set up in a wrong way")


async def test_pools_that_do_not_go_together_are_refused_before_anything_is_sent(stand: Stand) -> None:
    client = stand.client()
    wrong = [
        PoolWish(pool="team-a/dev"),
        PoolWish(pool="team-a/dev", license_key=stand.pool.key.text),
        PoolWish(license_key="short"),
        PoolWish(license_key_file="/none"),
    ]
    for wish in wrong:
        with pytest.raises(SetupError), client.hold_all(PoolWish(), wish, holder=HOLDER):
            raise AssertionError("it is set up in a wrong way")


async def test_no_pool_and_a_pool_twice_are_faults_of_the_program(stand: Stand) -> None:
    client = stand.async_client()
    for wishes in ((), (PoolWish(), PoolWish()), tuple(PoolWish() for _ in range(17))):
        with pytest.raises(RequestRefused) as refused:
            async with client.hold_all(*wishes, holder=HOLDER):
                raise AssertionError("it is refused")
        assert refused.value.code == "invalid_request"
    assert await stand.sessions() == []


async def test_a_key_in_a_file_is_read_for_each_try_and_never_shown(stand: Stand, tmp_path: Path) -> None:
    other = await second_pool(stand)
    file = tmp_path / "key"
    file.write_text(other.key.text)
    wish = PoolWish(license_key_file=file)
    async with stand.async_client().hold_all(PoolWish(), wish, holder=HOLDER) as seats:
        shown = (
            f"{seats!r} {wish!r} {PoolWish(license_key=other.key.text)!r} {seats[1]._client.address.keys!r}"
        )
        assert other.key.text not in shown
        assert len(await rows_of(stand, other)) == 1


async def test_a_program_runs_while_seats_of_all_pools_are_held(stand: Stand, tmp_path: Path) -> None:
    other = await second_pool(stand)
    file = tmp_path / "key"
    file.write_text(other.key.text)
    source = "import sys; print('begun', flush=True); sys.exit(int(input()))"
    command = ("--also", str(file), "--", sys.executable, "-c", source)
    async with running(HOLD, *command, environment=stand.environment()) as held:
        assert await held.line() == "begun"
        assert (len(await stand.sessions()), len(await rows_of(stand, other))) == (1, 1)
        await held.type("9")
        assert await held.end() == (9, "")
    assert (await stand.sessions(), await rows_of(stand, other)) == ([], [])
    async with (
        AsyncClient(stand.url, license_key=other.key.text) as client,
        client.hold(holder=OTHER),
        running(HOLD, *command, environment=stand.environment()) as held,
    ):
        status, said = await held.end()
    assert (status, "Pool 2 of 2 refused" in said) == (75, True)
    assert await stand.sessions() == []


async def test_a_program_is_ended_when_one_of_its_seats_is_lost(redis_url: str, tmp_path: Path) -> None:
    async with stand_on(redis_url, lease=SHORT) as stand:
        other = await second_pool(stand, lease=SHORT)
        file = tmp_path / "key"
        file.write_text(other.key.text)
        source = "import time; print('begun', flush=True); time.sleep(600)"
        command = ("--also", str(file), "--", sys.executable, "-c", source)
        async with running(HOLD, *command, environment=stand.environment()) as held:
            assert await held.line() == "begun"
            async with (
                AsyncClient(stand.url, license_key=other.key.text) as client,
                client.hold(holder=HOLDER),
            ):
                status, said = await held.end()
        assert (status, "The seat was lost (stale_fence)" in said) == (76, True)
        assert await stand.sessions() == []


ACQUIRE_ALL = next(one for one in SEAT_OPERATIONS if one.name == "acquire_all")


@pytest.mark.parametrize(("status", "code"), ACQUIRE_ALL.all_refusals())
def test_every_refusal_has_its_kind(status: int, code: str) -> None:
    answer = Answer(status=status, code=str(code), message="It is so.", body={"pool": 1})
    error = refusal(as_one(answer, 2))
    kind: type[Exception] = RequestRefused
    if status in {401, 403}:
        kind = LicenceRefused
    elif status == 409 and code != "pools_apart":
        kind = NoSeatFree
    elif status in {408, 429, 503}:
        kind = EndpointUnavailable
    assert (type(error), error.code, error.pool) == (kind, code, 1)


def grant(**changes: Any) -> dict[str, Any]:
    """A seat of one pool, as the endpoint says it."""
    return {"code": "granted", "session_id": "ab" * 16, "fence": 1, "expires_in": 60.0, **changes}


def answered(*pools: Any) -> Answer:
    """An answer that gives seats of those pools."""
    return read_answer(201, {}, json.dumps({"code": "granted", "pools": pools}).encode())


def test_several_seats_count_as_one_that_lives_as_long_as_all_do() -> None:
    one = as_one(answered(grant(), grant(expires_in=7.0, fence=2)), 2)
    assert (one.session, one.fence, one.expires_in) == ("ab" * 16, 1, 7.0)
    assert [part.fence for part in parts_of(one)] == [1, 2]


@pytest.mark.parametrize(
    "make",
    [
        answered,
        lambda: answered(grant()),
        lambda: answered(grant(), grant(), grant()),
        lambda: answered(grant(), grant(fence=0)),
        lambda: answered(grant(), {"session_id": "ab" * 16, "fence": 1}),
        lambda: answered(grant(), 3),
        lambda: read_answer(201, {}, b'{"code": "granted", "pools": 3}'),
        lambda: read_answer(201, {}, b'{"code": "granted"}'),
    ],
)
def test_what_is_not_a_seat_of_each_pool_is_silence(make: Callable[[], Answer]) -> None:
    assert as_one(make(), 2).silent

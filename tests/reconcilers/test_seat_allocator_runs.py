"""When the allocator runs, for whom, and what becomes of a run that fails."""

import asyncio

import pytest

from seatwarden.backends.authority import AuthorityUnavailable, StaleTerm
from seatwarden.reconcilers.engine import NotLeading
from seatwarden.resources.names import Kind
from tests.domain.objects import subscription_body, uid_of
from tests.reconcilers.subscription_desk import TEAM, SubscriptionDesk
from tests.reconcilers.virtual_time import until

DEV, TEST = uid_of("dev"), uid_of("test")


async def test_callers_that_come_together_share_one_run(desk: SubscriptionDesk) -> None:
    runs = await asyncio.gather(*(desk.settle() for _ in range(10)))

    assert len(desk.authority.observed) == 1
    assert all(run == runs[0] for run in runs)


async def test_callers_that_come_during_a_run_share_the_next_one_which_sees_what_they_want(
    desk: SubscriptionDesk,
) -> None:
    under_way = asyncio.Event()
    desk.authority.written = lambda _: under_way.set()
    first = asyncio.create_task(desk.settle())
    await under_way.wait()
    desk.ask("dev", 1)
    others = await asyncio.gather(*(desk.settle() for _ in range(10)))

    assert first.done()
    assert (await first)[DEV].capacity == 3
    assert {run[DEV].capacity for run in others} == {1}
    assert len(desk.authority.observed) == 2


async def test_runs_of_one_subscription_never_overlap(desk: SubscriptionDesk) -> None:
    tasks = []
    for generation in range(30):
        desk.want("dev", generation=generation)
        tasks.append(asyncio.create_task(desk.settle()))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)

    assert len(desk.authority.observed) > 2
    assert desk.authority.most_at_once == 1
    assert desk.pool(DEV).config.generation == 29
    assert desk.allocator._runs.idle


async def test_different_subscriptions_do_not_wait_for_each_other(desk: SubscriptionDesk) -> None:
    other = TEAM._replace(name="other")
    desk.store.put(Kind.SUBSCRIPTION, subscription_body("other"))
    await asyncio.gather(desk.settle(TEAM), desk.settle(other))

    assert desk.authority.most_at_once == 2


async def test_a_caller_that_gives_up_does_not_take_the_run_away_from_others(
    desk: SubscriptionDesk,
) -> None:
    impatient, patient = asyncio.create_task(desk.settle()), asyncio.create_task(desk.settle())
    await asyncio.sleep(0)
    impatient.cancel()

    assert (await patient)[DEV].capacity == 3
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_without_an_authority_every_caller_is_told_and_the_next_run_goes_on_from_what_it_reads(
    desk: SubscriptionDesk,
) -> None:
    desk.authority.calls_left = 2
    told = await asyncio.gather(*(desk.settle() for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in told] == [AuthorityUnavailable] * 3
    assert len(desk.authority.caps) == 1

    desk.authority.calls_left = None
    await desk.settle()
    assert sorted(desk.authority.caps) == sorted([(DEV, 3), (TEST, 2)])


async def test_a_write_whose_answer_was_lost_is_not_made_again(desk: SubscriptionDesk) -> None:
    desk.authority.calls_left, desk.authority.loses_answer = 1, True
    with pytest.raises(AuthorityUnavailable):
        await desk.settle()
    desk.authority.calls_left = None
    await desk.settle()

    assert sorted(desk.authority.caps) == sorted([(DEV, 3), (TEST, 2)])


async def test_a_failed_run_does_not_fail_the_one_that_waits_for_it(desk: SubscriptionDesk) -> None:
    desk.authority.calls_left = 0
    under_way = asyncio.Event()
    desk.authority.before = under_way.set
    first = asyncio.create_task(desk.settle())
    await under_way.wait()
    second = asyncio.create_task(desk.settle())
    with pytest.raises(AuthorityUnavailable):
        await first
    desk.authority.calls_left = None

    assert (await second)[DEV].capacity == 3


async def test_a_term_that_was_called_stale_is_confirmed_and_the_write_made_in_the_new_one(
    desk: SubscriptionDesk,
) -> None:
    await desk.settle()
    desk.pool(DEV).term = 5
    desk.next_term = 6
    desk.ask("dev", 2)
    await desk.settle()

    assert desk.stale == [5]
    assert desk.caps()[DEV] == 2
    assert desk.pool(DEV).term == 6


async def test_who_turns_out_not_to_lead_writes_nothing_more(desk: SubscriptionDesk) -> None:
    await desk.settle()
    desk.pool(DEV).term = desk.pool(TEST).term = 5
    desk.next_term = NotLeading("another leads")
    desk.ask("dev", 2)
    desk.ask("test", 1, minutes=1)
    desk.authority.caps.clear()
    with pytest.raises(NotLeading):
        await desk.settle()

    assert desk.authority.caps == []


async def test_a_term_that_is_stale_even_after_it_was_confirmed_fails_the_run(
    desk: SubscriptionDesk,
) -> None:
    await desk.settle()
    desk.pool(DEV).term = 5
    desk.ask("dev", 2)
    with pytest.raises(StaleTerm):
        await desk.settle()

    assert desk.stale == [5]


async def test_a_pool_that_leaves_during_a_run_is_not_put_back_by_it(desk: SubscriptionDesk) -> None:
    desk.authority.seconds_to_configure = 1.0
    run = asyncio.create_task(desk.settle())
    await until(0.5)
    await asyncio.gather(*(desk.allocator.leave(TEAM, pool) for pool in (DEV, TEST)))
    for pool in (DEV, TEST):
        await desk.authority.remove(pool)
    await until(10.0)

    assert await run == {}
    assert len(desk.authority.caps) == 1
    assert desk.caps() == {}


async def test_a_pool_can_leave_while_nothing_runs(desk: SubscriptionDesk) -> None:
    await desk.allocator.leave(TEAM, DEV)
    await desk.allocator.leave(None, TEST)

    assert await desk.settle() == {}


async def test_an_allocator_at_rest_remembers_no_subscription(desk: SubscriptionDesk) -> None:
    await desk.settle()
    await desk.settle(TEAM._replace(name="never-seen"))

    assert desk.allocator._runs.idle

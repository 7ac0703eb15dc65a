import asyncio

from hypothesis import given
from hypothesis import strategies as st

from seatwarden.reconcilers.work_queue import WorkQueue


async def taken_from(queue: WorkQueue[str, str]) -> tuple[str, set[str]]:
    key, causes = await queue.take()
    return key, set(causes)


async def test_a_key_waits_once_however_often_it_is_added_with_all_its_causes() -> None:
    queue = WorkQueue[str, str]()
    queue.add("a", ["changed"])
    queue.add("b", ["changed"])
    queue.add("a", ["counts", "changed"])

    assert len(queue) == 2
    assert await taken_from(queue) == ("a", {"changed", "counts"})
    assert await taken_from(queue) == ("b", {"changed"})
    assert len(queue) == 0


async def test_keys_come_in_order_of_their_first_addition() -> None:
    queue = WorkQueue[str, str]()
    for key in ("c", "a", "b", "a", "c"):
        queue.add(key, ["changed"])

    assert [(await queue.take())[0] for _ in range(3)] == ["c", "a", "b"]


async def test_a_key_that_is_being_worked_on_comes_back_afterwards_with_the_new_causes_only() -> None:
    queue = WorkQueue[str, str]()
    queue.add("a", ["changed"])
    await queue.take()
    queue.add("a", ["related"])
    queue.add("a", ["counts"])
    queue.add("b", ["changed"])
    assert (await queue.take())[0] == "b"
    waiting = asyncio.create_task(taken_from(queue))
    await asyncio.sleep(0)
    assert not waiting.done()

    queue.done("a")
    assert await waiting == ("a", {"related", "counts"})


async def test_a_key_that_was_not_added_meanwhile_does_not_come_back() -> None:
    queue = WorkQueue[str, str]()
    queue.add("a", ["changed"])
    await queue.take()
    queue.done("a")

    assert queue.idle
    assert len(queue) == 0


async def test_who_waits_for_work_gets_it_when_it_comes() -> None:
    queue = WorkQueue[str, str]()
    takers = [asyncio.create_task(queue.take()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.add("a", ["changed"])
    queue.add("b", ["changed"])

    assert {(await taker)[0] for taker in takers} == {"a", "b"}


async def test_a_taker_that_gives_up_takes_nothing_with_it() -> None:
    queue = WorkQueue[str, str]()
    taker = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    taker.cancel()
    queue.add("a", ["changed"])

    assert (await queue.take())[0] == "a"


async def test_idle_means_that_nothing_waits_and_nothing_is_being_worked_on() -> None:
    queue = WorkQueue[str, str]()
    idle = [queue.idle]
    queue.add("a", ["changed"])
    idle.append(queue.idle)
    await queue.take()
    idle.append(queue.idle)
    queue.add("a", ["changed"])
    queue.done("a")
    idle.append(queue.idle)
    await queue.take()
    queue.done("a")
    idle.append(queue.idle)

    assert idle == [True, False, False, False, True]


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "take", "done"])), max_size=60)


@given(STEPS)
def test_no_key_is_lost_nor_given_out_twice_at_a_time(steps: list[tuple[str, str]]) -> None:
    async def walk() -> None:
        queue = WorkQueue[str, int]()
        busy: set[str] = set()
        owed: dict[str, set[int]] = {}
        for number, (key, step) in enumerate(steps):
            if step == "add":
                queue.add(key, [number])
                owed.setdefault(key, set()).add(number)
            elif step == "done" and busy:
                busy.discard(done := min(busy))
                queue.done(done)
            elif step == "take" and owed.keys() - busy:
                taken, causes = await queue.take()
                assert taken not in busy
                assert causes == owed.pop(taken)
                busy.add(taken)
            assert len(queue) == len(owed)
            assert queue.idle == (not owed and not busy)

    asyncio.run(walk())

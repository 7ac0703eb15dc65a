"""One leader at a time, by a Lease of the real API server. Only the candidates' clocks are ours."""

import asyncio

from tests.runtime.polls import LEASE_SECONDS, PATIENCE_SECONDS, Clock, Polls, in_time, looked, waiting


async def test_first_candidate_leads_in_the_term_of_the_lease_that_it_made(polls: Polls) -> None:
    candidate = polls.candidate("a")
    await candidate.acquire()

    assert candidate.leading
    lease = await polls.api.get(polls.path)
    assert candidate.term == int(lease["metadata"]["resourceVersion"])
    assert lease["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": "2027-03-01T12:00:00.000000Z",
        "renewTime": "2027-03-01T12:00:00.000000Z",
        "leaseTransitions": 0,
    }


async def test_of_candidates_that_come_at_once_one_leads(polls: Polls) -> None:
    candidates = [polls.candidate(name, Clock()) for name in "abcde"]
    tasks = [asyncio.create_task(candidate.acquire()) for candidate in candidates]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    leader = (await polls.spec())["holderIdentity"]
    assert [candidate.leading for candidate in candidates] == [name == leader for name in "abcde"]


async def test_lease_of_another_is_taken_only_after_it_was_seen_unchanged_for_its_whole_length(
    polls: Polls,
) -> None:
    leader, clock = polls.candidate("a"), Clock()
    await leader.acquire()
    candidate = polls.candidate("b", clock)
    async with waiting(candidate) as task:
        await looked(clock)
        clock.time += LEASE_SECONDS
        await looked(clock)
        assert not task.done()
        clock.time += 0.1
        await in_time(task)

    assert candidate.term > leader.term
    assert ((await polls.spec())["holderIdentity"], (await polls.spec())["leaseTransitions"]) == ("b", 1)
    assert not await leader.renew()
    assert not leader.leading


async def test_each_renewal_keeps_others_out_for_another_length_whatever_its_clock_says(
    polls: Polls,
) -> None:
    await polls.candidate("a").acquire()
    clock = Clock()
    async with waiting(polls.candidate("b", clock)) as task:
        for renewal in range(1, 4):
            await looked(clock)
            clock.time += LEASE_SECONDS - 1
            await polls.change(renewTime=f"1999-01-01T00:00:0{renewal}.000000Z")
        await looked(clock)
        assert not task.done()


async def test_released_lease_is_taken_at_once(polls: Polls) -> None:
    leader, clock = polls.candidate("a"), Clock()
    await leader.acquire()
    candidate = polls.candidate("b", clock)
    async with waiting(candidate) as task:
        await looked(clock)
        await leader.release()
        await in_time(task)

    assert not leader.leading
    assert candidate.term > leader.term


async def test_one_that_starts_again_under_its_name_need_not_wait(polls: Polls) -> None:
    await polls.candidate("a").acquire()
    again = polls.candidate("a", Clock())
    await asyncio.wait_for(again.acquire(), PATIENCE_SECONDS)
    assert again.leading


async def test_renewal_writes_the_time_and_leaves_the_term(polls: Polls) -> None:
    leader = polls.candidate("a")
    await leader.acquire()
    await polls.change(renewTime="1999-01-01T00:00:00.000000Z")
    term = leader.term

    assert await leader.renew()
    assert (await polls.spec())["renewTime"] == "2027-03-01T12:00:00.000000Z"
    assert leader.term == term


async def test_what_others_write_to_the_lease_costs_nobody_the_lead(polls: Polls) -> None:
    leader = polls.candidate("a")
    await leader.acquire()
    await polls.api.patch(
        polls.path, [{"op": "add", "path": "/metadata/annotations", "value": {"note": "mine"}}]
    )

    assert await leader.renew()
    assert (await polls.api.get(polls.path))["metadata"]["annotations"] == {"note": "mine"}
    await polls.change(renewTime="1999-01-01T00:00:00.000000Z")
    await leader.release()
    assert (await polls.spec())["holderIdentity"] == ""

"""A leader that cannot be sure of its Lease steps down before anybody else may lead."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from seatwarden.backends.kubernetes_api import Body, KubernetesApi, KubernetesUnavailable
from seatwarden.local.identities import VIEWER
from seatwarden.local.plane_access import PlaneAccess
from seatwarden.runtime.election import ElectionSettings, Elector
from tests.runtime.polls import (
    DEADLINE_SECONDS,
    NOW,
    PATIENCE_SECONDS,
    Clock,
    Polls,
    in_time,
    looked,
    until,
    waiting,
)


class SeveredApi(KubernetesApi):
    """An API server that cannot be reached while the line is severed, and before whose next answer something may happen."""

    severed = False
    before_next_answer: Callable[[], None] | None = None

    async def _call(self, method: str, path: str, *body: Any) -> Body:
        if self.severed:
            raise KubernetesUnavailable("the line is severed")
        answer = await super()._call(method, path, *body)
        happen, self.before_next_answer = self.before_next_answer, None
        if happen is not None:
            happen()
        return answer


class SilentApi(KubernetesApi):
    """An API server that takes every call and, while it is silent, answers none."""

    silent = False

    async def _call(self, method: str, path: str, *body: Any) -> Body:
        if self.silent:
            await asyncio.Event().wait()
        return await super()._call(method, path, *body)


async def test_deleted_lease_ends_the_lead_at_once_and_the_next_term_is_later(polls: Polls) -> None:
    leader = polls.candidate("a", Clock())
    await leader.acquire()
    await polls.api.delete(polls.path)

    await asyncio.wait_for(leader.keep(), PATIENCE_SECONDS)
    assert not leader.leading
    successor = polls.candidate("b", Clock())
    await successor.acquire()
    assert successor.term > leader.term


async def test_leader_keeps_its_lease_until_another_has_it(polls: Polls) -> None:
    clock = Clock()
    leader = polls.candidate("a", clock)
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    for _ in range(3):
        clock.time += DEADLINE_SECONDS - 1
        await looked(clock)
    assert not keeping.done()

    await polls.change(holderIdentity="b")
    await in_time(keeping)
    assert not leader.leading


async def test_leader_that_cannot_renew_steps_down_and_releases_nothing(
    polls: Polls, session: aiohttp.ClientSession
) -> None:
    clock, api = Clock(), SeveredApi(session, "")
    leader = polls.candidate("a", clock, api)
    await leader.acquire()
    taken_at = clock.time
    keeping = asyncio.create_task(leader.keep())
    api.severed = True
    clock.time = taken_at + DEADLINE_SECONDS - 0.1
    await looked(clock)
    assert not keeping.done()

    clock.time = taken_at + DEADLINE_SECONDS
    await in_time(keeping)
    assert not leader.leading
    api.severed = False
    await leader.release()
    assert (await polls.spec())["holderIdentity"] == "a"


async def test_leader_that_gets_no_answer_steps_down_before_anybody_may_take_over(
    polls: Polls, session: aiohttp.ClientSession
) -> None:
    async def seconds_in_office(retry_period: float) -> float:
        settings = ElectionSettings(
            namespace=polls.namespace,
            identity="a",
            name=f"every-{retry_period}",
            lease_duration=4,
            renew_deadline=3.0,
            retry_period=retry_period,
        )
        api = SilentApi(session, "")
        leader = Elector(api, settings, clock=time.monotonic, now=lambda: NOW)
        asked = time.monotonic()
        await leader.acquire()
        api.silent = True
        await asyncio.wait_for(leader.keep(), PATIENCE_SECONDS)
        return time.monotonic() - asked

    for seconds in await asyncio.gather(seconds_in_office(0.6), seconds_in_office(1.4)):
        assert 3.0 <= seconds < 4.0


async def test_what_counts_is_when_a_renewal_was_asked_for_and_not_when_its_answer_came(
    polls: Polls, session: aiohttp.ClientSession
) -> None:
    clock, api = Clock(), SeveredApi(session, "")
    leader = polls.candidate("a", clock, api)
    await leader.acquire()
    asked = clock.time
    api.before_next_answer = lambda: clock.move(DEADLINE_SECONDS - 1)
    assert await leader.renew()
    api.severed = True
    clock.time = asked + DEADLINE_SECONDS
    await asyncio.wait_for(leader.keep(), PATIENCE_SECONDS)
    assert not leader.leading


async def test_candidate_without_permission_says_which_and_waits_for_it(
    polls: Polls, cluster: PlaneAccess
) -> None:
    async with cluster.session(VIEWER) as session:
        with capture_logs() as said:
            async with waiting(polls.candidate("a", api=KubernetesApi(session, ""))) as task:
                await until(lambda: len(said) > 1)
                assert not task.done()
    assert 'User "viewer" cannot get resource "leases"' in said[0]["error"]


@pytest.mark.parametrize(
    "seconds",
    [
        {"renew_deadline": 15.0},
        {"retry_period": 10.0},
        {"lease_duration": 10},
    ],
    ids=lambda seconds: next(iter(seconds)),
)
def test_settings_under_which_two_could_lead_are_refused(seconds: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="retry_period < renew_deadline < lease_duration"):
        ElectionSettings(namespace="n", identity="a", **seconds)

"""An operator that is killed before and after every single call to Stripe, and before every write to the API server.

Each story is told once undisturbed, and then once for each of these points, from the beginning. However it dies, in the end there
is the same: one customer, one subscription that lives, as many seats, and not a cent more on the invoices.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from seatwarden.domain.billing.facts import APPLIED
from tests.billing.office import ACME, TEAM, Office
from tests.billing.shop import ENDED, Shop, shop
from tests.billing.stories import STORIES, Story
from tests.stripe.faults import Heard


class Told(NamedTuple):
    """How a story ended: at Stripe, and in the status. Ids and numbers of writes are left out."""

    customers: list[Any]
    subscriptions: list[Any]
    billed: int
    pages: int
    tenant: list[Any]
    team: list[Any]


class Run(NamedTuple):
    """A story that was told: its end, the numbers of the operator's calls and how many writes it made, and its deaths."""

    told: Told
    calls: list[int]
    writes: int
    deaths: int


async def tell(
    story: Story, folder: Path, prepare: Callable[[Office, Shop], None] = lambda _, __: None
) -> Run:
    """Tell a story, go on for a month, and look."""
    async with shop(folder) as till:
        office = Office(till)
        prepare(office, till)
        await story(office, till)
        calls, writes = list(office.operators), office.api.written
        office.restart()
        await office.settle()
        await office.pass_time(days=32)
        await office.resync()
        return Run(_told(office, till), calls, writes, office.deaths)


def _told(office: Office, till: Shop) -> Told:
    alive = [one for one in till.subscriptions() if one["status"] not in ENDED]
    assert len(alive) <= 1
    assert len(till.customers()) == 1
    return Told(
        customers=[(one["name"], one["email"], one["metadata"]) for one in till.customers()],
        subscriptions=[
            (
                one["status"],
                [(item["price"]["id"], item["quantity"]) for item in one["items"]["data"]],
                one["cancel_at_period_end"],
                one["pause_collection"],
                {name: value for name, value in one["metadata"].items() if name != APPLIED},
            )
            for one in till.subscriptions()
        ],
        billed=sum(till.billed()),
        pages=len(till.pages()),
        tenant=_conditions(office.status(ACME)),
        team=[office.status()["phase"], office.status()["seats"], *_conditions(office.status(TEAM))],
    )


def _conditions(status: dict[str, Any]) -> list[Any]:
    return [(it["type"], it["status"], it["reason"]) for it in status["conditions"]]


def killed_at_call(number: int, *, after: bool) -> Callable[[Office, Shop], None]:
    """The operator dies before that call does anything, or after it has done all and before its answer."""

    def prepare(office: Office, till: Shop) -> None:
        def before(_heard: Heard) -> None:
            office.kill()
            # What did not arrive is not done.
            raise web.HTTPServiceUnavailable

        def behind(_heard: Heard) -> None:
            office.kill()

        faults = till.server.faults
        (faults.after if after else faults.before)[number] = behind if after else before

    return prepare


def killed_at_write(number: int) -> Callable[[Office, Shop], None]:
    """The operator dies before that write to the API server: what it did at Stripe, no status tells of."""

    def prepare(office: Office, _till: Shop) -> None:
        office.api.dies_before = number

    return prepare


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_whenever_it_dies_the_end_is_the_same(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undisturbed = await tell(story, tmp_path)
    assert undisturbed.deaths == 0
    points = {
        **{
            f"{'after' if after else 'before'} call {number}": killed_at_call(number, after=after)
            for number in undisturbed.calls
            for after in (False, True)
        },
        **{f"before write {number}": killed_at_write(number) for number in range(1, undisturbed.writes + 1)},
    }
    for where, prepare in points.items():
        run = await tell(story, tmp_path, prepare)
        assert run.deaths == 1, where
        assert run.told == undisturbed.told, where
    with capsys.disabled():
        print(  # noqa: T201  the count is to be seen
            f"\n{story.__name__}: the operator died at {len(points)} points, {len(undisturbed.calls)} calls"
        )
    assert len(points) >= 2 * len(undisturbed.calls) + 8

"""What comes in becomes work: for whom, why, and how soon."""

import pytest

from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.intake import CERTIFIED_SECONDS
from seatwarden.reconcilers.object_store import Unreadable
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, Body, pool_body, subscription_body, tenant_body, uid_of
from tests.reconcilers.intake_gate import ACME, DEV, SUMS_SECONDS, TEAM, TEST, Gate, settled_gate


@pytest.fixture
async def gate() -> Gate:
    return await settled_gate()


async def test_a_changed_tenant_concerns_all_below_it(gate: Gate) -> None:
    gate.intake.changed(Kind.TENANT, tenant_body(resourceVersion="2", generation=2))

    assert await gate.work() == {ACME: {"changed"}, TEAM: {"related"}, DEV: {"related"}, TEST: {"related"}}
    assert await gate.work_later() == {}


async def test_a_changed_subscription_concerns_its_pools_now_and_the_tenants_sums_soon(gate: Gate) -> None:
    gate.intake.changed(Kind.SUBSCRIPTION, subscription_body(resourceVersion="2", generation=2))

    assert await gate.work() == {TEAM: {"changed"}, DEV: {"related"}, TEST: {"related"}}
    assert await gate.work_later(SUMS_SECONDS - 0.1) == {}
    assert await gate.work_later(0.1) == {ACME: {"counts"}}


async def test_a_changed_pool_concerns_itself_now_and_the_subscriptions_sums_soon(gate: Gate) -> None:
    gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion="2", generation=2))

    assert await gate.work() == {DEV: {"changed"}}
    assert await gate.work_later() == {TEAM: {"counts"}}


@pytest.mark.parametrize("name", ["third", "dev"], ids=["made", "made anew"])
async def test_a_new_pool_is_to_be_in_the_document_within_a_second(gate: Gate, name: str) -> None:
    gate.intake.changed(Kind.SEAT_POOL, pool_body(name, resourceVersion="9", uid=uid_of(f"another {name}")))

    assert {key.name for key in await gate.work()} >= {name}
    assert await gate.work_later(CERTIFIED_SECONDS - 0.1) == {}
    assert await gate.work_later(0.1) == {TEAM: {"counts"}}


async def test_a_new_pool_of_nobody_certifies_nothing(gate: Gate) -> None:
    gate.intake.changed(Kind.SEAT_POOL, pool_body("stray", subscription="of-nobody"))

    assert {key.name for key in await gate.work()} == {"stray"}
    assert await gate.work_later(3600.0) == {}


async def test_sums_over_many_pools_are_made_once(gate: Gate) -> None:
    for version in range(2, 50):
        gate.seconds += 0.1
        gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion=str(version), generation=version))
    await gate.work()

    assert await gate.work_later() == {TEAM: {"counts"}}
    assert await gate.work_later(3600.0) == {}


async def test_a_status_that_somebody_else_wrote_is_looked_at(gate: Gate) -> None:
    gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion="2", status={"used": 99}))

    assert await gate.work() == {DEV: {"resync"}}
    assert await gate.work_later() == {}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(pool_body(), id="the same again"),
        pytest.param(pool_body(resourceVersion="2", labels={"team": "red"}), id="another label"),
        pytest.param(pool_body(resourceVersion="0", generation=9), id="an older event"),
    ],
)
async def test_what_is_no_news_is_no_work(gate: Gate, body: Body) -> None:
    gate.intake.changed(Kind.SEAT_POOL, body)

    assert await gate.work() == {}
    assert await gate.work_later() == {}


async def test_a_pool_may_come_before_all_above_it(gate: Gate) -> None:
    alone = Gate()
    alone.intake.changed(Kind.SEAT_POOL, pool_body())
    assert await alone.work() == {DEV: {"changed"}}
    assert await alone.work_later() == {}

    alone.intake.changed(Kind.SUBSCRIPTION, subscription_body())
    assert await alone.work() == {TEAM: {"changed"}, DEV: {"related"}}


async def test_when_a_pool_goes_its_seats_concern_its_siblings(gate: Gate) -> None:
    gate.intake.gone(DEV)

    assert gate.gone == [uid_of("dev")]
    assert await gate.work() == {TEST: {"related"}}
    assert await gate.work_later() == {TEAM: {"counts"}}


async def test_when_a_subscription_goes_its_pools_and_the_other_subscriptions_are_told(gate: Gate) -> None:
    gate.intake.gone(TEAM)

    assert gate.gone == []
    assert await gate.work() == {DEV: {"related"}, TEST: {"related"}}
    assert await gate.work_later() == {ACME: {"counts"}}


async def test_when_a_tenant_goes_all_below_it_are_told(gate: Gate) -> None:
    gate.intake.gone(ACME)

    assert await gate.work() == {TEAM: {"related"}, DEV: {"related"}, TEST: {"related"}}


async def test_what_goes_takes_its_own_plans_with_it(gate: Gate) -> None:
    gate.engine.add_later(DEV, 5.0, Cause.RETRY)
    gate.intake.gone(DEV)

    assert DEV not in await gate.work_later(600.0)


async def test_nothing_is_planned_for_a_parent_that_does_not_exist(gate: Gate) -> None:
    gate.intake.gone(TEAM)
    gate.intake.gone(DEV)
    gate.intake.gone(ACME)
    gate.intake.gone(TEST)
    await gate.work()

    assert len(gate.engine.wheel) == 0


async def test_what_was_never_known_can_go(gate: Gate) -> None:
    gate.intake.gone(ObjectKey(Kind.SEAT_POOL, NAMESPACE, "never-seen"))

    assert gate.gone == []
    assert await gate.work() == {}


async def test_a_pool_made_again_under_its_name_is_first_gone_and_then_new(gate: Gate) -> None:
    gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion="9", uid=uid_of("dev again")))

    assert gate.gone == [uid_of("dev")]
    assert await gate.work() == {TEST: {"related"}, DEV: {"changed"}}


async def test_late_news_of_a_pool_that_was_made_again_concern_nobody(gate: Gate) -> None:
    gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion="9", uid=uid_of("dev again")))
    await gate.work()
    await gate.work_later()
    gate.gone.clear()
    gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion="8"))

    assert gate.gone == []
    assert gate.store.existing(DEV).metadata.uid == uid_of("dev again")
    assert await gate.work() == {}
    assert await gate.work_later() == {}


async def test_an_unreadable_object_is_worked_on_so_that_its_status_can_say_so(gate: Gate) -> None:
    gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion="2", generation=2, seats=-1))

    assert isinstance(gate.store.entry(DEV), Unreadable)
    assert (await gate.work())[DEV] == {"changed"}


async def test_a_listing_takes_in_what_is_there_and_drops_what_is_not(gate: Gate) -> None:
    for key, body in (
        (ACME, tenant_body()),
        (TEAM, subscription_body()),
        (TEST, pool_body("test", generation=2)),
    ):
        gate.api.put(object_path(key), body)
    await gate.intake.list_all()

    assert gate.gone == [uid_of("dev")]
    assert await gate.work() == {TEST: {"changed", "related"}}
    assert gate.store.entry(DEV) is None


async def test_what_changes_while_it_is_listed_is_not_dropped(gate: Gate) -> None:
    def change(path: str) -> None:
        if path.endswith("seatpools"):
            gate.intake.changed(Kind.SEAT_POOL, pool_body(resourceVersion="2", generation=2))

    gate.api.before_read = change
    await gate.intake.list_all()

    assert gate.gone == [uid_of("test")]
    assert gate.store.entry(DEV) is not None


async def test_only_the_named_namespaces_are_listed(gate: Gate) -> None:
    gate.intake.namespaces = ("here", "there")
    for namespace in ("here", "there", "elsewhere"):
        body = pool_body(namespace=namespace)
        gate.api.put(object_path(ObjectKey(Kind.SEAT_POOL, namespace, "dev")), body)
    await gate.intake.list_all()

    assert {key.namespace for key in gate.store.keys(Kind.SEAT_POOL)} == {"here", "there"}

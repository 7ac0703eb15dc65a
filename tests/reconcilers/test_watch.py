"""What kopf is told to do, and what comes of its events."""

import pytest
from kubernetes.aio.client import Configuration

from seatwarden.backends.kubernetes_connection import KubernetesConnection
from seatwarden.reconcilers.intake import WATCH_CONNECTIONS, _on_event, watch_registry, watch_settings
from seatwarden.reconcilers.kopf_storage import NoDiffBase, NoProgress
from seatwarden.resources.names import Kind
from tests.domain.objects import pool_body, uid_of
from tests.reconcilers.intake_gate import DEV, Gate, settled_gate


@pytest.fixture
async def gate() -> Gate:
    return await settled_gate()


async def test_watch_events_come_in_as_changes_and_departures(gate: Gate) -> None:
    on_event = _on_event(gate.intake, Kind.SEAT_POOL)
    await on_event(event={"type": None, "object": pool_body("new")}, name="new", logger=None)
    assert set(await gate.work()) == {DEV._replace(name="new")}
    await on_event(event={"type": "MODIFIED", "object": pool_body(resourceVersion="2", generation=2)})
    assert await gate.work() == {DEV: {"changed"}}
    await on_event(event={"type": "DELETED", "object": pool_body(resourceVersion="3")})

    assert gate.gone == [uid_of("dev")]


async def test_news_of_the_end_of_an_older_object_does_not_touch_the_one_that_has_its_name_now(
    gate: Gate,
) -> None:
    on_event = _on_event(gate.intake, Kind.SEAT_POOL)
    await on_event(event={"type": "DELETED", "object": pool_body(uid=uid_of("an older dev"))})

    assert gate.gone == []
    assert gate.store.entry(DEV) is not None


def test_kopf_stores_nothing_on_objects_and_posts_no_events() -> None:
    settings = watch_settings()

    assert settings.posting.enabled is False
    assert isinstance(settings.persistence.diffbase_storage, NoDiffBase)
    assert isinstance(settings.persistence.progress_storage, NoProgress)


async def test_all_three_kinds_are_watched_over_one_bounded_session(gate: Gate) -> None:
    connection = KubernetesConnection(Configuration(), "https://api.example.com", "example")
    registry = watch_registry(gate.intake, connection)
    watched = {
        (handler.selector.group, handler.selector.version, handler.selector.any_name)
        for handler in registry._watching._handlers
        if handler.selector is not None
    }
    assert watched == {("seatwarden.dev", "v1alpha1", kind.plural) for kind in Kind}

    [login] = registry._activities._handlers
    session = await login.fn()  # type: ignore[misc,call-arg]  # kopf passes more than is asked for
    async with session.aiohttp_session:
        assert session.server == "https://api.example.com"
        assert session.aiohttp_session.connector.limit == WATCH_CONNECTIONS

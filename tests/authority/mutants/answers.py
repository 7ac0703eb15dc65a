"""Scenes of what a client is told: pages, records, ids, and nothing for a wrong key."""

from seatwarden.domain.seats import Code, SessionPage
from tests.authority.desk import KEY, beat_of, holder
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once


def a_wrong_key_opens_nothing(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    before = twin.runner.ask(*(("DUMP", key) for key in twin.keys))
    for key in ("0" * 64, ""):
        assert twin.acquire(holder(1), key=key).live == 0
        twin.beat(grant, key=key)
        twin.release(grant, key=key)
        assert at_once(twin.authority.validate(twin.pool, key)).code is Code.INVALID_LICENSE
        page = at_once(twin.authority.sessions(twin.pool, key, limit=1, cursor=None))
        assert not isinstance(page, SessionPage)
    assert twin.runner.ask(*(("DUMP", key) for key in twin.keys)) == before


def a_thousand_beats_fit_in_one_call(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    assert {one.code for one in twin.beat(*[grant] * 1000)} == {Code.OK}


def pages_go_on_where_they_ended(twin: Twin) -> None:
    twin.configure(capacity=30)
    grants = {one.lease_id: one for one in (twin.seat(holder(number)) for number in range(12))}
    twin.clock.forward(1)
    for number in range(12, 15):
        twin.seat(holder(number))
    for limit in (1, 2, 5, 12, 14, 15, 16):
        twin.sessions(limit)
    page = at_once(twin.authority.sessions(twin.pool, KEY, limit=4, cursor=None))
    assert isinstance(page, SessionPage)
    twin.clock.forward(5)
    for row in page.rows:
        twin.beat(grants[row.lease_id])
    rest = at_once(twin.authority.sessions(twin.pool, KEY, limit=50, cursor=page.cursor))
    assert isinstance(rest, SessionPage)
    assert {row.lease_id for row in page.rows} | {row.lease_id for row in rest.rows} >= set(grants)
    assert [row.lease_id for row in rest.rows[:8]] == sorted(
        set(grants) - {row.lease_id for row in page.rows}
    )
    assert rest.cursor is None
    twin.clock.forward(twin.config.lease - 6)
    behind = at_once(twin.authority.sessions(twin.pool, KEY, limit=50, cursor=page.cursor))
    assert isinstance(behind, SessionPage)
    assert {row.holder for row in behind.rows} == {holder(n) for n in range(12, 15)} | {
        row.holder for row in page.rows
    }


def a_record_keeps_what_the_client_said(twin: Twin) -> None:
    grant = twin.seat(holder(1), client_version="1")
    twin.clock.forward(5)
    twin.seat(holder(1), client_version="2", metadata='{"host":"a"}')
    [row] = twin.sessions()
    assert (row.client_version, row.metadata, row.fence) == ("2", '{"host":"a"}', grant.fence)
    assert at_once(twin.authority.heartbeat(twin.pool, KEY, [beat_of(grant)]))[0].code is Code.OK


def lease_ids_are_spread(twin: Twin) -> None:
    twin.configure(capacity=20)
    ids = [bytes.fromhex(twin.seat(holder(number)).lease_id) for number in range(20)]
    for part in range(0, 16, 4):
        assert len({one[part : part + 4] for one in ids}) == 20
    words = {one[part : part + 4] for one in ids for part in range(0, 16, 4)}
    assert len(words) == 80


SCENES = (
    a_wrong_key_opens_nothing,
    a_thousand_beats_fit_in_one_call,
    pages_go_on_where_they_ended,
    a_record_keeps_what_the_client_said,
    lease_ids_are_spread,
)

"""What status and Events say of licence keys."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from seatwarden.domain.key_ring import EarlierKey, KeyRing, Keys
from seatwarden.domain.key_status import licence_keys, rotated, rotation_waiting, tokens
from seatwarden.domain.licence_key import SECRET_BYTES, new_licence_key
from seatwarden.domain.seats import KeyUse, Millis
from seatwarden.resources.seatpool import SeatPool, SeatPoolStatus, TokensStatus
from tests.domain import objects
from tests.domain.objects import NOON, Body, uid_of

NEW, OLD = (new_licence_key(uid_of("dev"), bytes([number] * SECRET_BYTES)) for number in (1, 2))
RING = KeyRing(newest=NEW, earlier=(EarlierKey(sha256=OLD.sha256, replaced_at=NOON),))
USED_AT = datetime(2027, 3, 2, 8, 30, 15, tzinfo=UTC)


def shown(counted: dict[str, KeyUse] | None, pool: SeatPool | None = None) -> list[Body]:
    return [key.wire() for key in licence_keys(pool or objects.pool(), RING, counted)]


def test_the_newest_key_is_active_and_an_earlier_one_overlaps_until_its_time() -> None:
    spec = {"licenceKey": {"overlap": "36h"}}
    assert shown({}, objects.pool(spec=spec)) == [
        {"id": NEW.key_id, "state": "Active", "granted": 0, "denied": 0},
        {
            "id": OLD.key_id,
            "state": "Overlapping",
            "expiresAt": "2027-03-03T00:00:00Z",
            "granted": 0,
            "denied": 0,
        },
    ]


def test_the_key_of_a_group_names_it_and_has_its_own_use() -> None:
    own = new_licence_key(uid_of("dev"), bytes([3] * SECRET_BYTES))
    ring = replace(RING, groups={"render": Keys(newest=own)})
    shown = [key.wire() for key in licence_keys(objects.pool(), ring, {own.key_id: KeyUse(4, 1, Millis(0))})]
    assert [key.get("group") for key in shown] == [None, None, "render"]
    assert (shown[2]["id"], shown[2]["granted"], shown[2]["denied"]) == (own.key_id, 4, 1)
    assert rotated(OLD.key_id, ring, timedelta(1)).endswith("Those of its groups are replaced with it.")


def test_the_use_of_each_key_is_shown_as_it_was_counted() -> None:
    last_used = Millis(int(USED_AT.timestamp() * 1000) + 999)
    [active, old] = shown({OLD.key_id: KeyUse(7, 2, last_used)})

    assert (old["granted"], old["denied"], old["lastUsedAt"]) == (7, 2, "2027-03-02T08:30:15Z")
    assert "lastUsedAt" not in active


def test_what_is_shown_is_read_back_as_equal_so_that_it_is_written_once() -> None:
    keys = licence_keys(objects.pool(), RING, {OLD.key_id: KeyUse(7, 2, Millis(1_800_000_000_123))})
    status = SeatPoolStatus(licence_keys=keys)
    assert objects.pool(status=status.wire()).status == status


def test_before_anything_is_counted_what_was_told_of_the_use_stays() -> None:
    told = licence_keys(objects.pool(), RING, {OLD.key_id: KeyUse(7, 2, Millis(1_800_000_000_000))})
    pool = objects.pool(status=SeatPoolStatus(licence_keys=told).wire())

    assert licence_keys(pool, RING, None) == told
    assert licence_keys(pool, RING, {})[1].granted == 0


def test_what_tokens_were_used_for_is_told_where_they_open_the_pool() -> None:
    used = {"identity": KeyUse(7, 2, Millis(int(USED_AT.timestamp() * 1000) + 999))}
    told = TokensStatus(granted=7, denied=2, last_used_at=USED_AT)
    assert tokens(objects.pool(), used, are_taken=True) == told
    assert tokens(objects.pool(), {}, are_taken=True) == TokensStatus(granted=0, denied=0)
    assert tokens(objects.pool(), used, are_taken=False) is None
    assert tokens(objects.pool(), used, are_taken=None) is None


def test_before_anything_is_counted_what_was_told_of_tokens_stays() -> None:
    told = TokensStatus(granted=7, denied=2, last_used_at=USED_AT)
    before = objects.pool(status=SeatPoolStatus(tokens=told).wire())
    assert before.status.tokens == told
    assert tokens(before, None, are_taken=True) == tokens(before, None, are_taken=None) == told
    assert tokens(objects.pool(), None, are_taken=True) == TokensStatus(granted=0, denied=0)


def test_a_rotation_that_waits_tells_until_when_and_what_would_help() -> None:
    assert rotation_waiting(None) is None
    assert rotation_waiting(NOON) == (
        "4 licence keys open the pool, and more may not. The new one is made when the oldest dies, at "
        "2027-03-01T12:00:00Z. A shorter spec.licenceKey.overlap ends earlier keys sooner."
    )


def test_a_rotation_tells_what_becomes_of_the_key_before_and_shows_no_key() -> None:
    lives = rotated(OLD.key_id, RING, timedelta(hours=1))
    dead = rotated("0123456789", RING, timedelta(hours=1))

    assert lives.endswith(f"The one before, {OLD.key_id}, opens the pool until 2027-03-01T13:00:00Z.")
    assert dead.endswith("The one before, 0123456789, opens nothing any more.")
    assert NEW.key_id in lives
    assert NEW.text not in lives

"""The Secret with a pool's licence key: made once, read at every run, rewritten only to rotate the key."""

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from seatwarden.domain.key_ring import EarlierKey, KeyRing, Turn
from seatwarden.domain.licence_key import SECRET_BYTES, new_licence_key
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.licence_key_secret import LicenceKeySecrets
from seatwarden.reconcilers.ownership import OwnedSecrets, Problem
from seatwarden.reconcilers.paths import secret_path
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seatpool import SeatPool
from tests.domain import objects
from tests.domain.objects import NAMESPACE, NOON, uid_of
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
NEW_POOL = objects.pool()
KNOWN_POOL = objects.pool(status={"epoch": 1})
PLACE = secret_path(NAMESPACE, "dev-licence")
KEY = new_licence_key(uid_of("dev"), bytes(SECRET_BYTES))
OLD = new_licence_key(uid_of("dev"), b"\xff" * SECRET_BYTES)
OWNED_BY = "seatwarden.dev/owner-uid"
EARLIER, ROTATED_FOR = "seatwarden.dev/earlier-licence-keys", "seatwarden.dev/licence-key-rotated-for"
ASK = "seatwarden.dev/rotate-licence-key-requested-at"


@dataclass
class Safe:
    """The Secrets of a namespace, and random bytes that are never the same twice."""

    api: KubernetesInMemory = field(default_factory=KubernetesInMemory)
    drawn: int = 0

    def __post_init__(self) -> None:
        self.keys = LicenceKeySecrets(secrets=OwnedSecrets(api=self.api), random_bytes=self._draw)

    def _draw(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count)

    async def rotate(self, pool: SeatPool, *, now: datetime = NOON) -> Turn:
        """What a run does with the keys."""
        kept = await self.keys.ensure(DEV, pool)
        turn = self.keys.turn(pool, kept.ring, now=now, may_rotate=True)
        await self.keys.save(DEV, kept, turn.ring)
        return turn

    @property
    def annotations(self) -> dict[str, str]:
        annotations: dict[str, str] = self.api.objects[PLACE]["metadata"]["annotations"]
        return annotations

    def hold(self, data: bytes | None, **annotations: str) -> None:
        """Have a Secret of the pool that holds this under the key's name, with annotations of our group."""
        content = {} if data is None else {"licence-key": base64.b64encode(data).decode()}
        noted = {f"seatwarden.dev/{name.replace('_', '-')}": text for name, text in annotations.items()}
        metadata = {"name": "dev-licence", "annotations": {OWNED_BY: uid_of("dev"), **noted}}
        self.api.put(PLACE, {"metadata": metadata, "data": content})


@pytest.fixture
def safe() -> Safe:
    return Safe()


async def test_a_new_pool_gets_a_key_of_its_own_which_is_only_in_its_secret(safe: Safe) -> None:
    made = (await safe.keys.ensure(DEV, NEW_POOL)).ring.newest

    assert made.pool == uid_of("dev")
    assert base64.b64decode(safe.api.objects[PLACE]["data"]["licence-key"]).decode() == made.text
    assert safe.api.objects[PLACE]["metadata"]["ownerReferences"][0]["uid"] == uid_of("dev")


@pytest.mark.parametrize("pool", [NEW_POOL, KNOWN_POOL], ids=["status is lost", "status is there"])
async def test_a_key_that_was_made_is_kept_also_where_status_has_forgotten_it(
    safe: Safe, pool: SeatPool
) -> None:
    made = await safe.keys.ensure(DEV, NEW_POOL)

    assert await safe.keys.ensure(DEV, pool) == made
    assert len(safe.api.objects) == 1


async def test_a_known_pool_costs_no_write(safe: Safe) -> None:
    safe.hold(KEY.text.encode())

    assert (await safe.keys.ensure(DEV, KNOWN_POOL)).ring == KeyRing(newest=KEY)
    assert safe.api.writes == []


async def test_a_secret_that_was_deleted_is_made_again_with_another_key(safe: Safe) -> None:
    made = await safe.keys.ensure(DEV, NEW_POOL)
    safe.api.objects.clear()

    assert (await safe.keys.ensure(DEV, KNOWN_POOL)).ring.newest != made.ring.newest


async def test_a_line_end_that_a_person_left_behind_the_key_does_no_harm(safe: Safe) -> None:
    safe.hold(f"{KEY.text}\n".encode())

    assert (await safe.keys.ensure(DEV, KNOWN_POOL)).ring == KeyRing(newest=KEY)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="nothing"),
        pytest.param(b"", id="an empty key"),
        pytest.param(b"LIC-nonsense", id="no key"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(new_licence_key(uid_of("test"), bytes(20)).text.encode(), id="the key of another pool"),
    ],
)
async def test_a_secret_without_a_key_of_this_pool_is_a_problem_for_a_person_and_left_as_it_is(
    safe: Safe, data: bytes | None
) -> None:
    safe.hold(data)
    before = safe.api.objects[PLACE]
    with pytest.raises(Problem) as problem:
        await safe.keys.ensure(DEV, KNOWN_POOL)

    assert problem.value.reason is Reason.INVALID_SECRET
    assert safe.api.objects[PLACE] is before
    assert (data or b"nothing").decode(errors="replace") not in problem.value.message


async def test_data_that_is_no_base64_is_a_problem_too(safe: Safe) -> None:
    safe.hold(b"")
    safe.api.objects[PLACE]["data"]["licence-key"] = "***"
    with pytest.raises(Problem):
        await safe.keys.ensure(DEV, KNOWN_POOL)


async def test_a_secret_that_is_there_and_then_is_not_is_looked_for_later(safe: Safe) -> None:
    safe.hold(KEY.text.encode())
    safe.api.before_read = lambda _: safe.api.objects.clear()
    with pytest.raises(RetryLater, match="was removed just now"):
        await safe.keys.ensure(DEV, NEW_POOL)


def asking(request: str, **told: Any) -> SeatPool:
    """A pool that asks for a new key."""
    return objects.pool(annotations={ASK: request}, **({"status": {"epoch": 1}} | told))


async def test_a_rotation_is_one_write_which_has_the_new_key_and_what_is_left_of_the_old_one(
    safe: Safe,
) -> None:
    safe.hold(KEY.text.encode())
    ring = (await safe.rotate(asking("monday"))).ring

    assert safe.api.writes == [f"replace {PLACE}"]
    assert base64.b64decode(safe.api.objects[PLACE]["data"]["licence-key"]).decode() == ring.newest.text
    assert safe.annotations == {
        OWNED_BY: uid_of("dev"),
        EARLIER: f'{{"{KEY.sha256}":"2027-03-01T12:00:00Z"}}',
        ROTATED_FOR: "monday",
    }
    assert KEY.text not in str(safe.api.objects[PLACE])
    assert KEY.text not in str(safe.annotations)


async def test_a_rotation_is_remembered_by_the_secret_alone(safe: Safe) -> None:
    safe.hold(KEY.text.encode())
    ring = (await safe.rotate(asking("monday"))).ring
    safe.api.writes.clear()

    again = await safe.rotate(asking("monday", status={"epoch": 1}))
    assert again == Turn(ring=ring)
    assert again.ring.earlier == (EarlierKey(sha256=KEY.sha256, replaced_at=NOON),)
    assert safe.api.writes == []


async def test_a_dead_key_is_taken_out_of_the_secret(safe: Safe) -> None:
    safe.hold(KEY.text.encode())
    ring = (await safe.rotate(asking("monday"))).ring
    await safe.rotate(asking("monday"), now=NOON + timedelta(days=7))

    assert EARLIER not in safe.annotations
    assert safe.annotations[ROTATED_FOR] == "monday"
    assert base64.b64decode(safe.api.objects[PLACE]["data"]["licence-key"]).decode() == ring.newest.text


async def test_a_key_that_was_just_made_meets_the_request_that_is_there(safe: Safe) -> None:
    made = await safe.rotate(asking("monday", status={}))

    assert (made.ring.earlier, made.ring.rotated_for) == ((), "monday")
    assert safe.annotations[ROTATED_FOR] == "monday"
    assert await safe.rotate(asking("monday")) == made


async def test_a_secret_that_was_deleted_ends_all_keys_and_its_request_is_not_met_again(safe: Safe) -> None:
    safe.hold(KEY.text.encode())
    before = (await safe.rotate(asking("monday"))).ring
    safe.api.objects.clear()
    after = (await safe.rotate(asking("monday"))).ring

    assert after.earlier == ()
    assert after.newest not in (before.newest, KEY)


async def test_an_older_secret_that_was_put_back_is_taken_as_it_is(safe: Safe) -> None:
    safe.hold(KEY.text.encode())
    told = {"epoch": 1, "lastHandledRotateLicenceKeyAt": "monday"}
    turn = await safe.rotate(asking("monday", status=told))

    assert turn.ring == KeyRing(newest=KEY, rotated_for="monday")
    assert safe.api.writes == []


async def test_a_pool_that_may_not_rotate_keeps_its_key(safe: Safe) -> None:
    safe.hold(KEY.text.encode())
    kept = await safe.keys.ensure(DEV, asking("monday"))
    turn = safe.keys.turn(asking("monday"), kept.ring, now=NOON, may_rotate=False)
    assert turn == Turn(ring=KeyRing(newest=KEY))


@pytest.mark.parametrize("meanwhile", ["changed", "deleted"])
async def test_a_secret_that_somebody_touched_meanwhile_is_not_overwritten(
    safe: Safe, meanwhile: str
) -> None:
    safe.hold(KEY.text.encode())
    kept = await safe.keys.ensure(DEV, KNOWN_POOL)
    if meanwhile == "changed":
        safe.hold(OLD.text.encode())
    else:
        safe.api.objects.clear()
    there = dict(safe.api.objects)
    turn = safe.keys.turn(asking("monday"), kept.ring, now=NOON, may_rotate=True)
    with pytest.raises(RetryLater, match="was changed meanwhile"):
        await safe.keys.save(DEV, kept, turn.ring)

    assert safe.api.objects == there


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a list"),
        pytest.param('{"abc":"2027-03-01T12:00:00Z"}', id="no hash"),
        pytest.param(f'{{"{OLD.sha256}":"soon"}}', id="no instant"),
        pytest.param(f'{{"{OLD.sha256}":5}}', id="a number"),
        pytest.param(f'{{"{OLD.sha256}":"2027-03-01T12:00:00"}}', id="no zone"),
        pytest.param(f'{{"{OLD.sha256}":"9999-12-31T12:00:00Z"}}', id="the end of time"),
        pytest.param(
            "{" + ",".join(f'"{at:064x}":"2027-03-01T12:00:00Z"' for at in range(4)) + "}", id="too many"
        ),
    ],
)
async def test_earlier_keys_that_cannot_be_read_are_a_problem_for_a_person(safe: Safe, text: str) -> None:
    safe.hold(KEY.text.encode(), earlier_licence_keys=text)
    with pytest.raises(Problem) as problem:
        await safe.keys.ensure(DEV, KNOWN_POOL)

    assert problem.value.reason is Reason.INVALID_SECRET
    assert EARLIER in problem.value.message
    assert safe.api.writes == []


RENDER = {"groups": [{"name": "render", "licenceKey": True}, {"name": "film"}]}


def data_of(safe: Safe) -> dict[str, str]:
    """The Secret's data as text."""
    data = safe.api.objects[PLACE]["data"]
    return {name: base64.b64decode(text).decode() for name, text in data.items()}


async def test_a_group_has_a_key_of_its_own_in_the_same_secret(safe: Safe) -> None:
    await safe.rotate(NEW_POOL)
    pool = objects.pool(spec=RENDER, status={"epoch": 1})
    turn = await safe.rotate(pool)
    [(_, of_pool), (group, own)] = turn.ring.all_keys()
    assert group == "render"
    assert data_of(safe) == {"licence-key": of_pool.newest.text, "render.licence-key": own.newest.text}
    assert (await safe.keys.ensure(DEV, pool)).ring == turn.ring
    writes = len(safe.api.writes)
    assert await safe.rotate(pool) == turn
    assert len(safe.api.writes) == writes


async def test_a_rotation_replaces_and_remembers_the_keys_of_groups_too(safe: Safe) -> None:
    pool = objects.pool(spec=RENDER, status={"epoch": 1}, annotations={ASK: "monday"})
    before = (await safe.rotate(objects.pool(spec=RENDER))).ring
    after = (await safe.rotate(pool)).ring
    old, new = before.groups["render"], after.groups["render"]
    assert new.newest != old.newest
    assert new.hashes == (new.newest.sha256, old.newest.sha256)
    assert data_of(safe)["render.licence-key"] == new.newest.text
    assert (await safe.keys.ensure(DEV, pool)).ring == after


async def test_the_key_of_a_group_goes_when_the_group_is_to_have_none(safe: Safe) -> None:
    await safe.rotate(objects.pool(spec=RENDER))
    await safe.rotate(objects.pool(spec=RENDER, status={"epoch": 1}, annotations={ASK: "monday"}))
    turn = await safe.rotate(KNOWN_POOL)
    assert turn.ring.groups == {}
    assert set(data_of(safe)) == {"licence-key"}
    assert "seatwarden.dev/earlier-group-licence-keys" not in safe.annotations


async def test_while_changes_are_not_acted_upon_no_group_gets_or_loses_a_key(safe: Safe) -> None:
    kept = await safe.keys.ensure(DEV, NEW_POOL)
    pool = objects.pool(spec=RENDER, status={"epoch": 1})
    assert safe.keys.turn(pool, kept.ring, now=NOON, may_rotate=False).ring == kept.ring
    with_key = (await safe.rotate(pool)).ring
    assert safe.keys.turn(KNOWN_POOL, with_key, now=NOON, may_rotate=False).ring == with_key


async def test_a_group_key_that_cannot_be_used_is_a_problem_for_a_person(safe: Safe) -> None:
    await safe.rotate(objects.pool(spec=RENDER))
    pool = objects.pool(spec=RENDER, status={"epoch": 1})
    safe.api.objects[PLACE]["data"]["render.licence-key"] = base64.b64encode(b"LIC-").decode()
    with pytest.raises(Problem, match=r"'render\.licence-key'"):
        await safe.keys.ensure(DEV, pool)
    # One that nobody wants is none.
    assert (await safe.keys.ensure(DEV, KNOWN_POOL)).ring.groups == {}


async def test_an_annotation_of_group_keys_that_cannot_be_read_is_a_problem(safe: Safe) -> None:
    safe.hold(KEY.text.encode(), earlier_group_licence_keys='{"render": []}')
    with pytest.raises(Problem, match="earlier-group-licence-keys"):
        await safe.keys.ensure(DEV, KNOWN_POOL)

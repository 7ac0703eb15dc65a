"""The Secret with a pool's licence key: made once, read at every run, never overwritten."""

import base64
from dataclasses import dataclass, field

import pytest

from seatwarden.domain.licence_key import SECRET_BYTES, new_licence_key
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.licence_key_secret import LicenceKeySecrets
from seatwarden.reconcilers.ownership import OwnedSecrets, Problem
from seatwarden.reconcilers.paths import secret_path
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seatpool import SeatPool
from tests.domain import objects
from tests.domain.objects import NAMESPACE, uid_of
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
NEW_POOL = objects.pool()
KNOWN_POOL = objects.pool(status={"epoch": 1})
PLACE = secret_path(NAMESPACE, "dev-licence")
KEY = new_licence_key(uid_of("dev"), bytes(SECRET_BYTES))


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

    def hold(self, data: bytes | None) -> None:
        """Have a Secret of the pool that holds this under the key's name."""
        content = {} if data is None else {"licence-key": base64.b64encode(data).decode()}
        metadata = {"name": "dev-licence", "annotations": {"seatwarden.dev/owner-uid": uid_of("dev")}}
        self.api.put(PLACE, {"metadata": metadata, "data": content})


@pytest.fixture
def safe() -> Safe:
    return Safe()


async def test_a_new_pool_gets_a_key_of_its_own_which_is_only_in_its_secret(safe: Safe) -> None:
    made = await safe.keys.ensure(DEV, NEW_POOL)

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

    assert await safe.keys.ensure(DEV, KNOWN_POOL) == KEY
    assert safe.api.writes == []


async def test_a_secret_that_was_deleted_is_made_again_with_another_key(safe: Safe) -> None:
    made = await safe.keys.ensure(DEV, NEW_POOL)
    safe.api.objects.clear()

    assert (await safe.keys.ensure(DEV, KNOWN_POOL)).text != made.text


async def test_a_line_end_that_a_person_left_behind_the_key_does_no_harm(safe: Safe) -> None:
    safe.hold(f"{KEY.text}\n".encode())

    assert await safe.keys.ensure(DEV, KNOWN_POOL) == KEY


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

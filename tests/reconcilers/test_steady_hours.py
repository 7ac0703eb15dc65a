"""Hours in which nothing changes, with all that the operator looks after at once: it writes nothing and signs nothing.

What it may do is what is documented: look at the keys in a KMS once an hour, by two reads for each Tenant.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from seatwarden.backends.google_kms_model import KmsMethod
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.private_root_key import PrivateRootKey, generate
from seatwarden.domain.borrowing import BorrowedLease, Borrows
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.domain.seats import Fence, Millis
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, NOON, Body, pool_body, subscription_body, tenant_body, uid_of
from tests.kms.conftest import FAKE_RING
from tests.kms.in_process import DirectConnection
from tests.reconcilers.control_room import ControlRoom
from tests.reconcilers.virtual_time import until

HOUR = 3600.0
SETTLED = 2 * HOUR
HOURS = 3
RELISTS_SECONDS = 600.0
LENDER = "render-eu"
GOOGLE: dict[str, Any] = {"provider": "GoogleCloudKMS", "googleCloudKMS": {"keyRing": FAKE_RING}}
LOOKS = {KmsMethod.GET_CRYPTO_KEY, KmsMethod.LIST_CRYPTO_KEY_VERSIONS}
TENANTS: dict[str, dict[str, Any]] = {
    "local": {"signing": {"algorithm": "EdDSA"}},
    "google": {"signing": GOOGLE | {"algorithm": "ES256"}},
    "revoking": {"signing": GOOGLE | {"algorithm": "ES256", "revokedLeases": ["ab" * 16]}},
}


@dataclass
class BusyRoom:
    """Three Tenants, two Subscriptions each, one of them with an end, two pools each, and seats of one that are borrowed."""

    google: DirectConnection = field(default_factory=DirectConnection)
    made: list[PrivateRootKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.google.kms.rings.add(FAKE_RING)
        self.room = ControlRoom(
            installation=InstallationKeys([bytes(32)]),
            google=self.google,
            new_root_key=self._new_root_key,
            begins=NOON,
        )

    async def _new_root_key(self, algorithm: RootAlgorithm) -> PrivateRootKey:
        self.made.append(await generate(algorithm))
        return self.made[-1]

    def declare(self) -> None:
        """Somebody writes all of it."""
        ends = {"validUntil": "2028-01-01T00:00:00Z"}
        for tenant, spec in TENANTS.items():
            self.room.write(Kind.TENANT, tenant_body(tenant, spec=spec))
            for number, more in enumerate(({}, ends)):
                subscription = f"{tenant}-{number}"
                self.room.write(
                    Kind.SUBSCRIPTION, subscription_body(subscription, tenant=tenant, seats=10, spec=more)
                )
                for pool in ("a", "b"):
                    self.room.write(
                        Kind.SEAT_POOL, pool_body(f"{subscription}-{pool}", subscription=subscription)
                    )
        lends = {"borrow": {"maxSeats": 2, "maxDuration": "72h"}}
        self.room.write(Kind.SEAT_POOL, pool_body(LENDER, subscription="google-0", seats=0, spec=lends))

    def lend(self) -> None:
        """Two seats of the lender are borrowed for two days, and each other pool has leases."""
        for pool, has in self.room.authority.pools.items():
            has.live = 2
            self.room.count(pool, granted=2)
        uid = uid_of(LENDER)
        lease = BorrowedLease("ab" * 32, Fence(1), Millis(int(NOON.timestamp() + 48 * HOUR) * 1000), 2, "")
        self.room.authority.lent[uid] = Borrows(1, (lease,))
        self.room.authority.counts[uid] = replace(
            self.room.authority.counts[uid], borrowed=2, borrow_changes=1
        )

    def status(self, kind: Kind, name: str) -> Body:
        """What people see."""
        status: Body = self.room.api.objects[object_path(ObjectKey(kind, NAMESPACE, name))]["status"]
        return status

    def unready(self) -> list[str]:
        """All that does not say that it is Ready, or has no licence document."""
        found = []
        for body in self.room.api.objects.values():
            told = body.get("status", {}).get("conditions", [])
            if any(it["type"] in {"Ready", "LicenceReady"} and it["status"] != "True" for it in told):
                found.append(body["metadata"]["name"])
        return found

    async def lists_again_and_again(self) -> None:
        """As the operator does, so that nothing is missed for long."""
        while True:
            await asyncio.sleep(RELISTS_SECONDS)
            await self.room.controller.intake.list_all()


@pytest.fixture
async def busy() -> AsyncIterator[BusyRoom]:
    """All of it, settled since some hours."""
    busy = BusyRoom()
    busy.declare()
    with busy.room.at_work():
        listing = asyncio.create_task(busy.lists_again_and_again())
        await until(60.0)
        busy.lend()
        await until(SETTLED)
        yield busy
        listing.cancel()


async def test_it_is_all_there(busy: BusyRoom) -> None:
    assert busy.unready() == []
    kinds = Counter(body.get("kind") for body in busy.room.api.objects.values())
    assert (kinds["Tenant"], kinds["Subscription"], kinds["SeatPool"]) == (3, 6, 13)
    assert len(busy.room.documents.licences) == 6
    assert len(busy.room.documents.lists) == 3
    assert len(busy.made) == 1
    assert len(busy.google.kms.versions) == 2
    assert [each["seats"] for each in busy.status(Kind.SEAT_POOL, LENDER)["borrows"]] == [2]


async def test_in_hours_without_a_change_nothing_is_written_nor_signed(busy: BusyRoom) -> None:
    room, google = busy.room, busy.google
    writes, said, caps = len(room.api.writes), room.documents.writes, len(room.authority.caps)
    texts = dict(room.documents.licences), dict(room.documents.lists), dict(room.documents.sets)
    google.heard.clear()
    await until(SETTLED + HOURS * HOUR)
    assert room.api.writes[writes:] == []
    assert (room.documents.writes, len(room.authority.caps)) == (said, caps)
    assert texts == (room.documents.licences, room.documents.lists, room.documents.sets)
    assert len(busy.made) == 1
    looks = Counter(google.heard)
    assert looks.keys() == LOOKS
    in_kms = 2
    for method in LOOKS:
        assert in_kms * (HOURS - 1) <= looks[method] <= in_kms * HOURS


async def test_what_is_due_later_is_done_then_and_once(busy: BusyRoom) -> None:
    """Documents are signed anew ten days before their end, so the quiet above is no deadness."""
    room, google = busy.room, busy.google
    before = room.documents.licences | room.documents.lists
    google.heard.clear()
    assert room.begins is not None
    room.begins += timedelta(days=20)
    await until(2 * SETTLED)
    after = room.documents.licences | room.documents.lists
    assert after.keys() == before.keys()
    assert all(after[uid] != text for uid, text in before.items())
    assert busy.unready() == []
    # Of the Tenants in the KMS: four licence documents and two revocation lists.
    assert Counter(google.heard)[KmsMethod.ASYMMETRIC_SIGN] == 4 + 2


async def test_a_new_pool_is_certified_within_seconds(busy: BusyRoom) -> None:
    before = busy.room.documents.licences[uid_of("google-0")]
    busy.room.write(Kind.SEAT_POOL, pool_body("newest", subscription="google-0", seats=0))
    await until(SETTLED + 2.0)
    assert busy.status(Kind.SEAT_POOL, "newest")["conditions"][0]["status"] == "True"
    assert uid_of("newest") not in pools_in(before)
    assert uid_of("newest") in pools_in(busy.room.documents.licences[uid_of("google-0")])


async def test_pools_that_are_made_together_are_certified_by_one_signature(busy: BusyRoom) -> None:
    busy.google.heard.clear()
    for number in range(20):
        busy.room.write(Kind.SEAT_POOL, pool_body(f"newest-{number}", subscription="google-0", seats=0))
    await until(SETTLED + 2.0)
    assert len(pools_in(busy.room.documents.licences[uid_of("google-0")])) == 3 + 20
    assert busy.google.heard.count(KmsMethod.ASYMMETRIC_SIGN) == 1


def pools_in(document: str) -> set[str]:
    """The pools whose leases a licence document speaks for."""
    claims = json.loads(base64.urlsafe_b64decode(document.split(".")[1] + "=="))
    return {key["pool"] for key in claims["lease_keys"]}

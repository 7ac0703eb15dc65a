"""Where the tests of keys in Google Cloud KMS run: a stand-in, or the service itself where a key ring is named.

``SEATWARDEN_E2E_KMS_KEYRING`` is the full name of a key ring in which tests may make keys, with application default credentials.
Google keeps the names of keys for ever, so give it a key ring of its own.
"""

import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from seatwarden.backends.google_kms import GoogleCloudKms
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.google_kms_model import KmsLimits, KmsMethod
from seatwarden.backends.root_keys import KeptKey, KeyOwner
from seatwarden.domain.root_key import RootAlgorithm
from tests.kms.fake_server import FakeServer, fake_kms_server

# A server that goes away while a call hangs is no news here.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

FAKE_RING = "projects/vendor/locations/europe-west3/keyRings/licences"
REAL_RING = os.environ.get("SEATWARDEN_E2E_KMS_KEYRING")
QUICK = KmsLimits(
    attempt_seconds=1.0,
    attempts=3,
    first_pause_seconds=0.001,
    look_again_seconds=0.001,
    looks=5,
    whole_seconds=30,
)
PATIENT = KmsLimits()


@dataclass(slots=True)
class Place:
    """A key ring and the ways to it. Each `client` begins anew, as a process does that was started again."""

    key_ring: str
    endpoint: str | None
    limits: KmsLimits
    calls: Counter[KmsMethod] = field(default_factory=Counter)
    _made: list[GoogleCloudKms] = field(default_factory=list)

    @property
    def is_service(self) -> bool:
        """Whether it is Google's."""
        return self.endpoint is None

    def client(self, adopts: str | None = None, key_ring: str | None = None) -> GoogleCloudKms:
        """A client that knows nothing yet."""

        def count(method: KmsMethod) -> None:
            self.calls[method] += 1

        connection = KmsConnection(api_endpoint=self.endpoint, limits=self.limits, counted=count)
        made = GoogleCloudKms(key_ring=key_ring or self.key_ring, adopts=adopts, connection=connection)
        self._made.append(made)
        return made

    async def close(self) -> None:
        """Close all clients."""
        for made in self._made:
            await made.connection.close()


@pytest.fixture
def owner() -> KeyOwner:
    """A Tenant that nobody had before."""
    uid = str(uuid.uuid4())
    return KeyOwner(namespace="vendor", name=f"acme-{uid[:8]}", uid=uid)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """The stand-in with one key ring."""
    async with fake_kms_server() as server:
        server.kms.rings.add(FAKE_RING)
        yield server


@pytest.fixture
async def fake(server: FakeServer) -> AsyncIterator[Place]:
    """The stand-in's key ring, for tests that look into it or have it fail."""
    place = Place(FAKE_RING, server.endpoint, QUICK)
    yield place
    await place.close()


@pytest.fixture
async def key(fake: Place, owner: KeyOwner) -> KeptKey:
    """A key that was made while all was well."""
    return await fake.client().make(owner, RootAlgorithm.ES256)


SERVICE = [pytest.param(REAL_RING, id="service", marks=pytest.mark.kms)] if REAL_RING else []


@pytest.fixture(params=[pytest.param(None, id="stand-in"), *SERVICE])
async def place(request: pytest.FixtureRequest, server: FakeServer, owner: KeyOwner) -> AsyncIterator[Place]:
    """A key ring, for tests that hold for both."""
    real = request.param
    place = Place(real, None, PATIENT) if real else Place(FAKE_RING, server.endpoint, QUICK)
    yield place
    await destroy_all(place, owner)
    await place.close()


async def destroy_all(place: Place, owner: KeyOwner) -> None:
    """Leave nothing in a key ring that costs money, whoever the key is labelled for by now."""
    client = place.client()
    calls, name = await client.connection.calls(), client.key_name_of(owner)
    if await calls.key(name) is not None:
        for version in await calls.versions(name):
            await calls.destroy(version.name)

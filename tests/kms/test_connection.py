"""The connection to Google Cloud KMS: what it needs, what it refuses, and what it remembers."""

import subprocess
import sys
from pathlib import Path

import google.auth
import pytest
from google.auth import exceptions
from google.auth.credentials import AnonymousCredentials

from seatwarden.backends import google_kms_connection
from seatwarden.backends.google_kms import GoogleCloudKms
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.root_keys import KeyOwner, RootKeyRefused, RootKeysAway
from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm
from tests.kms.conftest import FAKE_RING, Place

PUBLIC = PublicRootKey(kid="k", algorithm=RootAlgorithm.ES256, public_pem="", jwk={})


def test_nothing_of_googles_is_imported_before_it_is_needed() -> None:
    heavy = "[name for name in sys.modules if name.startswith(('google.cloud', 'grpc'))]"
    program = f"import sys, seatwarden.backends.google_kms; print({heavy})"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert ran.stdout.strip() == "[]"


async def test_without_googles_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, owner: KeyOwner
) -> None:
    monkeypatch.delitem(sys.modules, "seatwarden.backends.google_kms_calls", raising=False)
    monkeypatch.setitem(sys.modules, "google.cloud.kms_v1", None)

    with pytest.raises(RootKeyRefused, match=r"pip install 'seatwarden\[google\]'"):
        await GoogleCloudKms(key_ring=FAKE_RING).kept(owner)


async def test_without_credentials_it_says_how_to_give_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, owner: KeyOwner
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    with pytest.raises(RootKeyRefused, match="workload identity"):
        await GoogleCloudKms(key_ring=FAKE_RING).kept(owner)


async def test_credentials_that_cannot_be_had_just_now_are_tried_for_again(
    monkeypatch: pytest.MonkeyPatch, owner: KeyOwner
) -> None:
    def away(**_: object) -> None:
        raise exceptions.TransportError("metadata server")  # type: ignore[no-untyped-call]  # not annotated

    monkeypatch.setattr(google.auth, "default", away)

    with pytest.raises(RootKeysAway, match="TransportError"):
        await GoogleCloudKms(key_ring=FAKE_RING).kept(owner)


@pytest.mark.parametrize(
    "endpoint", ["http://kms.example:80", "http://10.0.0.1:9000", "http://127.0.0.1.example"]
)
def test_another_machine_is_never_talked_to_unencrypted(endpoint: str) -> None:
    with pytest.raises(ValueError, match="only for an endpoint on this machine"):
        KmsConnection(api_endpoint=endpoint)


@pytest.mark.parametrize("endpoint", [None, "cloudkms.europe-west3.rep.googleapis.com", "http://localhost:1"])
def test_an_endpoint_may_be_chosen(endpoint: str | None) -> None:
    assert KmsConnection(api_endpoint=endpoint).api_endpoint == endpoint


async def test_a_closed_connection_is_made_again(fake: Place, owner: KeyOwner) -> None:
    client = fake.client()
    key = await client.make(owner, RootAlgorithm.ES256)
    for _ in range(2):
        await client.connection.close()

    assert await client.kept(owner) == (key,)


async def test_tenants_share_a_connection(fake: Place, owner: KeyOwner) -> None:
    connection = fake.client().connection

    assert await connection.calls() is await connection.calls()


def test_it_does_not_remember_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_kms_connection, "REMEMBERED", 3)
    connection = KmsConnection()
    for version in range(5):
        connection.remember(str(version), PUBLIC)

    assert [connection.public_key(str(version)) for version in range(5)] == [
        None,
        None,
        PUBLIC,
        PUBLIC,
        PUBLIC,
    ]


@pytest.mark.parametrize("endpoint", [None, "cloudkms.europe-west3.rep.googleapis.com"])
async def test_the_service_is_reached_by_tls_with_the_credentials_that_there_are(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None
) -> None:
    asked: list[object] = []

    def found(**wanted: object) -> tuple[AnonymousCredentials, None]:
        asked.append(wanted)
        return AnonymousCredentials(), None  # type: ignore[no-untyped-call]  # not annotated

    monkeypatch.setattr(google.auth, "default", found)
    connection = KmsConnection(api_endpoint=endpoint)
    calls = await connection.calls()

    assert asked == [{"scopes": ["https://www.googleapis.com/auth/cloudkms"]}]
    assert calls.client.transport.host == f"{endpoint or 'cloudkms.googleapis.com'}:443"
    await connection.close()

"""What is sent to Google Cloud KMS to sign, and how its answers are read and checked."""

import hashlib
from typing import Any

import google_crc32c
from google.cloud.kms_v1 import types

from seatwarden.backends.google_kms_model import KmsKey, KmsVersion, VersionState
from seatwarden.domain.root_key import RootAlgorithm


class Damaged(Exception):
    """An answer is not what was sent; the text says what is wrong with it."""


def sign_request(name: str, algorithm: RootAlgorithm, signed: bytes) -> dict[str, Any]:
    """Ed25519 hashes by itself and takes all of the data; the others take a digest, so what is signed stays here."""
    if algorithm is RootAlgorithm.EDDSA:
        return {"name": name, "data": signed, "data_crc32c": google_crc32c.value(signed)}
    hashed = "sha512" if algorithm is RootAlgorithm.PS512 else "sha256"
    digest = hashlib.new(hashed, signed).digest()
    return {"name": name, "digest": {hashed: digest}, "digest_crc32c": google_crc32c.value(digest)}


def check_transport(answer: types.AsymmetricSignResponse, name: str, algorithm: RootAlgorithm) -> None:
    """Both ways were undamaged and the right key signed (cloud.google.com/kms/docs/data-integrity-guidelines)."""
    took = answer.verified_data_crc32c if algorithm is RootAlgorithm.EDDSA else answer.verified_digest_crc32c
    if answer.name != name:
        raise Damaged("another key signed")
    if not took:
        raise Damaged("the checksum of what was sent was not verified")
    if answer.signature_crc32c != google_crc32c.value(answer.signature):
        raise Damaged("the checksum of the signature is wrong")


def key_in(answer: types.CryptoKey) -> KmsKey:
    """What is used of a CryptoKey."""
    template = answer.version_template
    return KmsKey(
        name=answer.name,
        purpose=_name_of(answer.purpose),
        algorithm=_name_of(template.algorithm),
        protection_level=_name_of(template.protection_level),
        labels=dict(answer.labels),
    )


def version_in(answer: types.CryptoKeyVersion) -> KmsVersion:
    """What is used of a version."""
    ends = answer.destroy_time
    return KmsVersion(
        name=answer.name,
        state=VersionState.__members__.get(_name_of(answer.state), VersionState.OTHER),
        algorithm=_name_of(answer.algorithm),
        ends_at=f"{ends:%Y-%m-%d %H:%M} UTC" if ends else None,
    )


def versions_in(answer: Any) -> tuple[list[KmsVersion], str]:
    """The versions on a page, and the token of the next page, which is empty on the last."""
    return [version_in(version) for version in answer.crypto_key_versions], answer.next_page_token


def _name_of(value: Any) -> str:
    """The name of an enum's member. One that is newer than the package arrives as a bare number."""
    return getattr(value, "name", str(value))

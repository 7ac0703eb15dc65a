"""The installation's keys: what they sign they believe, each pool by itself; and they show themselves nowhere."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from seatwarden.backends.installation_keys import (
    InstallationKeys,
    UnusableKeys,
    is_sealed,
    read_installation_keys,
)
from seatwarden.domain.seats import Fence, Millis, PoolUid, SignedLease
from seatwarden.domain.signed_lease import read_token

POOL = PoolUid("5a6d0f2e-0000-4000-8000-000000000001")
LEASE = SignedLease(
    pool=POOL,
    lease_id="0123456789abcdef" * 2,
    holder="ab" * 32,
    nonce="0123456789abcdef",
    fence=Fence(2**32 + 7),
    issued_at=Millis(1_800_000_000_000),
    valid_until=Millis(1_800_086_400_000),
)
OLD, NEW = bytes(32), bytes(range(32))


def test_what_is_signed_is_believed_again_by_another_process() -> None:
    token = InstallationKeys([OLD]).sign(LEASE)
    assert InstallationKeys([OLD]).verify(token, POOL) == LEASE
    assert InstallationKeys([OLD]).sign(LEASE) == token, "the same lease gives the same token"


def test_another_installation_believes_nothing() -> None:
    assert InstallationKeys([NEW]).verify(InstallationKeys([OLD]).sign(LEASE), POOL) is None


def test_a_lease_of_one_pool_says_nothing_in_another() -> None:
    """P7"""
    keys = InstallationKeys([OLD])
    other = PoolUid(str(uuid4()))
    assert keys.verify(keys.sign(LEASE), other) is None
    assert keys.verify(keys.sign(replace(LEASE, pool=other)), POOL) is None


@pytest.mark.parametrize("at", range(0, 460, 7))
def test_a_token_that_was_changed_is_not_believed(at: int) -> None:
    keys = InstallationKeys([OLD])
    token = keys.sign(LEASE)
    at %= len(token)
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    assert keys.verify(changed, POOL) is None


@pytest.mark.behaviour(26)
def test_a_key_that_was_replaced_is_believed_while_it_is_kept_and_signs_nothing() -> None:
    before = InstallationKeys([OLD]).sign(LEASE)
    both = InstallationKeys([NEW, OLD])
    assert both.verify(before, POOL) == LEASE
    assert both.sign(LEASE) == InstallationKeys([NEW]).sign(LEASE)
    assert InstallationKeys([NEW]).verify(before, POOL) is None


def test_lease_ids_are_made_of_a_secret_of_each_pool() -> None:
    keys = InstallationKeys([OLD])
    assert keys.lease_id_secret(POOL) == InstallationKeys([OLD]).lease_id_secret(POOL)
    assert keys.lease_id_secret(POOL) != keys.lease_id_secret(PoolUid(str(uuid4())))
    assert len(keys.lease_id_secret(POOL)) == 64


def test_a_file_of_keys_is_read(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"\n{NEW.hex()}\n\n{OLD.hex().upper()}\n")
    keys = read_installation_keys(file)
    assert keys.sign(LEASE) == InstallationKeys([NEW]).sign(LEASE)
    assert keys.verify(InstallationKeys([OLD]).sign(LEASE), POOL) == LEASE


@pytest.mark.parametrize("content", ["", "\n", "hunter2secret", "ab" * 31, "ab" * 33, "zz" * 32])
def test_a_file_without_good_keys_is_refused_with_what_to_do_and_nothing_of_it_is_shown(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(UnusableKeys, match="openssl rand -hex 32") as caught:
        read_installation_keys(file)
    assert not content.strip() or content.strip() not in str(caught.value)


def test_a_missing_file_or_too_many_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableKeys, match="cannot be read"):
        read_installation_keys(tmp_path / "none")
    with pytest.raises(UnusableKeys, match="1 to 8 keys"):
        InstallationKeys([OLD] * 9)


def test_keys_are_never_shown() -> None:
    assert NEW.hex() not in repr(InstallationKeys([NEW]))


def test_what_is_sealed_is_read_by_the_installation_alone_and_under_its_name() -> None:
    keys = InstallationKeys([NEW])
    text = keys.seal(b"a private key", "root key shop/acme")
    assert is_sealed(text)
    assert "private" not in text
    assert keys.unseal(text, "root key shop/acme") == (b"a private key", True)
    assert keys.seal(b"a private key", "root key shop/acme") != text, (
        "the same nonce twice would tell of the key"
    )
    for other, name in ((InstallationKeys([OLD]), "root key shop/acme"), (keys, "root key shop/other")):
        with pytest.raises(UnusableKeys) as refused:
            other.unseal(text, name)
        assert "private" not in str(refused.value)


def test_what_an_older_key_sealed_is_read_and_told_to_be_old() -> None:
    text = InstallationKeys([OLD]).seal(b"a private key", "name")
    assert InstallationKeys([NEW, OLD]).unseal(text, "name") == (b"a private key", False)


@pytest.mark.parametrize("broken", ["", "sealed:v1:", "sealed:v1:AAAA", "sealed:v1:no base64!", "PEM"])
def test_what_was_not_sealed_is_refused(broken: str) -> None:
    with pytest.raises(UnusableKeys):
        InstallationKeys([OLD]).unseal(broken, "name")


def test_a_sealed_text_that_was_changed_is_refused() -> None:
    text = InstallationKeys([OLD]).seal(b"a private key", "name")
    changed = text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:]
    with pytest.raises(UnusableKeys):
        InstallationKeys([OLD]).unseal(changed, "name")


def test_the_public_lease_keys_verify_what_any_of_the_keys_signed() -> None:
    keys = InstallationKeys([NEW, OLD])
    public = dict(keys.lease_keys(POOL))
    assert len(public) == 2
    for signer in (InstallationKeys([NEW]), InstallationKeys([OLD])):
        token = read_token(signer.sign(LEASE))
        assert token is not None
        Ed25519PublicKey.from_public_bytes(public[token.kid]).verify(token.signature, token.signed)
    assert dict(keys.lease_keys(PoolUid("another"))).keys().isdisjoint(public)

"""The installation's keys: what they sign they believe, each pool by itself; and they show themselves nowhere."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from seatwarden.backends.installation_keys import InstallationKeys, UnusableKeys, read_installation_keys
from seatwarden.domain.seats import Fence, Millis, PoolUid, SignedLease

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

import dataclasses
import json

import pytest

from seatwarden.verify import (
    Code,
    Licence,
    NotValid,
    authentic_licence,
    read_keys,
    read_revocations,
    verify_lease,
    verify_licence,
)
from seatwarden.verify.keys import LARGEST_KEY_SET, MOST_KEYS
from seatwarden.verify.licence import MOST_ENTITLEMENTS, MOST_LEASE_KEYS
from tests.vectors.claim_cases import LEASE_TYPE, LIST_TYPE
from tests.vectors.jws_cases import TYPE
from tests.vectors.world import DAY, HOLDER, LEASE_ID, NOW, OTHER_TENANT, POOL_A, POOL_B, TENANT, read_world

WORLD = read_world()
ROOT = WORLD.signers["EdDSA"]
KEYS = read_keys(json.dumps(WORLD.key_sets()["tenant"]))


def document(**changes: object) -> str:
    """A document by the root key, with some claims changed."""
    return ROOT.token(TYPE, {**WORLD.document, **changes})


def lease(**changes: object) -> str:
    """A lease of pool A, with some claims changed."""
    return WORLD.signers["pool-a"].token(LEASE_TYPE, {**WORLD.lease, **changes})


def revocations(**changes: object) -> str:
    """A revocation list, with some claims changed."""
    return ROOT.token(LIST_TYPE, {**WORLD.revocations, **changes})


def verified(**changes: object) -> Licence:
    """A document that was verified."""
    return verify_licence(document(**changes), KEYS, now=NOW, tenant=TENANT)


def code_of(error: pytest.ExceptionInfo[NotValid]) -> Code:
    """Why something was refused."""
    return error.value.code


def test_a_document_says_all_that_was_bought() -> None:
    licence = verified(valid_until=NOW + 90 * DAY)

    assert (licence.tenant, licence.namespace, licence.subscription) == ("acme", "quickstart", "acme-team")
    assert (licence.tenant_uid, licence.plan, licence.seats) == (TENANT, "team", 5)
    assert licence.entitlements == {"x.pdf": True, "cores": 16, "edition": "pro"}
    assert (licence.issued_at, licence.expires_at) == (NOW - 10 * DAY, NOW + 20 * DAY)
    assert (licence.offline_grace, licence.longest_lease) == (3600, 30 * DAY)
    assert licence.valid_until == NOW + 90 * DAY
    assert sorted(key.pool for key in licence.lease_keys.values()) == sorted((POOL_A, POOL_B))
    assert licence.kid == ROOT.kid


def test_nobody_changes_a_licence_once_it_is_verified() -> None:
    licence = verified()
    with pytest.raises(dataclasses.FrozenInstanceError):
        licence.seats = 500  # type: ignore[misc]
    with pytest.raises(TypeError):
        licence.entitlements["x.pdf"] = 7  # type: ignore[index]
    with pytest.raises(TypeError):
        del licence.lease_keys["any"]  # type: ignore[attr-defined]


def test_a_subscription_without_an_end_has_none() -> None:
    assert verified().valid_until is None


def test_any_tenant_will_do_where_none_is_asked_for() -> None:
    assert verify_licence(document(iss=OTHER_TENANT), KEYS, now=NOW).tenant_uid == OTHER_TENANT


def test_the_skew_can_be_none_at_all() -> None:
    ends = WORLD.document["exp"]
    assert verify_licence(document(), KEYS, now=ends - 1, skew=0).expires_at == ends
    with pytest.raises(NotValid) as refused:
        verify_licence(document(), KEYS, now=ends, skew=0)
    assert code_of(refused) is Code.EXPIRED


def test_the_end_of_the_subscription_is_told_before_that_of_its_document() -> None:
    with pytest.raises(NotValid, match="Renew the subscription") as refused:
        verify_licence(document(valid_until=NOW), KEYS, now=NOW + 100 * DAY)
    assert code_of(refused) is Code.LICENCE_ENDED


def test_a_document_whose_time_is_over_is_authentic_still() -> None:
    old = document(iat=NOW - 90 * DAY, exp=NOW - 60 * DAY)

    assert authentic_licence(old, KEYS, tenant=TENANT).expires_at == NOW - 60 * DAY
    with pytest.raises(NotValid):
        verify_licence(old, KEYS, now=NOW)


def test_a_document_of_a_revoked_root_key_is_refused_with_and_without_a_look_at_the_time() -> None:
    revoked = read_revocations(revocations(keys=[ROOT.kid]), KEYS, now=NOW, tenant=TENANT)
    with pytest.raises(NotValid) as refused:
        verify_licence(document(), KEYS, now=NOW, revoked=revoked)
    assert code_of(refused) is Code.REVOKED
    with pytest.raises(NotValid) as refused:
        authentic_licence(document(), KEYS, revoked=revoked)
    assert code_of(refused) is Code.REVOKED


def test_a_revocation_list_of_another_tenant_is_not_taken_for_one_that_revokes_nothing() -> None:
    foreign = read_revocations(revocations(iss=OTHER_TENANT), KEYS, now=NOW, tenant=OTHER_TENANT)
    with pytest.raises(NotValid) as refused:
        verify_licence(document(), KEYS, now=NOW, revoked=foreign)
    assert code_of(refused) is Code.WRONG_TENANT
    with pytest.raises(NotValid) as refused:
        verify_lease(lease(), verified(), holder=HOLDER, now=NOW, revoked=foreign)
    assert code_of(refused) is Code.WRONG_TENANT


def test_a_revocation_list_says_what_it_revokes() -> None:
    found = read_revocations(revocations(keys=["a", "b"], leases=[LEASE_ID]), KEYS, now=NOW, tenant=TENANT)

    assert (set(found.keys), set(found.leases)) == ({"a", "b"}, {LEASE_ID})
    assert (found.issued_at, found.expires_at) == (NOW - DAY, NOW + DAY)


def test_a_key_may_say_of_itself_that_it_counts_no_more() -> None:
    assert read_revocations(revocations(keys=[ROOT.kid]), KEYS, now=NOW, tenant=TENANT).keys == {ROOT.kid}


def test_a_lease_says_whose_it_is() -> None:
    found = verify_lease(lease(group="render", quantity=2), verified(), holder=HOLDER, now=NOW)

    assert (found.lease_id, found.holder, found.pool) == (LEASE_ID, HOLDER, POOL_A)
    assert (found.quantity, found.group, found.fence) == (2, "render", 4294967297)
    assert found.nonce == WORLD.lease["nonce"]
    assert (found.issued_at, found.expires_at) == (NOW - 3600, NOW + 3600)
    assert found.kid == WORLD.signers["pool-a"].kid


def test_a_borrowed_lease_outlives_its_document_and_not_its_own_end() -> None:
    licence = verified()
    month = lease(iat=licence.expires_at, exp=licence.expires_at + 30 * DAY)

    verify_lease(month, licence, holder=HOLDER, now=licence.expires_at + 29 * DAY)
    with pytest.raises(NotValid) as refused:
        verify_lease(month, licence, holder=HOLDER, now=licence.expires_at + 30 * DAY + 60)
    assert code_of(refused) is Code.EXPIRED


def test_a_lease_is_good_under_a_document_that_was_signed_anew_after_it() -> None:
    newer = verified(iat=NOW - 60)

    assert verify_lease(lease(), newer, holder=HOLDER, now=NOW).issued_at < newer.issued_at


def test_a_lease_is_not_good_under_a_document_that_had_ended_before_it_and_no_skew_changes_that() -> None:
    older = authentic_licence(document(exp=NOW - 3601), KEYS)
    with pytest.raises(NotValid, match="Get the newer licence document") as refused:
        verify_lease(lease(), older, holder=HOLDER, now=NOW, skew=DAY)
    assert code_of(refused) is Code.LICENCE_TOO_OLD


def test_the_pool_may_be_asked_for() -> None:
    assert verify_lease(lease(), verified(), holder=HOLDER, now=NOW, pool=POOL_A).pool == POOL_A
    with pytest.raises(NotValid) as refused:
        verify_lease(lease(), verified(), holder=HOLDER, now=NOW, pool=POOL_B)
    assert code_of(refused) is Code.WRONG_POOL


def test_an_empty_holder_is_nobody() -> None:
    with pytest.raises(NotValid) as refused:
        verify_lease(lease(), verified(), holder="", now=NOW)
    assert code_of(refused) is Code.WRONG_HOLDER


def test_a_document_may_have_as_many_pools_and_entitlements_as_it_is_said_and_no_more() -> None:
    key = WORLD.lease_key("pool-a", POOL_A)
    keys = [{**key, "kid": f"key-{index}"} for index in range(MOST_LEASE_KEYS + 1)]
    entitlements = {f"feature-{index}": True for index in range(MOST_ENTITLEMENTS + 1)}
    some = dict(list(entitlements.items())[:-1])

    assert len(verified(lease_keys=keys[:-1], entitlements=some).lease_keys) == MOST_LEASE_KEYS
    wrong: list[dict[str, object]] = [{"lease_keys": keys}, {"entitlements": entitlements}]
    for changes in wrong:
        with pytest.raises(NotValid) as refused:
            verified(**changes)
        assert code_of(refused) is Code.MALFORMED


def test_a_key_set_may_be_as_large_as_it_is_said_and_no_larger() -> None:
    text = json.dumps(WORLD.key_sets()["tenant"])
    assert len(read_keys(text.ljust(LARGEST_KEY_SET)).by_kid) == 4
    with pytest.raises(NotValid, match="longer than"):
        read_keys(text.ljust(LARGEST_KEY_SET + 1))
    with pytest.raises(NotValid, match=f"{MOST_KEYS} keys at most"):
        read_keys(json.dumps({"keys": [{}] * (MOST_KEYS + 1)}))


def test_a_key_set_with_half_a_character_is_refused() -> None:
    with pytest.raises(NotValid):
        read_keys('{"keys": [], "note": "\ud800"}')

from datetime import UTC, datetime, timedelta

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.private_root_key import read_public
from seatwarden.domain.compact_jws import signed_token
from seatwarden.domain.licence_document import LICENCE as WRITTEN_LICENCE
from seatwarden.domain.licence_document import LeaseKey, LicenceTerms
from seatwarden.domain.revocation_list import REVOCATIONS as WRITTEN_LIST
from seatwarden.domain.revocation_list import RevocationTerms
from seatwarden.domain.root_key import RSA_BITS, RSA_EXPONENT, RootAlgorithm
from seatwarden.domain.root_rotation import MOST_ROOT_KEYS
from seatwarden.domain.seats import MOST_SEATS_OF_A_LEASE, Fence, Millis, PoolUid, SignedLease
from seatwarden.domain.signed_document import DocumentKind, document_input
from seatwarden.domain.signed_lease import LONGEST_TOKEN, read_token
from seatwarden.domain.signed_lease import TOKEN_TYPE as LEASE_TYPE
from seatwarden.reconcilers.published_keys import jwks
from seatwarden.resources.subscription import MAX_ENTITLEMENTS
from seatwarden.verify import keys as verifying_keys
from seatwarden.verify import read_keys, read_revocations, verify_lease, verify_licence
from seatwarden.verify.lease import LEASE, MOST_SEATS
from seatwarden.verify.licence import LICENCE, MOST_ENTITLEMENTS
from tests.vectors.making import b64
from tests.vectors.world import HOLDER, LEASE_ID, NOW, POOL_A, SUBSCRIPTION, TENANT, read_world
from tests.verify.stored_vectors import key_set, keys_of, named, stored

WORLD = read_world()
ROOT = WORLD.signers["ES256"]
KEYS = keys_of(named("signed-with-ES256"))
SIGNED_AT = datetime.fromtimestamp(NOW, UTC)


def terms(*keys: LeaseKey) -> LicenceTerms:
    """What the operator says of a Subscription."""
    return LicenceTerms(
        tenant_uid=TENANT,
        subscription_uid=SUBSCRIPTION,
        tenant="acme",
        namespace="quickstart",
        subscription="acme-team",
        plan="team",
        seats=5,
        entitlements={"x.pdf": True, "cores": 16, "edition": "pro"},
        offline_grace=timedelta(hours=1),
        longest_lease=timedelta(days=30),
        valid_until=SIGNED_AT + timedelta(days=365),
        lease_keys=keys,
    )


def document(*keys: LeaseKey) -> str:
    """A document that the operator writes at `NOW`."""
    return _signed(WRITTEN_LICENCE, terms(*keys).claims())


def _signed(kind: DocumentKind, claims: dict[str, object]) -> str:
    signed = document_input(kind, claims, algorithm=RootAlgorithm.ES256, kid=ROOT.kid, now=SIGNED_AT)
    return signed_token(signed, ROOT.signature(signed))


def test_a_list_of_the_operator_revokes_what_it_names() -> None:
    listed = RevocationTerms(tenant_uid=TENANT, keys=["b" * 16, "a" * 16], leases=[LEASE_ID])
    found = read_revocations(_signed(WRITTEN_LIST, listed.claims()), KEYS, now=NOW, tenant=TENANT)
    assert found.keys == {"a" * 16, "b" * 16}
    assert found.leases == {LEASE_ID}
    assert found.expires_at - found.issued_at == WRITTEN_LIST.life.total_seconds()
    empty = RevocationTerms(tenant_uid=TENANT, keys=[], leases=[])
    assert read_revocations(_signed(WRITTEN_LIST, empty.claims()), KEYS, now=NOW, tenant=TENANT).keys == set()


def seat() -> SignedLease:
    """A lease that the endpoint signs at `NOW`, for an hour."""
    return SignedLease(
        pool=PoolUid(POOL_A),
        lease_id=LEASE_ID,
        holder=HOLDER,
        nonce="0011223344556677",
        fence=Fence(4294967297),
        issued_at=Millis(NOW * 1000),
        valid_until=Millis((NOW + 3600) * 1000),
        quantity=2,
        group="render",
    )


def test_a_document_of_the_operator_is_one() -> None:
    licence = verify_licence(document(), KEYS, now=NOW, tenant=TENANT)

    written = terms()
    assert (licence.subscription_uid, licence.plan, licence.seats) == (SUBSCRIPTION, "team", 5)
    assert licence.entitlements == written.entitlements
    assert licence.longest_lease == written.longest_lease.total_seconds()
    assert licence.expires_at - licence.issued_at == WRITTEN_LICENCE.life.total_seconds()


def test_a_lease_of_the_endpoint_is_good_under_a_document_of_the_operator() -> None:
    installation = InstallationKeys([bytes(32)])
    token = installation.sign(seat())
    read = read_token(token)
    assert read is not None
    private, kid = installation._derive_lease_key(0, PoolUid(POOL_A))
    listed = LeaseKey(kid=kid, x=b64(private.public_key().public_bytes_raw()), pool=POOL_A)

    licence = verify_licence(document(listed), KEYS, now=NOW)
    lease = verify_lease(token, licence, holder=HOLDER, now=NOW + 60)

    assert (lease.lease_id, lease.fence, lease.quantity, lease.group) == (LEASE_ID, 4294967297, 2, "render")
    assert (lease.issued_at, lease.expires_at) == (NOW, NOW + 3600)


def test_the_endpoint_and_the_verifier_read_a_lease_alike() -> None:
    for vector in stored("leases.json")["vectors"]:
        if vector["expected"] == "valid":
            assert read_token(vector["lease"]) is not None, vector["name"]


def test_both_sides_have_the_same_limits() -> None:
    assert (LEASE.token_type, LEASE.longest) == (LEASE_TYPE, LONGEST_TOKEN)
    assert MOST_SEATS == MOST_SEATS_OF_A_LEASE
    assert MOST_ENTITLEMENTS == MAX_ENTITLEMENTS
    assert verifying_keys.RSA_BYTES * 8 == RSA_BITS
    assert int.from_bytes(verifying_keys.RSA_EXPONENT) == RSA_EXPONENT


def test_the_set_that_the_operator_publishes_has_a_key_for_each_algorithm_and_verifies_what_each_signed() -> (
    None
):
    public = [read_public(WORLD.signers[name].public_pem.decode(), name) for name in RootAlgorithm]
    keys = read_keys(jwks(public))

    assert list(keys.by_kid) == [key.kid for key in public]
    for name in RootAlgorithm:
        verify_licence(named(f"signed-with-{name}")["licence"], keys, now=NOW, tenant=TENANT)


def test_the_operator_keeps_no_more_root_keys_than_a_set_may_have() -> None:
    assert MOST_ROOT_KEYS <= verifying_keys.MOST_KEYS


def test_the_verifier_knows_every_algorithm_of_root_keys_and_no_other() -> None:
    known = read_keys(key_set(named("signed-with-ES256"))).by_kid.values()
    assert sorted(key.algorithm for key in known) == sorted(RootAlgorithm)
    assert set(verifying_keys._ALGORITHMS) == set(map(str, RootAlgorithm))


def test_the_largest_document_fits() -> None:
    key = WORLD.lease_key("pool-a", POOL_A)
    keys = [LeaseKey(kid=f"{index:016x}", x=key["x"], pool=POOL_A) for index in range(1024)]

    assert len(document(*keys)) < LICENCE.longest
    assert len(verify_licence(document(*keys), KEYS, now=NOW).lease_keys) == 1024

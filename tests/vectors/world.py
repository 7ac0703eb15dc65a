"""What the vectors are about: one Tenant, one document of it with two pools, and one lease."""

from dataclasses import dataclass
from functools import cached_property

from tests.vectors.making import Json, Signer, read_signers

NOW = 1_800_000_000
DAY = 86_400
TENANT = "7b0cf8b4-9a55-4b6d-8a0f-3f6f5f0c0001"
OTHER_TENANT = "7b0cf8b4-9a55-4b6d-8a0f-3f6f5f0c0002"
SUBSCRIPTION = "0d9d4c1e-5d59-4f0a-9d0e-2a1b7c3d0003"
POOL_A = "5e1f6a70-1111-4c8a-b1d2-9c0d1e2f0004"
POOL_B = "5e1f6a70-2222-4c8a-b1d2-9c0d1e2f0005"
HOLDER = "0123456789abcdef" * 4
LEASE_ID = "00112233445566778899aabbccddeeff"


@dataclass(frozen=True)
class World:
    """The test keys, and what is said with them."""

    signers: dict[str, Signer]

    def lease_key(self, name: str, pool: str) -> Json:
        """An entry of ``lease_keys``."""
        signer = self.signers[name]
        return {"kid": signer.kid, "x": signer.jwk()["x"], "pool": pool}

    @cached_property
    def document(self) -> Json:
        """The claims of the document: it was signed ten days ago and counts for twenty more."""
        return {
            "iss": TENANT,
            "sub": SUBSCRIPTION,
            "iat": NOW - 10 * DAY,
            "exp": NOW + 20 * DAY,
            "tenant": "acme",
            "namespace": "quickstart",
            "subscription": "acme-team",
            "plan": "team",
            "seats": 5,
            "entitlements": {"x.pdf": True, "cores": 16, "edition": "pro"},
            "offline_grace": 3600,
            "longest_lease": 30 * DAY,
            "lease_keys": [self.lease_key("pool-a", POOL_A), self.lease_key("pool-b", POOL_B)],
        }

    @cached_property
    def lease(self) -> Json:
        """The claims of a lease of pool A: an hour old, good for another."""
        return {
            "aud": POOL_A,
            "sub": HOLDER,
            "jti": LEASE_ID,
            "nonce": "0011223344556677",
            "fence": 4294967297,
            "quantity": 1,
            "group": "",
            "iat": NOW - 3600,
            "exp": NOW + 3600,
        }

    @cached_property
    def revocations(self) -> Json:
        """The claims of a list that revokes nothing."""
        return {"iss": TENANT, "iat": NOW - DAY, "exp": NOW + DAY, "keys": [], "leases": []}

    def key_sets(self) -> Json:
        """The public key sets that the vectors name."""
        roots = [self.signers[name].jwk() for name in ("RS256", "PS512", "ES256", "EdDSA")]
        return {"tenant": {"keys": roots}, "other-tenant": {"keys": [self.signers["other-tenant"].jwk()]}}


def read_world() -> World:
    """The world with the stored test keys."""
    return World(read_signers())

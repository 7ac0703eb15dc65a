import pytest

from seatwarden.resources.names import DERIVING_NAME_LENGTH, Kind, licence_key_secret, root_key_secret

LONGEST_SECRET_NAME = 253


@pytest.mark.parametrize(
    ("kind", "plural", "short"),
    [
        (Kind.TENANT, "tenants", "ten"),
        (Kind.SUBSCRIPTION, "subscriptions", "sub"),
        (Kind.SEAT_POOL, "seatpools", "sp"),
    ],
)
def test_kind_knows_its_names_in_the_api(kind: Kind, plural: str, short: str) -> None:
    assert kind.plural == plural
    assert kind.short_name == short
    assert kind.crd_name == f"{plural}.seatwarden.dev"


def test_secrets_are_named_after_their_resource() -> None:
    assert licence_key_secret("dev") == "dev-licence"
    assert root_key_secret("acme") == "acme-root-key"


def test_longest_name_still_gives_a_name_that_a_secret_may_have() -> None:
    longest = "a" * DERIVING_NAME_LENGTH

    assert max(len(licence_key_secret(longest)), len(root_key_secret(longest))) <= LONGEST_SECRET_NAME

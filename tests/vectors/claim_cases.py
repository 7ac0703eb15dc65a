"""Vectors about what is said: documents, leases and revocation lists that are signed rightly and are valid or not."""

from typing import Any

from tests.vectors.jws_cases import TYPE, vector
from tests.vectors.making import Json, b64
from tests.vectors.world import DAY, HOLDER, LEASE_ID, NOW, OTHER_TENANT, POOL_A, POOL_B, TENANT, World

LEASE_TYPE = "seat-lease+jwt"
LIST_TYPE = "seat-revocations+jwt"
SKEW = 60
GONE = object()


def changed(claims: Json, **changes: Any) -> Json:
    """The claims with some changed, and without those that are `GONE`."""
    return {name: value for name, value in {**claims, **changes}.items() if value is not GONE}


def licence_vectors(world: World) -> list[Json]:
    """Documents: their claims, their time, their Tenant."""
    root = world.signers["EdDSA"]

    def made(name: str, why: str, expected: str, at: int = NOW, asked: str = TENANT, **changes: Any) -> Json:
        token = root.token(TYPE, changed(world.document, **changes))
        return vector(name, why, token, expected, now=at, tenant=asked)

    begins, ends = world.document["iat"], world.document["exp"]
    borders: list[tuple[str, int, str, Json]] = [
        ("expired", ends + SKEW, "expired", {}),
        ("at-the-last-second-of-the-skew", ends + SKEW - 1, "valid", {}),
        ("long-before-it-begins", begins - DAY, "not_yet_valid", {}),
        ("right-before-it-begins", begins - SKEW - 1, "not_yet_valid", {}),
        ("at-the-first-second-of-the-skew", begins - SKEW, "valid", {}),
        ("of-a-subscription-that-goes-on", NOW, "valid", {"valid_until": NOW + DAY}),
        ("of-a-subscription-that-has-ended", NOW, "licence_ended", {"valid_until": NOW - SKEW}),
        ("ended-and-expired", ends + DAY, "licence_ended", {"valid_until": NOW}),
    ]
    why = "The clock may be wrong by 60 seconds and not by more."
    wrong_why = "A claim that is missing, unknown or of another type or range."
    return [
        *(made(f"licence-{name}", why, expected, at, **more) for name, at, expected, more in borders),
        made(
            "licence-of-another-tenant",
            "The caller asks for one tenant.",
            "wrong_tenant",
            asked=OTHER_TENANT,
        ),
        *(made(f"licence-{name}", wrong_why, "malformed", **more) for name, more in wrong_documents(world)),
        made("licence-with-no-entitlement", "An empty object is one.", "valid", entitlements={}),
        made(
            "licence-in-any-script",
            "Texts may be of any script.",
            "valid",
            entitlements={"edition": "\u5927\u3000\u304d\u3044"},
        ),
        made("licence-with-no-pool", "A subscription may have no pool.", "valid", lease_keys=[]),
    ]


def wrong_documents(world: World) -> list[tuple[str, Json]]:
    """Documents that nobody of ours writes, by what is changed in them."""
    [first, second] = world.document["lease_keys"]
    missing = [(f"without-{name.replace('_', '-')}", {name: GONE}) for name in world.document]
    numbers = ("iat", "exp", "seats", "offline_grace", "longest_lease")
    wrong_numbers = [
        (f"with-{word}-as-{name.replace('_', '-')}", {name: value})
        for name in numbers
        for word, value in (
            ("true", True),
            ("a-text", "5"),
            ("null", None),
            ("minus-one", -1),
            ("2-to-the-53", 2**53),
        )
    ]
    keys = {
        "kid-twice": [first, {**second, "kid": first["kid"]}],
        "x-too-short": [{**first, "x": b64(bytes(31))}],
        "x-with-padding": [{**first, "x": first["x"] + "="}],
        "kid-as-path": [{**first, "kid": "../keys"}],
        "more-members": [{**first, "d": first["x"]}],
        "no-pool": [{name: first[name] for name in ("kid", "x")}],
        "a-text": [first["x"]],
        "an-object": first,
    }
    others: dict[str, Json] = {
        "an-unknown-claim": {"nbf": 1},
        "an-end-before-its-beginning": {"exp": world.document["iat"]},
        "two-issuers": {"iss": [TENANT]},
        "an-empty-issuer": {"iss": ""},
        "a-line-end-in-its-tenant": {"tenant": "acme\nevil"},
        "an-escape-in-its-plan": {"plan": "\x1b[2J"},
        "a-delete-in-its-tenant": {"tenant": "acme\x7f"},
        "a-very-long-tenant": {"tenant": "a" * 257},
        "a-list-of-entitlements": {"entitlements": ["x.pdf"]},
        "a-false-entitlement": {"entitlements": {"x.pdf": False}},
        "a-deeper-entitlement": {"entitlements": {"x.pdf": {"more": 1}}},
        "null-as-valid-until": {"valid_until": None},
    }
    return [
        *missing,
        *wrong_numbers,
        *((f"with-lease-keys-{name}", {"lease_keys": value}) for name, value in keys.items()),
        *((f"with-{name}", more) for name, more in others.items()),
    ]


def lease_vectors(world: World) -> list[Json]:
    """Leases: the whole chain."""
    documents = world.signers["EdDSA"]
    pool_a, pool_b, stranger = (world.signers[name] for name in ("pool-a", "pool-b", "other-document"))
    begins, ends = world.document["iat"], world.document["exp"]

    def made(name: str, why: str, expected: str, **more: Any) -> Json:
        signer = more.pop("signer", pool_a)
        header = {"kid": more.pop("kid", signer.kid), "typ": more.pop("typ", LEASE_TYPE)}
        document = documents.token(TYPE, changed(world.document, **more.pop("document", {})))
        given = {
            name: more.pop(name) for name in ("now", "holder", "pool", "tenant", "plain_jws") if name in more
        }
        lease = changed(world.lease, **more)
        token = signer.token(header["typ"], lease, kid=header["kid"])
        claims: Json = {"claims": lease} if expected == "valid" else {}
        return vector(
            f"lease-{name}", why, document, expected, lease=token, **{"holder": HOLDER, **given}, **claims
        )

    month = {"iat": NOW - 3600, "exp": NOW - 3600 + 30 * DAY}
    return [
        made("good", "A lease of pool A.", "valid", plain_jws="accepted"),
        made("of-pool-b", "A lease of pool B.", "valid", signer=pool_b, aud=POOL_B, pool=POOL_B),
        made("of-a-group", "Two seats of a group.", "valid", group="render", quantity=2),
        made("borrowed", "Borrowed for as long as may be.", "valid", **month),
        made(
            "borrowed-and-outliving",
            "The document has expired meanwhile.",
            "valid",
            **month,
            now=ends + 5 * DAY,
        ),
        made("at-the-beginning", "Signed in the first second of the document.", "valid", iat=begins),
        made("at-the-end", "Signed in its last second.", "valid", now=ends, iat=ends, exp=ends + 60),
        made("expired", "Its own time is over.", "expired", exp=NOW - SKEW),
        made("in-the-skew", "Its time is over by less than the skew.", "valid", exp=NOW - SKEW + 1),
        made("from-the-future", "Signed later than now.", "not_yet_valid", iat=NOW + SKEW + 1),
        made("older-than-its-document", "The document was signed anew since.", "valid", iat=begins - 1),
        made(
            "behind-its-document",
            "Signed behind its end.",
            "licence_too_old",
            now=ends + 9,
            iat=ends + 1,
            exp=ends + 60,
        ),
        made("too-long", "One second longer than may be.", "lease_too_long", iat=NOW, exp=NOW + 30 * DAY + 1),
        made(
            "too-long-for-its-document",
            "The document allows less.",
            "lease_too_long",
            document={"longest_lease": 7199},
        ),
        made("of-another-machine", "Shown by another holder.", "wrong_holder", holder="f" * 64),
        made(
            "of-a-holder-in-capitals",
            "Ids are compared letter by letter.",
            "wrong_holder",
            holder=HOLDER.upper(),
        ),
        made("of-the-other-pool", "Signed with the key of pool A.", "wrong_pool", aud=POOL_B),
        made("of-an-unasked-pool", "The caller asks for pool B.", "wrong_pool", pool=POOL_B),
        made("of-another-document", "Its key is not listed.", "unknown_key", signer=stranger),
        made(
            "by-a-stranger",
            "A listed id and another key.",
            "wrong_signature",
            signer=stranger,
            kid=pool_a.kid,
            plain_jws="refused",
        ),
        made(
            "by-the-other-pool",
            "The id of A's key, signed by B.",
            "wrong_signature",
            signer=pool_b,
            kid=pool_a.kid,
            plain_jws="refused",
        ),
        made("by-a-root-key", "A root key signs no lease.", "unknown_key", signer=documents),
        made("without-its-pool", "The document lists no key.", "unknown_key", document={"lease_keys": []}),
        made("of-another-tenant", "The caller asks for one tenant.", "wrong_tenant", tenant=OTHER_TENANT),
        made("with-the-type-of-a-document", "A lease is no document.", "malformed", typ=TYPE),
        *(
            made(name, "A claim that is not as it must be.", "malformed", **more)
            for name, more in wrong_leases(world)
        ),
        *_revoked(world),
    ]


def wrong_leases(world: World) -> list[tuple[str, Json]]:
    """Leases that no endpoint signs, by what is changed in them."""
    missing = [(f"without-{name}", {name: GONE}) for name in world.lease]
    others: dict[str, Json] = {
        "an-unknown-claim": {"nbf": 1},
        "a-short-id": {"jti": "0" * 31},
        "an-id-in-capitals": {"jti": LEASE_ID.upper()},
        "a-list-of-pools": {"aud": [POOL_A]},
        "an-empty-holder": {"sub": ""},
        "a-fence-of-zero": {"fence": 0},
        "a-fence-of-true": {"fence": True},
        "no-seat": {"quantity": 0},
        "too-many-seats": {"quantity": 1001},
        "seats-as-a-text": {"quantity": "1"},
        "a-wrong-group": {"group": "Render"},
        "null-as-group": {"group": None},
        "an-end-before-its-beginning": {"exp": world.lease["iat"]},
        "an-instant-in-milliseconds-as-text": {"exp": "1800003600000"},
    }
    return [*missing, *((f"with-{name}", more) for name, more in others.items())]


def _revoked(world: World) -> list[Json]:
    root, lease_key = world.signers["EdDSA"], world.signers["pool-a"]
    named: list[tuple[str, str, Json]] = [
        ("revoked", "revoked", {"leases": [LEASE_ID]}),
        ("by-a-revoked-key", "revoked", {"keys": [lease_key.kid]}),
        ("under-a-revoked-root-key", "revoked", {"keys": [root.kid]}),
        ("beside-what-is-revoked", "valid", {"keys": ["0" * 16], "leases": ["0" * 32]}),
    ]
    # Signed by another root key, as it is where one of them is stolen.
    signer = world.signers["ES256"]
    why = "The revocation list names the lease or a key of its chain, or only others."
    return [
        vector(
            f"lease-{name}",
            why,
            root.token(TYPE, world.document),
            expected,
            lease=lease_key.token(LEASE_TYPE, world.lease),
            revocations=signer.token(LIST_TYPE, changed(world.revocations, **more)),
            holder=HOLDER,
        )
        for name, expected, more in named
    ]


def revocation_vectors(world: World) -> list[Json]:
    """Revocation lists by themselves."""
    root, stranger = world.signers["EdDSA"], world.signers["other-tenant"]

    def made(name: str, expected: str, signer: Any = root, typ: str = LIST_TYPE, **changes: Any) -> Json:
        token = signer.token(typ, changed(world.revocations, **changes))
        found = vector(f"list-{name}", "A revocation list by itself.", "", expected, revocations=token)
        return {key: value for key, value in found.items() if key != "licence"}

    wrong: dict[str, Json] = {
        "without-keys": {"keys": GONE},
        "without-an-end": {"exp": GONE},
        "with-an-unknown-claim": {"crl": 1},
        "with-keys-as-text": {"keys": root.kid},
        "with-a-number-as-key": {"keys": [1]},
        "with-a-key-twice": {"keys": ["a", "a"]},
        "with-an-empty-lease": {"leases": [""]},
    }
    return [
        made("good", "valid", keys=["a"], leases=["b"]),
        made("expired", "expired", exp=NOW - SKEW),
        made("from-the-future", "not_yet_valid", iat=NOW + SKEW + 1),
        made("of-another-tenant", "wrong_tenant", iss=OTHER_TENANT),
        made("by-a-stranger", "unknown_key", signer=stranger),
        made("by-a-lease-key", "unknown_key", signer=world.signers["pool-a"]),
        made("of-the-type-of-a-document", "malformed", typ=TYPE),
        *(made(name, "malformed", **more) for name, more in wrong.items()),
    ]

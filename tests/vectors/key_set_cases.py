"""Vectors about key sets: keys that must not be used, keys that may stand beside, and sets that are none."""

import json

from tests.vectors.jws_cases import TYPE, vector
from tests.vectors.making import Json, Signer, b64, number, unb64
from tests.vectors.world import World


def key_set_vectors(world: World) -> list[Json]:
    """All of them."""
    return [*_unusable_keys(world), *_sets(world)]


def with_set(name: str, why: str, text: str, licence: str, expected: str) -> Json:
    """A vector that brings its own key set, as a text."""
    found = vector(f"keys-{name}", why, licence, expected)
    return {**{key: value for key, value in found.items() if key != "keys"}, "jwks": text}


def _unusable_keys(world: World) -> list[Json]:
    rs256, es256, eddsa = (world.signers[name] for name in ("RS256", "ES256", "EdDSA"))
    small = world.signers["small-rsa"]
    n = int.from_bytes(unb64(rs256.jwk()["n"]))
    huge, y = number(n - 2), unb64(es256.jwk()["y"])
    found: list[tuple[str, Signer, Json]] = [
        ("rsa-of-2048-bits", small, {}),
        ("rsa-with-a-huge-exponent", rs256, {"e": huge}),
        ("rsa-with-exponent-3", rs256, {"e": "Aw"}),
        ("rsa-with-exponent-1", rs256, {"e": "AQ"}),
        ("rsa-with-a-zero-before-its-exponent", rs256, {"e": "AAEAAQ"}),
        ("rsa-with-a-zero-before-its-modulus", rs256, {"n": b64(bytes(1) + unb64(rs256.jwk()["n"]))}),
        ("rsa-of-4095-bits", rs256, {"n": number(n >> 1 | 1)}),
        ("rsa-of-4104-bits", rs256, {"n": number(n << 8 | 1)}),
        ("rsa-without-a-modulus", rs256, {"n": None}),
        ("rsa-with-its-private-half", rs256, {"d": "AQ"}),
        ("ec-beside-its-curve", es256, {"y": b64(y[:-1] + bytes([y[-1] ^ 1]))}),
        ("ec-at-the-origin", es256, {"x": b64(bytes(32)), "y": b64(bytes(32))}),
        ("ec-of-another-curve", es256, {"crv": "P-384"}),
        ("ec-with-a-short-coordinate", es256, {"y": b64(y[:31])}),
        ("ed25519-of-31-bytes", eddsa, {"x": b64(bytes(31))}),
        ("ed25519-as-x25519", eddsa, {"crv": "X25519"}),
        ("ed25519-as-ed448", eddsa, {"crv": "Ed448"}),
        ("ed25519-with-padding", eddsa, {"x": eddsa.jwk()["x"] + "="}),
        ("ed25519-with-its-private-half", eddsa, {"d": eddsa.jwk()["x"]}),
        ("without-alg", eddsa, {"alg": None}),
        ("of-alg-none", eddsa, {"alg": "none"}),
        ("of-alg-hs256", eddsa, {"alg": "HS256"}),
        ("of-an-alg-of-another-kind", eddsa, {"alg": "RS256"}),
        ("of-rs512", rs256, {"alg": "RS512"}),
        ("as-a-secret", eddsa, {"kty": "oct", "alg": "HS256", "k": eddsa.jwk()["x"]}),
        ("without-use", eddsa, {"use": None}),
        ("for-encryption", eddsa, {"use": "enc"}),
        ("without-kid", eddsa, {"kid": None}),
        ("with-a-number-as-kid", eddsa, {"kid": 1}),
    ]
    why = "A key that is none of the four sorts is skipped, so that its tokens are of an unknown key."
    return [
        with_set(
            name,
            why,
            json.dumps({"keys": [signer.jwk(**changes)]}),
            signer.token(TYPE, world.document),
            "unknown_key",
        )
        for name, signer, changes in found
    ]


def _sets(world: World) -> list[Json]:
    root = world.signers["EdDSA"]
    good = root.token(TYPE, world.document)
    jwk = root.jwk()
    stranger = {"kty": "AKP", "alg": "ML-DSA-44", "kid": "later", "use": "sig", "pub": "AAAA"}
    fillers = [{**stranger, "kid": f"later-{index}"} for index in range(32)]
    good_sets: Json = {
        "beside-keys-of-unknown-kinds": {"keys": [stranger, {}, 7, None, {"kty": "oct", "k": "AA"}, jwk]},
        "with-members-that-are-not-known": {"keys": [{**jwk, "x5t": "AA", "note": "ours"}], "issued": 1},
        "of-thirty-two": {"keys": [*fillers[:31], jwk]},
    }
    wrong_sets: dict[str, object] = {
        "of-thirty-three": {"keys": [*fillers, jwk]},
        "with-a-kid-twice": {"keys": [jwk, {**world.signers["other-tenant"].jwk(), "kid": root.kid}]},
        "with-a-kid-twice-and-once-skipped": {"keys": [jwk, {**stranger, "kid": root.kid}]},
        "without-keys": {},
        "as-a-list": [jwk],
        "as-one-key": jwk,
        "as-an-object": {"keys": {root.kid: jwk}},
    }
    texts = {
        "empty": "",
        "no-json": "keys=",
        "with-keys-twice": f'{{"keys":[],"keys":[{json.dumps(jwk)}]}}',
        "cut-short": json.dumps({"keys": [jwk]})[:-1],
        **{name: json.dumps(value) for name, value in wrong_sets.items()},
    }
    return [
        *(
            with_set(name, "Other keys and members do no harm.", json.dumps(value), good, "valid")
            for name, value in good_sets.items()
        ),
        *(
            with_set(name, "A set that is none, or ambiguous.", text, good, "malformed")
            for name, text in texts.items()
        ),
    ]

"""Vectors about the form of a token: how a licence document is spelled and signed, whatever it says."""

import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.vectors.making import Json, Signer, b64, compact, pss_signature, unb64
from tests.vectors.world import NOW, TENANT, World

ED_ORDER = 2**252 + 27742317777372353535851937790883648493
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
TYPE = "seat-licence+jwt"
KIDS: Json = {
    "a-path": "../../../../dev/null",
    "sql": "x' UNION SELECT 'key' --",
    "very-long": "k" * 65,
    "longer-than-a-header": "k" * 4000,
    "of-other-scripts": "kлюч",
    "of-a-terminal": "\x1b[2J",
    "with-nul": "\x00",
    "empty": "",
    "a-number": 7,
    "a-list": ["k"],
    "missing": None,
}


def jws_vectors(world: World) -> list[Json]:
    """All of them."""
    return [
        *_good(world),
        *_algorithms(world),
        *_key_ids(world),
        *_headers(world),
        *_spellings(world),
        *_signatures(world),
        *_payloads(world),
    ]


def vector(
    name: str, why: str, licence: str, expected: str, *, plain_jws: str | None = None, **more: Any
) -> Json:
    """One vector. ``plain_jws`` is what a library that only verifies signatures says, where that is clear."""
    said = {} if plain_jws is None else {"plain_jws": plain_jws}
    base = {"name": name, "why": why, "keys": "tenant", "tenant": TENANT, "now": NOW, "licence": licence}
    return {**base, **more, "expected": expected, **said}


def _good(world: World) -> list[Json]:
    return [
        vector(
            f"signed-with-{algorithm}",
            f"A document signed with {algorithm}.",
            world.signers[algorithm].token(TYPE, world.document),
            "valid",
            plain_jws="accepted",
            claims=world.document,
        )
        for algorithm in ("RS256", "PS512", "ES256", "EdDSA")
    ]


def _algorithms(world: World) -> list[Json]:
    root, rs256 = world.signers["EdDSA"], world.signers["RS256"]
    unsigned = ".".join(root.token(TYPE, world.document, alg="none").split(".")[:2])
    found = [
        (
            "none-without-a-signature",
            "The algorithm none (RFC 8725 section 2.1).",
            f"{unsigned}.",
            "malformed",
        )
    ]
    for spelled in ("none", "None", "nOnE", "", "HS256", "ES256", "RS256", "Ed25519"):
        token = root.token(TYPE, world.document, alg=spelled)
        why = f'The key is of EdDSA, and the header says "{spelled}".'
        found.append((f"alg-{spelled or 'empty'}", why, token, "wrong_algorithm"))
    for name, signer, secret in (
        ("hs256-with-the-public-pem", rs256, rs256.public_pem),
        ("hs256-with-the-public-x", root, unb64(root.jwk().get("x", ""))),
        ("hs256-with-nothing", root, b""),
    ):
        token = _hmac(signer, world.document, secret)
        why = "An HMAC whose secret is what everybody knows (RFC 8725 section 2.1)."
        found.append((name, why, token, "wrong_algorithm"))
    for name, signer, kid in (
        ("rs256-under-the-id-of-eddsa", rs256, root.kid),
        ("eddsa-under-the-id-of-rs256", root, rs256.kid),
        ("ps512-by-the-key-of-rs256", Signer("PS512", rs256.private), rs256.kid),
        (
            "rs256-by-the-key-of-ps512",
            Signer("RS256", world.signers["PS512"].private),
            world.signers["PS512"].kid,
        ),
    ):
        why = "An algorithm under the id of a key that is for another one."
        # A real signature of PS512 had another salt at each run, and it does not matter here.
        token = (
            _unsigned(signer, world, kid)
            if signer.alg == "PS512"
            else signer.token(TYPE, world.document, kid=kid)
        )
        found.append((name, why, token, "wrong_algorithm"))
    return [vector(*one, plain_jws="refused") for one in found]


def _unsigned(signer: Signer, world: World, kid: str) -> str:
    header = compact({"alg": signer.alg, "kid": kid, "typ": TYPE})
    return f"{b64(header)}.{b64(compact(world.document))}.{b64(bytes(512))}"


def _hmac(signer: Signer, claims: Json, secret: bytes) -> str:
    header = compact({"alg": "HS256", "kid": signer.kid, "typ": TYPE})
    signed = f"{b64(header)}.{b64(compact(claims))}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _key_ids(world: World) -> list[Json]:
    root, other = world.signers["EdDSA"], world.signers["other-tenant"]
    injected = [
        vector(
            f"kid-{name}",
            "An id that means something to a file system, a database or a terminal, or is none.",
            root.token(TYPE, world.document, kid=kid),
            "malformed",
        )
        for name, kid in KIDS.items()
    ]
    return [
        *injected,
        vector(
            "kid-unknown",
            "Signed by a key that is not in the set.",
            other.token(TYPE, world.document),
            "unknown_key",
        ),
        vector(
            "kid-of-another-key",
            "Signed by a stranger under the id of a key of the set.",
            other.token(TYPE, world.document, kid=root.kid),
            "wrong_signature",
            plain_jws="refused",
        ),
        vector(
            "kid-in-capitals",
            "Ids are compared letter by letter.",
            root.token(TYPE, world.document, kid=root.kid.upper()),
            "unknown_key",
        ),
    ]


def _headers(world: World) -> list[Json]:
    root, other = world.signers["EdDSA"], world.signers["other-tenant"]
    own = {"jwk": other.jwk(), "jku": "https://keys.example/jwks.json", "x5u": "https://keys.example/cert"}
    critical: list[Json] = [{"crit": ["exp"], "exp": 1}, {"crit": ["b64"], "b64": False}, {"crit": []}]
    additions = [{name: value} for name, value in own.items()] + critical + [{"cty": "JWT"}, {"zip": "DEF"}]
    found = [
        vector(
            f"header-with-{'-and-'.join(more)}" + ("-empty" if more.get("crit") == [] else ""),
            "The header has alg, kid and typ, and nothing else.",
            (other if "jwk" in more else root).token(TYPE, world.document, kid=root.kid, **more),
            "malformed",
        )
        for more in additions
    ]
    found += [
        vector(
            f"typ-{json.dumps(typ).strip(chr(34)) or 'empty'}",
            "A token of one type is none of another (RFC 8725 section 3.11).",
            root.token(TYPE, world.document, typ=typ),
            "malformed",
        )
        for typ in (None, "", "JWT", "seat-lease+jwt", "SEAT-LICENCE+JWT", "application/seat-licence+jwt", 7)
    ]
    twice = f'{{"alg":"none","alg":"EdDSA","kid":"{root.kid}","typ":"{TYPE}"}}'
    for name, header in (
        ("header-with-alg-twice", twice.encode()),
        ("header-a-list", b"[]"),
        ("header-null", b"null"),
        ("header-no-json", b"{alg:EdDSA}"),
        ("header-empty-object", b"{}"),
        (
            "header-in-utf-16",
            compact({"alg": "EdDSA", "kid": root.kid, "typ": TYPE}).decode().encode("utf-16"),
        ),
        ("header-with-more-behind-it", compact({"alg": "EdDSA", "kid": root.kid, "typ": TYPE}) + b"{}"),
    ):
        token = root.raw_token(header, compact(world.document))
        found.append(
            vector(name, "A header that readers could read in several ways, or none.", token, "malformed")
        )
    return found


def _spellings(world: World) -> list[Json]:
    good = world.signers["EdDSA"].token(TYPE, world.document)
    header, payload, signature = good.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other_spelling = signature[:-1] + last[last.index(signature[-1]) ^ 1]
    spelled = {
        "empty": "",
        "half": good[: len(good) // 2],
        "without-a-signature": f"{header}.{payload}",
        "with-an-empty-signature": f"{header}.{payload}.",
        "with-empty-claims": f"{header}..{signature}",
        "with-an-empty-header": f".{payload}.{signature}",
        "with-four-parts": f"{good}.{signature}",
        "with-five-parts": f"{header}.{payload}.{payload}.{payload}.{signature}",
        "with-a-dot-behind": f"{good}.",
        "with-a-line-end": f"{good}\n",
        "with-a-space-before": f" {good}",
        "with-a-space-inside": f"{header}. {payload}.{signature}",
        "with-padding": f"{good}==",
        "with-other-base64": f"{header}.{payload}.{signature[:-2]}+/",
        "not-canonical": f"{header}.{payload}.{other_spelling}",
        "with-a-full-width-dot": good.replace(".", "．", 1),  # noqa: RUF001  that is the point of it
        "as-json": json.dumps(
            {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
        ),
        "as-a-bearer-header": f"Bearer {good}",
    }
    return [
        vector(f"text-{name}", "Three parts in canonical base64url, and nothing else.", text, "malformed")
        for name, text in spelled.items()
    ]


def _signatures(world: World) -> list[Json]:
    root, es256, rs256 = (world.signers[name] for name in ("EdDSA", "ES256", "RS256"))
    head, _, signature = root.token(TYPE, world.document).rpartition(".")
    ec_head, _, ec_signature = es256.token(TYPE, world.document).rpartition(".")
    rs_head, _, rs_signature = rs256.token(TYPE, world.document).rpartition(".")
    point, scalar = unb64(signature)[:32], int.from_bytes(unb64(signature)[32:], "little")
    r, s = unb64(ec_signature)[:32], int.from_bytes(unb64(ec_signature)[32:])
    other_payload = b64(compact({**world.document, "seats": 500}))
    hostile = {
        "of-zeros": (head, bytes(64)),
        "cut-short": (head, unb64(signature)[:63]),
        "with-a-byte-behind": (head, unb64(signature) + b"\0"),
        "of-other-claims": (f"{head.partition('.')[0]}.{other_payload}", unb64(signature)),
        "with-the-order-added": (head, point + (scalar + ED_ORDER).to_bytes(32, "little")),
        "es256-of-zeros": (ec_head, bytes(64)),
        "es256-of-the-order": (ec_head, P256_ORDER.to_bytes(32) * 2),
        "es256-in-der": (ec_head, _der(r, s)),
        "es256-with-a-zero-between": (ec_head, r + b"\0" + s.to_bytes(32)),
        "es256-cut-short": (ec_head, unb64(ec_signature)[:63]),
        "es256-as-long-as-es512": (ec_head, bytes(34) + r + bytes(34) + s.to_bytes(32)),
        "rs256-of-zeros": (rs_head, bytes(512)),
        "rs256-with-a-zero-before": (rs_head, b"\0" + unb64(rs_signature)),
        "rs256-of-half-its-length": (rs_head, unb64(rs_signature)[:256]),
    }
    why = "A signature that is not the one of these bytes by this key."
    found = [
        vector(f"signature-{name}", why, f"{signed}.{b64(raw)}", "wrong_signature", plain_jws="refused")
        for name, (signed, raw) in hostile.items()
    ]
    short = _with_a_short_salt(world)
    found.append(vector("signature-ps512-with-a-short-salt", why, short, "wrong_signature"))
    mirrored = f"{ec_head}.{b64(r + (P256_ORDER - s).to_bytes(32))}"
    why = "The other one of the two signatures that ECDSA has for the same bytes: it says the same."
    return [*found, vector("signature-es256-mirrored", why, mirrored, "valid", plain_jws="accepted")]


def _with_a_short_salt(world: World) -> str:
    signer = world.signers["PS512"]
    # Other claims than in the good document, since signatures of PS512 are kept by what was signed.
    header = compact({"alg": "PS512", "kid": signer.kid, "typ": TYPE})
    signed = f"{b64(header)}.{b64(compact({**world.document, 'seats': 6}))}"
    assert isinstance(signer.private, rsa.RSAPrivateKey)
    return f"{signed}.{b64(pss_signature(signer.private, signed.encode(), salt_length=32))}"


def _der(r: bytes, s: int) -> bytes:
    integers = [b"\x02" + bytes([len(raw)]) + raw for raw in (b"\0" + r, b"\0" + s.to_bytes(32))]
    return b"\x30" + bytes([len(b"".join(integers))]) + b"".join(integers)


def _payloads(world: World) -> list[Json]:
    root, good = world.signers["EdDSA"], compact(world.document)
    text = good.decode()
    written = {
        "with-seats-twice": text.replace('"seats":5', '"seats":5,"seats":500').encode(),
        "with-an-entitlement-twice": text.replace('"x.pdf":true', '"x.pdf":true,"x.pdf":7').encode(),
        "with-nan": text.replace('"seats":5', '"seats":NaN').encode(),
        "with-infinity": text.replace('"seats":5', '"seats":Infinity').encode(),
        "with-a-fraction": text.replace('"seats":5', '"seats":5.0').encode(),
        "with-an-exponent": text.replace('"seats":5', '"seats":5e0').encode(),
        "with-a-huge-number": text.replace('"seats":5', f'"seats":{"9" * 5000}').encode(),
        "with-more-behind-it": good + b"{}",
        "with-a-nul-behind-it": good + b"\0",
        "in-utf-16": text.encode("utf-16"),
        "with-a-byte-order-mark": b"\xef\xbb\xbf" + good,
        "with-no-utf-8": good.replace(b'"acme"', b'"acm\xff"'),
        "with-half-a-character": text.replace('"acme"', '"acm\\ud800"').encode(),
        "a-list": b"[]",
        "null": b"null",
        "a-text": b'"seats"',
        "no-json": b"seats=5",
        "deeply-nested": b'{"seats":' + b"[" * 5_000,
    }
    why = "Signed by the right key, and yet not to be read: other readers could read something else in it."
    return [
        vector(f"claims-{name}", why, root.token(TYPE, payload), "malformed")
        for name, payload in written.items()
    ]

"""The stored vectors as tests take them, and how each of them is put to the verifier."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from seatwarden.verify import (
    Keys,
    authentic_licence,
    read_keys,
    read_revocations,
    verify_lease,
    verify_licence,
)

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
FILES = ("licences.json", "leases.json", "revocations.json", "own_key_sets.json")
Vector = dict[str, Any]


@cache
def stored(name: str) -> Any:
    """What is in the file of that name."""
    return json.loads((VECTORS / name).read_text())


def vectors(*files: str) -> list[Vector]:
    """The vectors of these files."""
    return [one for name in files for one in stored(name)["vectors"]]


def named(name: str) -> Vector:
    """The vector of that name."""
    return next(one for one in vectors(*FILES) if one["name"] == name)


def key_set(vector: Vector) -> str:
    """The text of the key set of a vector: its own, or one that several have."""
    return str(vector["jwks"]) if "jwks" in vector else json.dumps(stored("key_sets.json")[vector["keys"]])


@cache
def _read(text: str) -> Keys:
    return read_keys(text)


def keys_of(vector: Vector) -> Keys:
    """The key set of a vector."""
    return _read(key_set(vector))


def judge(vector: Vector) -> object:
    """What the verifier makes of a vector; raises `NotValid` where it is none."""
    keys, tenant, now = keys_of(vector), vector["tenant"], vector["now"]
    revoked = None
    if "revocations" in vector:
        revoked = read_revocations(vector["revocations"], keys, now=now, tenant=tenant)
    if "lease" in vector:
        licence = authentic_licence(vector["licence"], keys, tenant=tenant)
        return verify_lease(
            vector["lease"],
            licence,
            holder=vector["holder"],
            now=now,
            pool=vector.get("pool"),
            revoked=revoked,
        )
    if "licence" in vector:
        return verify_licence(vector["licence"], keys, now=now, tenant=tenant, revoked=revoked)
    return revoked

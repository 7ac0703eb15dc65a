"""How a Tenant's key is called in Google Cloud KMS, and whose it is by its labels.

The name is made of the Tenant's namespace and name and of nothing else. So an installation that is built anew finds the keys of
the one before, and a Tenant that is created again finds those that it kept. But names do not tell two clusters apart that share
a key ring, and names of keys are never free again. Therefore a label says which Tenant has the key now, by its uid. A
Tenant that goes takes this label off. A key with another one's uid is not touched.
"""

import hashlib
import re
from collections.abc import Mapping
from enum import Enum

from seatwarden.backends.google_kms_model import KmsKey
from seatwarden.backends.root_keys import KeyOwner

NAMESPACE_LABEL = "seatwarden-namespace"
TENANT_LABEL = "seatwarden-tenant"
UID_LABEL = "seatwarden-tenant-uid"
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_LONGEST_START = 46
_DIGEST_CHARACTERS = 16
_KEY_RING = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[A-Za-z0-9_-]{1,63}")
_CRYPTO_KEY = re.compile(_KEY_RING.pattern + r"/cryptoKeys/[A-Za-z0-9_-]{1,63}")


class Claim(Enum):
    """Whose a key is, asked for one Tenant."""

    OURS = "its own"
    FREE = "nobody's now, so it may take it"
    ANOTHERS = "another one's"


def key_id_of(owner: KeyOwner) -> str:
    """The id of the CryptoKey of a Tenant, 43 characters of the 63 that are allowed."""
    digest = hashlib.sha256(f"{owner.namespace}/{owner.name}".encode()).hexdigest()
    return f"seatwarden-{digest[:32]}"


def labels_of(owner: KeyOwner) -> dict[str, str]:
    """The labels by which a CryptoKey is a Tenant's."""
    return {
        NAMESPACE_LABEL: label_value(owner.namespace),
        TENANT_LABEL: label_value(owner.name),
        UID_LABEL: label_value(owner.uid),
    }


def labels_without_owner(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of a key that its Tenant has left to a later one of its name."""
    return {name: value for name, value in labels.items() if name != UID_LABEL}


def label_value(text: str) -> str:
    """``text`` as the value of a label; two texts never become one value.

    Lower-case letters, digits, ``_`` and ``-`` are allowed, 63 at most (cloud.google.com/kms/docs/creating-managing-labels). What
    does not fit, such as a name with dots, is cut and made unique by the start of its SHA-256.
    """
    if _LABEL_VALUE.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{re.sub(r'[^a-z0-9-]', '-', text.lower())[:_LONGEST_START]}_{digest}"


def claim_on(labels: Mapping[str, str], owner: KeyOwner) -> Claim:
    """Whose the key with these labels is. One without any label of ours is nobody's."""
    wanted = labels_of(owner)
    if all(labels.get(name) == value for name, value in wanted.items()):
        return Claim.OURS
    if any(labels.get(name, value) != value for name, value in wanted.items()):
        return Claim.ANOTHERS
    return Claim.FREE


def checked_key_ring(name: str) -> str:
    """The name, if it is the full resource name of a key ring.

    Raises:
        ValueError: it is not.
    """
    if not _KEY_RING.fullmatch(name):
        raise ValueError(f"{name!r} is no key ring: projects/…/locations/…/keyRings/… is wanted")
    return name


def checked_crypto_key(name: str) -> str:
    """The name, if it is the full resource name of a CryptoKey.

    Raises:
        ValueError: it is not.
    """
    if not _CRYPTO_KEY.fullmatch(name):
        raise ValueError(f"{name!r} is no key: projects/…/locations/…/keyRings/…/cryptoKeys/… is wanted")
    return name


def anothers_sentence(key: KmsKey) -> str:
    """Why the key of another Tenant is not taken, and what to do if that Tenant is gone."""
    ring, key_id = key.name.split("/cryptoKeys/")
    where, ring_id = ring.split("/keyRings/")
    project, location = where.removeprefix("projects/").split("/locations/")
    return (
        f"{key.name} is another Tenant's by its labels, and {UID_LABEL} is {key.labels.get(UID_LABEL, 'missing')}. Only if that "
        f"Tenant is gone for good, take the label off: gcloud kms keys update {key_id} --keyring={ring_id} "
        f"--location={location} --project={project} --remove-labels={UID_LABEL}"
    )

"""Names that other programs see: the API group, kinds, finalizer, labels, annotations and derived Secrets.

Every one of them is a promise to users' manifests, selectors and scripts, so each is written here once.
"""

from enum import StrEnum

GROUP = "seatwarden.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "seatwarden"

BUNDLE_VERSION = "v0.1.0"
"""Version of the CRDs as a set, stamped on each. It grows whenever a CRD changes after a release."""

FIELD_MANAGER = "seatwarden"
"""Who the operator is in server-side apply."""

FINALIZER = f"{GROUP}/finalizer"

POOL_LABEL = f"{GROUP}/pool"
"""Label of what belongs to a SeatPool, with its name as the value: what the scale subresource selects by."""

BUNDLE_VERSION_ANNOTATION = f"{GROUP}/bundle-version"
RECONCILE_REQUESTED_AT = f"{GROUP}/reconcile-requested-at"
"""Annotation by which a person asks for a run now; its value is echoed in
``status.lastHandledReconcileAt``."""
ROTATE_LICENCE_KEY_REQUESTED_AT = f"{GROUP}/rotate-licence-key-requested-at"
"""Annotation by which a person asks for a new licence key; its value is echoed in
``status.lastHandledRotateLicenceKeyAt``."""
ROTATE_SIGNING_KEY_REQUESTED_AT = f"{GROUP}/rotate-signing-key-requested-at"
"""Annotation by which a person asks for a new root key; its value is echoed in
``status.lastHandledRotateSigningKeyAt``."""
REMOVE_DEVICE_REQUESTED = f"{GROUP}/remove-device-requested"
"""Annotation by which a person asks that a device is removed: the first 12 or more characters of its holder, and behind an
``@`` anything that makes it another request. Its value is echoed in ``status.lastHandledRemoveDevice``."""
PORTAL_LINK_REQUESTED_AT = f"{GROUP}/portal-link-requested-at"
"""Annotation by which a person asks for a link to the payment provider's pages for the customer; its value is echoed in
``status.lastHandledPortalLinkAt``."""
EARLIER_LICENCE_KEYS = f"{GROUP}/earlier-licence-keys"
"""Annotation on a pool's Secret: the SHA-256 of each earlier key that still opens the pool, and when it was replaced."""
EARLIER_GROUP_KEYS = f"{GROUP}/earlier-group-licence-keys"
"""The same by group, for the keys that are for one group only."""
LICENCE_KEY_ROTATED_FOR = f"{GROUP}/licence-key-rotated-for"
"""Annotation on a pool's Secret: the request for which its key was made."""
OWNER_UID = f"{GROUP}/owner-uid"
"""Annotation on what the operator made: the uid of the resource for which it did."""

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY_SEATWARDEN = "seatwarden"
RETAINED = f"{GROUP}/retained"
"""Label on what ``deletionPolicy: Retain`` left behind on purpose."""

DERIVING_NAME_LENGTH = 200
"""Longest name of a resource from whose name Secrets are named; 253 is Kubernetes' limit for the Secrets."""

LICENCE_KEY_FIELD = "licence-key"
"""Data key of the licence key in a pool's Secret."""
GROUP_KEY_SUFFIX = f".{LICENCE_KEY_FIELD}"
"""What the data key of a group's licence key has behind the group's name."""
JWKS_FIELD = "jwks.json"
"""Data key of the public root keys in a Tenant's ConfigMap."""
REVOCATIONS_FIELD = "revocations.jws"
"""Data key of the revocation list in the same ConfigMap."""
LICENCE_FIELD = "licence.jws"
"""Data key of the licence document in a Subscription's Secret."""

PORTAL_LINK_FIELD = "url"
"""Data key of the link in a Tenant's Secret."""
PLANS_CONFIG_MAP = "seatwarden-plans"
"""Name of the ConfigMap with the plans of a namespace."""


class Kind(StrEnum):
    """The kinds of the group, with the names by which the API and `kubectl` know them."""

    TENANT = "Tenant"
    SUBSCRIPTION = "Subscription"
    SEAT_POOL = "SeatPool"

    @property
    def singular(self) -> str:
        """As in ``kubectl get seatpool``."""
        return self.value.lower()

    @property
    def plural(self) -> str:
        """As in the API's paths."""
        return f"{self.singular}s"

    @property
    def short_name(self) -> str:
        """As in ``kubectl get sp``."""
        return _SHORT_NAMES[self]

    @property
    def crd_name(self) -> str:
        """The name of the CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"


_SHORT_NAMES = {Kind.TENANT: "ten", Kind.SUBSCRIPTION: "sub", Kind.SEAT_POOL: "sp"}


def licence_key_secret(pool_name: str) -> str:
    """Name of the Secret with the licence key of a pool."""
    return f"{pool_name}-licence"


def root_key_secret(tenant_name: str) -> str:
    """Name of the Secret with the root keys of a Tenant whose provider is Local."""
    return f"{tenant_name}-root-key"


def jwks_config_map(tenant_name: str) -> str:
    """Name of the ConfigMap with the public root keys of a Tenant."""
    return f"{tenant_name}-jwks"


def licence_secret(subscription_name: str) -> str:
    """Name of the Secret with the licence document of a Subscription."""
    return f"{subscription_name}-licence-document"


def portal_link_secret(tenant_name: str) -> str:
    """Name of the Secret with the link to the payment provider's pages for a Tenant.

    Whoever has the link is the customer there, so it is neither in the status nor in an Event.
    """
    return f"{tenant_name}-portal-link"

"""Tenant: a customer. Data only."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from seatwarden.resources.base import (
    Bool,
    Count,
    Echo,
    Instant,
    Model,
    OneLine,
    Resource,
    SecretName,
    SpecModel,
)
from seatwarden.resources.conditions import Condition
from seatwarden.resources.names import Kind
from seatwarden.resources.rules import ListMap, ListSet, Matches, OneOrMore, Rule
from seatwarden.resources.signing import Signing, SigningKey, SigningKeyState


class Access(StrEnum):
    """Whether a customer may use what it bought."""

    ACTIVE = "Active"
    SUSPENDED = "Suspended"


class BillingProvider(StrEnum):
    """Who takes the money."""

    NONE = "None"
    STRIPE = "Stripe"


class DeletionPolicy(StrEnum):
    """What becomes of a Tenant's keys and of what it has at its payment provider when it is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class StripeCustomer(SpecModel):
    """A customer that is at Stripe already."""

    customer_id: Annotated[
        str,
        Field(max_length=64, alias="customerID"),
        Matches("^cus_[A-Za-z0-9]+$", 'must be the id of a customer at Stripe, such as "cus_NffrFeUfNV2Hib"'),
    ]
    """Id of the customer, cus_…. It is taken over as it is; name and e-mail address follow the Tenant."""


class Billing(SpecModel):
    """How the customer pays."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.stripe) || (has(self.provider) && self.provider == 'Stripe')",
            message="must stand only where provider is Stripe",
            at="stripe",
            holds=lambda it: it.stripe is None or it.provider is BillingProvider.STRIPE,
        ),
    )

    provider: BillingProvider = BillingProvider.NONE
    """Who takes the money. None means that nobody does, and validUntil of a Subscription alone ends it. Stripe means that
    seats follow what is paid there. Default None."""
    stripe: StripeCustomer | None = None
    """The customer at Stripe, where there is one already. Without it, one is made."""


AUDIENCE = "seatwarden"
_ONE_WORD = "must be text without spaces and control characters"
_Subjects = Annotated[
    tuple[
        Annotated[
            str,
            Field(max_length=256),
            Matches(
                r"^[^*\x00-\x20\x7f][^\x00-\x20\x7f]*$",
                'must begin with something else than "*", since issuers may sign for strangers too, and have no spaces',
            ),
        ],
        ...,
    ],
    Field(max_length=32),
    ListSet(),
    OneOrMore(),
]
_Audience = Annotated[str, Field(max_length=256), Matches(r"^[^\x00-\x20\x7f]+$", _ONE_WORD)]
_HttpsUrl = Matches(
    "^https://[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[-A-Za-z0-9._~%/]*)?$",
    'must be an https address without user, query and fragment, such as "https://issuer.example.com"',
)


class ClusterIssuer(SpecModel):
    """The ServiceAccounts of this cluster whose tokens open the customer's pools."""

    audience: _Audience = AUDIENCE
    """What a token must name as its audience. Default seatwarden."""
    subjects: _Subjects
    """Patterns for the subject of a token, such as system:serviceaccount:team-a:*, up to 32. An asterisk
    stands for any text."""


class Issuer(SpecModel):
    """An issuer of OpenID Connect tokens, such as that of a CI system."""

    issuer: Annotated[str, Field(max_length=256), _HttpsUrl]
    """The issuer as its tokens name it, an https address."""
    jwks_url: Annotated[Annotated[str, Field(max_length=512), _HttpsUrl] | None, Field(alias="jwksURL")] = (
        None
    )
    """Where the issuer's public keys are, an https address. Without it, OpenID Connect Discovery is asked."""
    audience: _Audience = AUDIENCE
    """What a token must name as its audience. Default seatwarden."""
    subjects: _Subjects
    """Patterns for the subject of a token, such as repo:acme/app:*, up to 32. An asterisk stands for any
    text."""


class Identity(SpecModel):
    """Whose tokens open the customer's pools instead of a licence key."""

    cluster: ClusterIssuer | None = None
    """The ServiceAccounts of this cluster whose tokens open the customer's pools. Without it, none does."""
    issuers: Annotated[tuple[Issuer, ...], Field(max_length=16), ListMap("issuer")] = ()
    """Other issuers whose tokens open the customer's pools, up to 16."""


class TenantSpec(SpecModel):
    """What the customer is to have."""

    display_name: Annotated[str, Field(max_length=120), OneLine] | None = None
    """Name of the customer for people, one line of up to 120 characters. Without it, metadata.name is
    shown."""
    contact_email: (
        Annotated[
            str,
            Field(max_length=254),
            Matches(
                r"^[^@\x00-\x20\x7f]+@[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$",
                'must be an e-mail address, such as "licences@acme.example"',
            ),
        ]
        | None
    ) = None
    """E-mail address of the customer, to which the payment provider sends invoices and receipts. Without it, it sends
    none."""
    access: Access = Access.ACTIVE
    """Active lets the customer's programs take and keep seats. Suspended refuses every new seat and renews
    none, so that seats come back as their leases end. Default Active."""
    signing: Signing = Signing()
    """Where the customer's root keys live, which sign licences, and how they are replaced."""
    billing: Billing = Billing()
    """How the customer pays."""
    identity: Identity = Identity()
    """Whose tokens open the customer's pools instead of a licence key. Default nobody's."""
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """What becomes of the root keys and of the customer at the payment provider when the Tenant is deleted. Retain leaves
    them: keys for a later Tenant of the same name, the customer for one that names it. Delete destroys the keys, so that
    what they signed can no longer be verified, and deletes the customer, which ends its subscriptions. Default Retain."""
    suspend: Bool = False
    """True stops the operator from acting on changes of this Tenant until it is false again. Deletion still
    works, and seats are not touched. Default false."""


class StripeCustomerStatus(Model):
    """What the customer is at Stripe."""

    customer_id: Annotated[str | None, Field(alias="customerID", max_length=255)] = None
    """Id of the customer."""
    refusals: Count | None = None
    """How many calls Stripe has refused for good. A repetition of a call says so, which lets Stripe look at it anew."""


class TenantStatus(Model):
    """What the operator observed. Written by the operator only."""

    observed_generation: Count | None = None
    """The metadata.generation that this status is about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap("type")] = ()
    """Ready, with Reconciling or Stalled while they are so, SigningKeyReady, IdentityReady where
    spec.identity lists anybody, and BillingReady where spec.billing names a provider."""
    subscriptions: Count | None = None
    """How many Subscriptions refer to this Tenant."""
    seats: Count | None = None
    """Seats of all Subscriptions together, as they were bought."""
    seats_in_use: Count | None = None
    """Seats held at this moment. Follows the truth by some seconds."""
    signing_keys: Annotated[tuple[SigningKey, ...], Field(max_length=16), ListMap("kid")] = ()
    """Public halves of the keys whose signatures are to be trusted."""
    key_secret: SecretName | None = None
    """Name of the Secret that holds the root keys."""
    jwks: SecretName | None = None
    """Name of the ConfigMap that holds the public root keys as a JWK Set."""
    revocations_expire_at: Instant | None = None
    """Until when the revocation list counts. It is signed anew three days before."""
    stripe: StripeCustomerStatus | None = None
    """What the customer is at Stripe, once there is one."""
    last_handled_portal_link_at: Echo | None = None
    """Value of the annotation seatwarden.dev/portal-link-requested-at when the link was last put into the Secret
    <name>-portal-link."""
    last_handled_rotate_signing_key_at: Echo | None = None
    """Value of the annotation seatwarden.dev/rotate-signing-key-requested-at when it was last acted upon."""
    last_handled_reconcile_at: Echo | None = None
    """Value of the annotation seatwarden.dev/reconcile-requested-at when it was last acted upon."""

    @property
    def signer(self) -> SigningKey | None:
        """The key that signs, if any does."""
        return next((key for key in self.signing_keys if key.state is SigningKeyState.SIGNING), None)


class Tenant(Resource):
    """A customer: whose programs may take seats, with which keys its licences are signed, and how it pays."""

    KIND: ClassVar[Kind] = Kind.TENANT

    spec: TenantSpec
    """What the customer is to have."""
    status: TenantStatus = TenantStatus()
    """What the operator observed. Written by the operator only."""

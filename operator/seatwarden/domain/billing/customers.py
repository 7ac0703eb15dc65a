"""Which customer at Stripe is a Tenant, and what is to be done about it.

The one that the spec names, or the one that the status remembers, or one whose metadata has the Tenant's uid, or a new one:
in this order. A customer belongs to one Tenant. Where two name the same, the older one has it, by creation and then by uid,
so that a manifest that is applied by mistake takes nothing away from anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from seatwarden.domain.billing.calls import (
    ChangeCustomer,
    CreateCustomer,
    CustomerCall,
    DeleteCustomer,
    ReleaseCustomer,
)
from seatwarden.domain.billing.facts import CustomerFacts
from seatwarden.domain.billing.keys import creation_key
from seatwarden.domain.billing.wishes import CustomerWish
from seatwarden.resources.reasons import Reason
from seatwarden.resources.tenant import BillingProvider, DeletionPolicy, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerWanted:
    """What a Tenant wants. ``named`` is the id in its spec, ``remembered`` that in its status."""

    owner: str
    cluster: str
    created: datetime | None
    tenant: str
    name: str
    email: str | None
    named: str | None = None
    remembered: str | None = None
    refusals: int = 0

    @property
    def looked_at(self) -> str | None:
        """Id of the customer that has to be read for `customer_step`."""
        return self.named or self.remembered

    def wish(self) -> CustomerWish:
        """The customer as it is to be."""
        return CustomerWish(owner=self.owner, cluster=self.cluster, name=self.name, email=self.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another Tenant of the cluster, and the customer that it names or has."""

    tenant: str
    owner: str
    created: datetime | None
    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSeen:
    """``read`` is the customer that `CustomerWanted.looked_at` names, ``found`` those with the Tenant's uid."""

    read: CustomerFacts | None
    found: Sequence[CustomerFacts] = ()
    rivals: Sequence[Rival] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerStep:
    """The next call, None where nothing is to be done. ``customer`` is the id once there is one that is the Tenant's."""

    call: CustomerCall | None = None
    customer: str | None = None
    problem: tuple[Reason, str] | None = None


def customer_wanted(tenant: Tenant, cluster: str) -> CustomerWanted | None:
    """What ``tenant`` wants of Stripe; None where Stripe does not take its money."""
    billing, told = tenant.spec.billing, tenant.status.stripe
    if billing.provider is not BillingProvider.STRIPE:
        return None
    return CustomerWanted(
        owner=tenant.metadata.uid,
        cluster=cluster,
        created=tenant.metadata.creation_timestamp,
        tenant=tenant.metadata.name,
        name=tenant.spec.display_name or tenant.metadata.name,
        email=tenant.spec.contact_email,
        named=billing.stripe.customer_id if billing.stripe is not None else None,
        remembered=told.customer_id if told is not None else None,
        refusals=(told.refusals or 0) if told is not None else 0,
    )


def rivals_of(tenant: Tenant, others: Sequence[Tenant]) -> tuple[Rival, ...]:
    """The Tenants among ``others`` that have, or name, any customer."""
    found = []
    for other in others:
        billing, told = other.spec.billing, other.status.stripe
        if billing.provider is not BillingProvider.STRIPE or other.metadata.uid == tenant.metadata.uid:
            continue
        ids = {
            billing.stripe.customer_id if billing.stripe is not None else None,
            told.customer_id if told is not None and billing.stripe is None else None,
        }
        found += [
            Rival(
                tenant=f"{other.metadata.namespace}/{other.metadata.name}",
                owner=other.metadata.uid,
                created=other.metadata.creation_timestamp,
                customer=each,
            )
            for each in ids
            if each is not None
        ]
    return tuple(found)


def customer_step(wanted: CustomerWanted, seen: CustomerSeen) -> CustomerStep:
    """What to do next, so that the Tenant is a customer."""
    chosen = _chosen(wanted, seen)
    if chosen is None:
        return _without_one(wanted, seen)
    conflict = _conflict(wanted, chosen, seen.rivals)
    if conflict is not None:
        return CustomerStep(problem=(Reason.CUSTOMER_CONFLICT, conflict))
    wish = wanted.wish()
    # Without an address of ours, that at Stripe stays.
    has = (chosen.owner, chosen.cluster, chosen.name, chosen.email if wish.email is not None else None)
    if has == (wish.owner, wish.cluster, wish.name, wish.email):
        return CustomerStep(customer=chosen.id)
    return CustomerStep(call=ChangeCustomer(customer=chosen.id, wish=wish), customer=chosen.id)


def customer_farewell(
    wanted: CustomerWanted, policy: DeletionPolicy, seen: CustomerSeen
) -> CustomerCall | None:
    """What to do as the Tenant goes. A Tenant that does not own a customer must neither delete nor release it."""
    chosen = _chosen(wanted, seen)
    if chosen is None or (chosen.owner, chosen.cluster) != (wanted.owner, wanted.cluster):
        return None
    if policy is DeletionPolicy.DELETE:
        return DeleteCustomer(customer=chosen.id)
    return ReleaseCustomer(customer=chosen.id)


def _chosen(wanted: CustomerWanted, seen: CustomerSeen) -> CustomerFacts | None:
    if seen.read is not None and not seen.read.deleted:
        return seen.read
    if wanted.named is not None:
        return None
    alive = [each for each in seen.found if not each.deleted]
    return min(alive, key=lambda each: (each.created, each.id), default=None)


def _without_one(wanted: CustomerWanted, seen: CustomerSeen) -> CustomerStep:
    if wanted.named is not None:
        what = "was deleted there" if seen.read is not None else "does not exist there"
        message = f"Customer {wanted.named!r} of spec.billing.stripe.customerID is not at Stripe: it {what}."
        return CustomerStep(problem=(Reason.CUSTOMER_NOT_FOUND, message))
    key = creation_key(
        "customer",
        owner=wanted.owner,
        cluster=wanted.cluster,
        instead_of=wanted.remembered,
        refusals=wanted.refusals,
    )
    # With what never changes of a Tenant only: the same key with another name would be refused. The rest is a change.
    wish = CustomerWish(owner=wanted.owner, cluster=wanted.cluster, name=wanted.tenant, email=None)
    return CustomerStep(call=CreateCustomer(wish=wish, key=key))


def _conflict(wanted: CustomerWanted, customer: CustomerFacts, rivals: Sequence[Rival]) -> str | None:
    if customer.cluster not in (None, wanted.cluster):
        return f"Customer {customer.id!r} belongs to a Tenant of another cluster, {customer.cluster!r}."
    older = [
        each for each in rivals if each.customer == customer.id and _age(each.created, each.owner) < _age(
            wanted.created, wanted.owner
        )
    ]  # fmt: skip
    if not older:
        return None
    first = min(older, key=lambda each: _age(each.created, each.owner))
    return f"Customer {customer.id!r} belongs to Tenant {first.tenant!r}, which is older than this one."


def _age(created: datetime | None, owner: str) -> tuple[bool, float, str]:
    return created is None, created.timestamp() if created is not None else 0.0, owner

"""Who takes the money for this installation, and what this cluster is called there."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from seatwarden.backends.billing import AUTHENTICATION, PERMISSION, Billing, BillingAway, BillingRefused
from seatwarden.backends.kubernetes_api import Forbidden, KubernetesApi
from seatwarden.domain.billing.calls import (
    CancelSubscription,
    ChangeCustomer,
    ChangeSubscription,
    CreateCheckout,
    CreateCustomer,
    CreateSubscription,
    CustomerCall,
    DeleteCustomer,
    ExpireCheckout,
    ReleaseCustomer,
    SubscriptionCall,
)
from seatwarden.domain.billing.facts import CustomerFacts
from seatwarden.reconcilers.ownership import Problem
from seatwarden.resources.reasons import Reason

AGAIN_SECONDS = 30.0
"""So long after trouble with the provider, or unfinished work there, it is tried again."""
REFUSED_AGAIN_SECONDS = 300.0
"""So long after a refusal, or after something at Stripe that only people can mend. What they mend is told by a webhook at once,
as a change of the spec is."""
MOST_STEPS = 12
"""A resource is where it is wanted after a few calls; one that is not is looked at again later."""
CLUSTER_PATH = "/api/v1/namespaces/kube-system"
"""The uid of this namespace is the nearest to an id that a cluster has, and lives as long as the cluster."""


class Account(NamedTuple):
    """An account at the payment provider, and this cluster's id in it."""

    billing: Billing
    cluster: str


class BillingConnection(Protocol):
    """What makes the calls; see `seatwarden.backends.stripe_connection.StripeConnection`."""

    def billing(self) -> Billing:
        """The calls. Raises `BillingRefused` where there is no key."""
        ...


@dataclass(slots=True)
class BillingPlace:
    """``connection`` None is that the operator was given no key; ``cluster_id`` empty that the cluster tells its own."""

    connection: BillingConnection | None
    api: KubernetesApi
    cluster_id: str = ""
    _account: Account | None = field(default=None, repr=False)

    def forget_prices(self) -> None:
        """A price is otherwise than it was read."""
        if self._account is not None:
            self._account.billing.forget_prices()

    async def open(self) -> Account:
        """The account.

        Raises:
            Problem: the operator has no key, or cannot read it.
        """
        if self._account is None:
            if self.connection is None:
                message = (
                    "The operator was started without --stripe-key-file, so nothing can be done at Stripe."
                )
                raise Problem(Reason.BILLING_NOT_CONFIGURED, message)
            try:
                billing = self.connection.billing()
            except BillingRefused as error:
                raise Problem(Reason.BILLING_NOT_CONFIGURED, _sentence(error)) from error
            self._account = Account(billing, self.cluster_id or await self._own_id())
        return self._account

    async def _own_id(self) -> str:
        try:
            namespace = await self.api.get(CLUSTER_PATH)
        except Forbidden as error:
            message = "The operator may not read namespace kube-system, whose uid names this cluster: set --cluster-id."
            raise Problem(Reason.BILLING_NOT_CONFIGURED, message) from error
        return str(namespace["metadata"]["uid"])


def billing_problem(error: BillingAway | BillingRefused) -> tuple[Reason, str]:
    """What a call that did not work is in status."""
    reason = Reason.BILLING_AWAY if isinstance(error, BillingAway) else Reason.BILLING_REFUSED
    return reason, _sentence(error)


def is_locked_out(error: BillingRefused) -> bool:
    """Whether the key may not do what was tried, so that nothing was looked at, nor remembered under an idempotency key."""
    return error.code in {AUTHENTICATION, PERMISSION}


def away_seconds(error: BillingAway) -> float:
    """How long to leave the provider alone."""
    return max(error.retry_after or 0.0, AGAIN_SECONDS)


async def do_for_customer(billing: Billing, call: CustomerCall) -> CustomerFacts | None:
    """Do ``call``; what it answers with, if that is a customer. Raises as `Billing`."""
    match call:
        case CreateCustomer(wish=wish, key=key):
            return await billing.create_customer(wish, key=key)
        case ChangeCustomer(customer=customer, wish=wish):
            return await billing.change_customer(customer, wish)
        case ReleaseCustomer(customer=customer):
            await billing.release_customer(customer)
        case DeleteCustomer(customer=customer):
            await billing.delete_customer(customer)
    return None


async def do_for_subscription(billing: Billing, call: SubscriptionCall) -> None:
    """Do ``call``. Raises as `Billing`."""
    match call:
        case CreateSubscription(wish=wish, key=key):
            await billing.create_subscription(wish, key=key)
        case ChangeSubscription(subscription=subscription, change=change, key=key):
            await billing.change_subscription(subscription, change, key=key)
        case CancelSubscription(subscription=subscription):
            await billing.cancel_subscription(subscription)
        case CreateCheckout(wish=wish, key=key):
            await billing.create_checkout(wish, key=key)
        case ExpireCheckout(checkout=checkout):
            await billing.expire_checkout(checkout)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."

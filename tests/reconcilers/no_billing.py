"""Reconcilers of an operator that has no key for the payment provider."""

from collections.abc import Callable
from datetime import datetime

from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.reconcilers.billing_looks import BillingLooks
from seatwarden.reconcilers.billing_place import BillingPlace
from seatwarden.reconcilers.customers import Customers
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.ownership import OwnedSecrets
from seatwarden.reconcilers.paid_subscriptions import PaidSubscriptions


def no_looks() -> BillingLooks:
    """Looks that are never due."""
    return BillingLooks(clock=lambda: 0.0, jitter=lambda: 0.5, seconds=3600.0)


def no_billing(api: KubernetesApi, store: ObjectStore, now: Callable[[], datetime]) -> PaidSubscriptions:
    """Tells of paid Subscriptions that nothing can be done."""
    return PaidSubscriptions(BillingPlace(None, api), store, no_looks(), now)


def no_customers(api: KubernetesApi, store: ObjectStore) -> Customers:
    """Tells of Tenants that pay that nothing can be done."""
    return Customers(BillingPlace(None, api), store, OwnedSecrets(api=api), no_looks(), lambda _: None)

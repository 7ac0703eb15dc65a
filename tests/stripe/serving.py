"""All that the stand-in serves: importing it registers every route."""

from tests.stripe import (
    catalogue,
    checkouts,
    clocks_and_events,
    collection,
    customers,
    discounts,
    search,
    subscription_changes,
    subscriptions,
)

ALL_ROUTES = (
    catalogue,
    checkouts,
    collection,
    customers,
    discounts,
    search,
    subscription_changes,
    subscriptions,
    clocks_and_events,
)
"""The modules."""

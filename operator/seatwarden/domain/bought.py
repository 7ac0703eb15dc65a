"""What was bought, as the spec says it or as the plan has it."""

from seatwarden.resources.subscription import Subscription


def declared_seats(subscription: Subscription) -> int:
    """How many seats the Subscription is to have: those of the spec, or those that the status tells of the plan; 0 where neither
    is known."""
    said = subscription.spec.seats
    return said if said is not None else subscription.status.seats or 0

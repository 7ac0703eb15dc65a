"""Metrics of the consumers of streams. They are told by the operator that leads."""

from prometheus_client import Counter, Gauge

STRIPE_HAND_OVERS = Counter(
    "seatwarden_stripe_hand_overs_total",
    "Objects changed at Stripe that were handed over to be read again, by result (ok, failed, late).",
    ["result"],
)
STRIPE_EVENTS_DONE = Counter(
    "seatwarden_stripe_events_done_total",
    "Events of Stripe that are done with. Many about one object are one hand-over.",
)
STRIPE_DEAD_LETTERS = Counter(
    "seatwarden_stripe_dead_letters_total",
    "Events of Stripe that were given up. `seatwarden dead-letters` lists them.",
)
STRIPE_HELD = Gauge(
    "seatwarden_stripe_events_held", "Events of Stripe that the leader has taken and not done with."
)
STRIPE_BACKLOG = Gauge(
    "seatwarden_stripe_backlog_events",
    "Events of Stripe that wait for the operator, those that it has taken included.",
)
STRIPE_BACKLOG_AGE = Gauge(
    "seatwarden_stripe_backlog_age_seconds",
    "For how long the oldest event of Stripe has waited for the operator.",
)

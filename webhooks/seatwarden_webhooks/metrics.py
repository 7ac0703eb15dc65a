"""Metrics of the receivers of webhooks. No label takes a value that a sender chooses."""

from prometheus_client import Counter, Gauge, Histogram

STRIPE_REQUESTS = Counter(
    "seatwarden_webhooks_stripe_requests_total",
    "Requests to the receiver of Stripe's events, by what became of them; docs/stripe-webhooks.md explains each.",
    ["result"],
)
STRIPE_SECONDS = Histogram(
    "seatwarden_webhooks_stripe_request_duration_seconds",
    "Time from the headers being read to the answer being ready.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
STRIPE_SECRETS = Gauge(
    "seatwarden_webhooks_stripe_secrets", "Signing secrets in use: 2 while one is replaced."
)
STRIPE_BACKLOG = Gauge(
    "seatwarden_webhooks_stripe_backlog_events",
    "Events of Stripe that wait for the operator, told also while there is none.",
)
STRIPE_BACKLOG_AGE = Gauge(
    "seatwarden_webhooks_stripe_backlog_age_seconds", "For how long the oldest of them has waited."
)
STRIPE_DEAD = Gauge(
    "seatwarden_webhooks_stripe_dead_letters",
    "Events of Stripe that were given up and that nobody has put back.",
)
STRIPE_ROOM = Gauge(
    "seatwarden_webhooks_stripe_backlog_limit_events",
    "How many may wait or be given up. Behind that Stripe is told to send later.",
)

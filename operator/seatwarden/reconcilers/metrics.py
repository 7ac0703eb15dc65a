"""Every metric of the operator. No label takes a value that a tenant chooses."""

from prometheus_client import Counter, Gauge, Histogram

RECONCILES = Counter(
    "seatwarden_reconciles_total",
    "Finished reconciles by kind and result (ok, retry, refused, error, gone).",
    ["kind", "result"],
)
RECONCILE_SECONDS = Histogram(
    "seatwarden_reconcile_seconds",
    "How long a reconcile took.",
    ["kind"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
STATUS_WRITES = Counter("seatwarden_status_writes_total", "Status writes sent to the API server.", ["kind"])
OBJECTS = Gauge("seatwarden_objects", "Custom resources known to the operator.", ["kind"])
NOT_READY = Gauge(
    "seatwarden_objects_not_ready", "Custom resources whose Ready condition is not True.", ["kind"]
)
QUEUE_LENGTH = Gauge("seatwarden_work_queue_length", "Keys that wait for a reconcile.")
LEASES_REAPED = Counter(
    "seatwarden_leases_reaped_total",
    "Expired leases that the reaper purged because nobody had asked for their seats.",
)
SWEEPS = Counter(
    "seatwarden_pool_sweeps_total",
    "Pools swept by the reaper, by result (ok, unknown, unavailable, or silent: no endpoint gives a sign of life).",
    ["result"],
)
SEATS = Gauge(
    "seatwarden_seats",
    "Seats over all pools by what they are (capacity, used), as of the latest sweeps.",
    ["what"],
)
LICENCE_KEYS = Gauge(
    "seatwarden_licence_keys",
    "Licence keys that open a pool, over all pools, by state (Active, Overlapping), as status tells.",
    ["state"],
)
ROOT_SIGNATURES = Counter(
    "seatwarden_root_signatures_total",
    "Licence documents and lists that root keys were asked to sign, by where the key lives.",
    ["provider"],
)
KMS_CALLS = Counter(
    "seatwarden_kms_calls_total", "Calls of Google Cloud KMS that were tried, by method.", ["method"]
)
STRIPE_CALLS = Counter(
    "seatwarden_stripe_calls_total",
    "Calls of Stripe that ended, by endpoint and result (ok, refused, away).",
    ["endpoint", "result"],
)
LICENCE_KEY_ROTATIONS = Counter(
    "seatwarden_licence_key_rotations_total",
    "New licence keys that took the place of another one.",
)
CAPACITY_CHANGES = Counter(
    "seatwarden_capacity_changes_total",
    "Pool configurations written to the authority, by direction.",
    ["direction"],
)
LEADING = Gauge("seatwarden_leading", "1 in the operator that leads.")
EVENTS = Counter("seatwarden_events_total", "Kubernetes Events posted, by type.", ["type"])

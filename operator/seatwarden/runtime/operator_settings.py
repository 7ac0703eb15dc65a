"""What can be set on `seatwarden operator`, in one place, with the defaults that the reference shows."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.durability import VOLATILE, Durability


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """Times are in seconds unless they are timedeltas."""

    redis_url: str = field(repr=False)
    durability: Durability = VOLATILE
    installation_keys: InstallationKeys | None = None
    """None: leases are not signed, and lease ids change when Redis loses its data."""
    kms_endpoint: str | None = None
    """None: Google's own global one."""
    stripe_key_file: Path | None = None
    """None: nobody takes money for this installation."""
    stripe_return_url: str = "https://stripe.com"
    """Where customers come back to from Stripe's pages."""
    stripe_endpoint: str = "https://api.stripe.com"
    stripe_resync: float = 3600.0
    """How often everything at Stripe is looked at when nothing is told of it."""
    cluster_id: str = ""
    """What this cluster is called at Stripe; empty: the uid of its namespace kube-system."""
    kubeconfig: Path | None = None
    """None: the cluster that this pod runs in."""
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    """The namespaces whose resources are served; empty means all."""
    identity: str
    """Who this process is in the election and in Events."""
    election_namespace: str | None
    """Where the election's Lease is; None means that there is only this operator and no election."""
    election_lease: int = 15
    health_host: str = "0.0.0.0"  # noqa: S104  a pod's probes and scrapes come from outside
    health_port: int = 8081
    """0 takes a free one."""
    workers: int = 24
    """Reconciles under way at a time."""
    api_writes: int = 16
    """Writes to the API server under way at a time; more only wait there instead of here."""
    resync: float = 600.0
    """How often each object is looked at when nothing happens to it."""
    relist: float = 600.0
    """How often all objects are listed anew, should the watch have missed something."""
    status_interval: float = 10.0
    """How old live counts in status may get, and the shortest time between two writes of them per object. What licence keys
    were used for may get six times as old."""
    deletion_patience: timedelta = timedelta(minutes=10)
    """For how long the deletion of a pool waits for a Redis that does not answer."""

"""The operator as a process: connect, wait to lead, work, hand over."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.google_kms_model import KmsMethod
from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.backends.kubernetes_connection import KubernetesConnection, connect
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.stripe_connection import StripeConnection
from seatwarden.backends.stripe_stream import StripeStream
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.controller import Controller, ControllerSettings
from seatwarden.reconcilers.engine import NotLeading
from seatwarden.reconcilers.until_stopped import done_before
from seatwarden.runtime.election import ElectionSettings, Elector
from seatwarden.runtime.health import HealthServer
from seatwarden.runtime.operator_settings import OperatorSettings
from seatwarden.runtime.signals import stop_on_signals
from seatwarden.workers.stripe_changes import StripeChanges

log = structlog.get_logger(__name__)

API_CONNECTIONS = 32
REDIS_SECONDS = 3.0
"""No program waits for the operator, and a node that is short of CPU for a second is not an outage to be told of."""


@dataclass(slots=True)
class TermOfOffice:
    """The term that the authority is told. Without an election it is the start time, so that a later start is a later term."""

    elector: Elector | None
    own: int

    def number(self) -> int:
        """The term now."""
        return max(self.own, self.elector.term if self.elector is not None else 0)

    async def confirm(self, stale: StaleTerm) -> None:
        """The authority knows a later term. Where the election still says that we lead, ours becomes a later one yet.

        That is so after a restore of etcd, which sets resourceVersions back.

        Raises:
            NotLeading: somebody else leads.
        """
        if self.elector is not None and not await self.elector.renew():
            raise NotLeading(str(stale)) from stale
        self.own = stale.held + 1
        log.warning(
            "the term of office went back, which a restored etcd does; a later one is used", term=self.own
        )


async def run_operator(settings: OperatorSettings, stop: asyncio.Event | None = None) -> int:
    """Run until a signal, or until leadership is lost. Returns the exit code of the process.

    Raises:
        NoCluster: there is no way to an API server.
        ValueError: the Redis URL cannot be read.
    """
    process_ends, stop = stop is None, stop or asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop, process_ends=process_ends))
        connection = await connect(settings.kubeconfig, settings.context)
        session = await stack.enter_async_context(connection.open_session(connections=API_CONNECTIONS))
        api = KubernetesApi(session, connection.server, writes=settings.api_writes)
        authority = RedisSeatAuthority.connect(
            settings.redis_url,
            time_limit_seconds=REDIS_SECONDS,
            keys=settings.installation_keys,
            durability=settings.durability,
        )
        stack.push_async_callback(authority.close)
        google = KmsConnection(api_endpoint=settings.kms_endpoint, counted=_count_kms_call)
        stack.push_async_callback(google.close)
        stripe = _stripe(settings)
        if stripe is not None:
            stack.push_async_callback(stripe.close)
        health = await HealthServer.start(host=settings.health_host, port=settings.health_port)
        stack.push_async_callback(health.close)
        log.info(
            "operator started", server=connection.server, context=connection.context, health_port=health.port
        )
        elector = _elector(settings, api)
        if elector is not None and not await done_before(stop, elector.acquire()):
            return 0
        metrics.LEADING.set(1)
        try:
            return await _work(settings, connection, api, authority, google, stripe, elector, stop)
        finally:
            metrics.LEADING.set(0)
            if elector is not None:
                await elector.release()
    raise AssertionError("unreachable")


def _stripe(settings: OperatorSettings) -> StripeConnection | None:
    if settings.stripe_key_file is None:
        return None
    return StripeConnection(
        key_file=settings.stripe_key_file,
        return_url=settings.stripe_return_url,
        endpoint=settings.stripe_endpoint,
        counted=_count_stripe_call,
    )


def _count_stripe_call(endpoint: str, result: str) -> None:
    metrics.STRIPE_CALLS.labels(endpoint=endpoint, result=result).inc()


def _count_kms_call(method: KmsMethod) -> None:
    metrics.KMS_CALLS.labels(method=method).inc()


async def _work(
    settings: OperatorSettings,
    connection: KubernetesConnection,
    api: KubernetesApi,
    authority: RedisSeatAuthority,
    google: KmsConnection,
    stripe: StripeConnection | None,
    elector: Elector | None,
    stop: asyncio.Event,
) -> int:
    term = TermOfOffice(elector=elector, own=0 if elector is not None else time.time_ns() // 1_000_000)
    controller = Controller(
        connection=connection,
        api=api,
        authority=authority,
        identities=authority.identities(),
        documents=authority.documents(),
        installation=settings.installation_keys,
        google=google,
        stripe=stripe,
        settings=ControllerSettings(
            instance=settings.identity,
            namespaces=settings.namespaces,
            workers=settings.workers,
            resync=settings.resync,
            relist=settings.relist,
            status_interval=settings.status_interval,
            deletion_patience=settings.deletion_patience,
            stripe_resync=settings.stripe_resync,
            cluster_id=settings.cluster_id,
        ),
        term=term.number,
        confirm_term=term.confirm,
    )
    working = asyncio.create_task(_all_work(settings, controller, stop))
    keeping = asyncio.create_task(elector.keep() if elector is not None else asyncio.Event().wait())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, keeping, stopping], return_when=asyncio.FIRST_COMPLETED)
        lost = keeping.done()
        stop.set()
        if lost:
            working.cancel()
        try:
            await working
        except asyncio.CancelledError:
            pass
        except NotLeading as error:
            log.warning("no longer leading", reason=str(error))
            lost = True
        return 1 if lost else 0
    finally:
        for task in (keeping, stopping):
            task.cancel()
        await asyncio.gather(keeping, stopping, return_exceptions=True)


async def _all_work(settings: OperatorSettings, controller: Controller, stop: asyncio.Event) -> None:
    """The controller, and the events of Stripe where the operator has a key for it."""
    if settings.stripe_key_file is None:
        await controller.run(stop)
        return
    stream = StripeStream.connect(settings.redis_url, durability=settings.durability)
    running = asyncio.create_task(controller.run(stop))
    events = asyncio.create_task(StripeChanges(stream, controller.news.handle).run(stop))
    try:
        await asyncio.wait([running, events], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await running
        await events
    finally:
        for task in (running, events):
            task.cancel()
        await asyncio.gather(running, events, return_exceptions=True)
        await stream.close()


def _elector(settings: OperatorSettings, api: KubernetesApi) -> Elector | None:
    if settings.election_namespace is None:
        return None
    lease = settings.election_lease
    election = ElectionSettings(
        namespace=settings.election_namespace,
        identity=settings.identity,
        lease_duration=lease,
        renew_deadline=lease * 2 / 3,
        retry_period=max(lease / 7.5, 0.2),
    )
    return Elector(api, election, clock=time.monotonic, now=lambda: datetime.now(UTC))

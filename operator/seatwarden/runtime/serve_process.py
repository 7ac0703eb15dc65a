"""What one process of `seatwarden serve` does, alone or as one of several workers."""

import asyncio
import gc
import os
import socket
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.durability import Durability
from seatwarden.runtime.event_loop import run_on_fast_loop
from seatwarden.runtime.signals import told_to_stop_by_signals
from seatwarden.runtime.worker_processes import WorkerProcesses, WorkerSide

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """The options of `seatwarden serve`."""

    host: str
    port: int
    redis_url: str = field(repr=False)
    durability: Durability
    installation_keys: InstallationKeys | None
    drain_seconds: float
    access_log: bool


def serve_alone(settings: ServeSettings) -> None:
    """Serve until a signal comes.

    Raises:
        OSError: the address cannot be had.
        ValueError: the Redis URL cannot be read.
    """
    run_on_fast_loop(_serve(settings))


def serve_with_workers(settings: ServeSettings, workers: int) -> int:
    """Serve with that many processes on one port until a signal comes; return the exit status.

    The kernel spreads connections over the workers (SO_REUSEPORT). Each worker counts into files of a folder
    that is gone afterwards, so that any of them can tell the metrics of all, of dead ones too.

    Raises:
        OSError: the address cannot be had.
        ValueError: the Redis URL cannot be read.
    """
    with (
        closing(_reserved(settings.host, settings.port)) as reservation,
        tempfile.TemporaryDirectory(prefix="seatwarden-metrics-") as folder,
    ):
        port: int = reservation.getsockname()[1]
        # prometheus_client decides when it is imported whether it counts into files.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from prometheus_client.multiprocess import mark_process_dead

        import seatwarden.endpoint.application
        import seatwarden.endpoint.server  # noqa: F401  # both are for the workers: what is imported now is shared
        from seatwarden.backends.redis_url import read_redis_url

        read_redis_url(settings.redis_url)

        def work(side: WorkerSide) -> int:
            structlog.contextvars.bind_contextvars(worker=side.number)
            run_on_fast_loop(_serve(settings, port=port, side=side, metrics_folder=Path(folder)))
            return 0

        def forget(pid: int) -> None:
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # theirs has no types

        log.info("starting workers", workers=workers, host=settings.host, port=port)
        status = WorkerProcesses(workers, work, forget=forget).run()
        log.info("all workers ended", status=status)
        return status


def _reserved(host: str, port: int) -> socket.socket:
    """A socket that has the address but does not listen: it finds a free port, and keeps it between workers."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    reservation = socket.socket(family, kind, protocol)
    try:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind(address)
    except BaseException:
        reservation.close()
        raise
    return reservation


async def _serve(
    settings: ServeSettings,
    *,
    port: int | None = None,
    side: WorkerSide | None = None,
    metrics_folder: Path | None = None,
) -> None:
    from seatwarden.backends.redis_authority import RedisSeatAuthority
    from seatwarden.endpoint.application import create_app
    from seatwarden.endpoint.server import start_server
    from seatwarden.endpoint.settings import EndpointSettings

    told_to_stop = told_to_stop_by_signals()
    authority = RedisSeatAuthority.connect(
        settings.redis_url,
        keys=settings.installation_keys,
        durability=settings.durability,
        serves=True,
    )
    if settings.installation_keys is None:
        log.warning(
            "there is no installation key, so leases are not signed and nobody comes back after a loss of Redis"
        )
    try:
        app = create_app(
            authority,
            EndpointSettings(access_log=settings.access_log),
            keys=settings.installation_keys,
            identities=authority.identities(),
            documents=authority.documents(),
            metrics_folder=metrics_folder,
        )
        server = await start_server(
            app,
            host=settings.host,
            port=settings.port if port is None else port,
            share_port=side is not None,
        )
        # What was imported stays: the garbage collector need not look at it again and again, which takes milliseconds.
        gc.collect()
        gc.freeze()
        log.info("serving seats", host=settings.host, port=server.port)
        if side is not None:
            side.serves()
            asyncio.get_running_loop().add_reader(side.parent_gone, told_to_stop.set)
        try:
            await told_to_stop.wait()
            if side is not None:
                asyncio.get_running_loop().remove_reader(side.parent_gone)
            server.begin_drain()
            log.info("draining", seconds=settings.drain_seconds)
            await asyncio.sleep(settings.drain_seconds)
        finally:
            await server.close()
    finally:
        await authority.close()
    log.info("stopped")

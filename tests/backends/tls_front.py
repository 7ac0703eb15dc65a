"""TLS in front of a Redis that has none, with certificates of a test authority."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from seatwarden.local.certificates import Authority, CertificateFiles


@dataclass(frozen=True)
class TlsFront:
    """Where it listens, its authority, and a client's certificate."""

    port: int
    authority: Path
    client: CertificateFiles


@contextlib.asynccontextmanager
async def tls_front(target: int, folder: Path, *, host: str = "localhost") -> AsyncIterator[TlsFront]:
    """A front that has a certificate for ``host`` and wants one of the client."""
    now = dt.datetime.now(dt.UTC)
    authority = Authority.load_or_make(folder, "redis-ca", now=now)
    served = authority.issue_server(folder, "redis", hosts=[host], now=now)
    client = authority.issue_client(folder, "client", user="seatwarden", groups=[], now=now)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.files.certificate))
    context.load_cert_chain(served.certificate, served.key)
    context.verify_mode = ssl.CERT_REQUIRED
    tasks: set[asyncio.Task[None]] = set()

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    sink.write(data)
        finally:
            sink.transport.abort()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", target)
        for work in (carry(reader, redis_writer), carry(redis_reader, writer)):
            task = asyncio.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield TlsFront(port, authority.files.certificate, client)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

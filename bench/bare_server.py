"""What the endpoint is held against: `python -m bench.bare_server` serves on a free port and prints it.

``POST /echo`` is the least that an aiohttp application can do with a JSON request: read it and answer with it. A seat
call that comes near its rate costs hardly more than its HTTP.

``POST /naive`` is a heartbeat as one would write it first: redis-py's connection pool, one EVALSHA a request, the
standard library's json, an access log. It has no validation, no request ids and no metrics.
"""

import logging
import os
import sys
from typing import Any

from aiohttp import web
from redis.asyncio import Redis

from seatwarden.backends.redis_keys import PoolKeys, pool_keys
from seatwarden.backends.redis_scripts import HEARTBEAT
from seatwarden.domain.licence_key import parse_licence_key
from seatwarden.runtime.event_loop import run_on_fast_loop


async def echo(request: web.Request) -> web.Response:
    """The reference."""
    return web.json_response(await request.json())


class NaiveHeartbeat:
    """The obvious way of asking Redis."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, max_connections=64)

    async def __call__(self, request: web.Request) -> web.Response:
        """One heartbeat; the body has the session's id as well."""
        key = parse_licence_key(request.headers["Authorization"].removeprefix("Bearer "))
        assert key is not None
        body: dict[str, Any] = await request.json()
        call: Any = self._redis.evalsha(
            HEARTBEAT.sha,
            len(PoolKeys._fields),
            *pool_keys(key.pool),
            key.sha256,
            bytes.fromhex(body["id"]),
            body["fence"].to_bytes(8, "big"),
        )
        heartbeat, _now, _signed_for, code, left = await call
        return web.json_response(
            {"code": code.decode(), "expires_in": left / 1000, "next_heartbeat_in": heartbeat / 1000}
        )


async def _serve(redis_url: str) -> None:
    import asyncio

    app = web.Application()
    app.router.add_post("/echo", echo)
    quiet = web.AppRunner(app, access_log=None)
    naive = web.Application()
    naive.router.add_post("/naive", NaiveHeartbeat(redis_url))
    logging.basicConfig(level=logging.INFO, filename=os.devnull)
    loud = web.AppRunner(naive)
    ports = []
    for runner in (quiet, loud):
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(str(runner.addresses[0][1]))
    print(*ports, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    run_on_fast_loop(_serve(os.environ["SEATWARDEN_REDIS_URL"]))

"""Making a server know the scripts: all of them ahead of time, or one that it turns out not to know."""

import asyncio

from seatwarden.backends.redis_link import Link, pack
from seatwarden.backends.redis_pipe import Pipe
from seatwarden.backends.redis_scripts import ALL_SCRIPTS, Script


async def load_all(link: Link) -> None:
    """Load what the server of ``link`` does not know yet. Raises what `Pipe.send` raises."""
    pipe = await link.open()
    known = await pipe.send(pack("SCRIPT", "EXISTS", *(one.sha for one in ALL_SCRIPTS)))
    for script, there in zip(ALL_SCRIPTS, known, strict=True):
        if not there:
            await load_once(pipe, script)


async def load_once(pipe: Pipe, script: Script) -> None:
    """Load ``script``, together with everybody else who wants it over this connection now.

    After a failover every call under way misses its script. If each sent it, 18 KB a time, they would choke the
    connection. Raises what `Pipe.send` raises.
    """
    loading = pipe.loading.get(script.sha)
    if loading is None:
        loading = pipe.send(pack("SCRIPT", "LOAD", script.text), urgent=True)
        pipe.loading[script.sha] = loading
        loading.add_done_callback(lambda _: pipe.loading.pop(script.sha))
    await asyncio.shield(loading)

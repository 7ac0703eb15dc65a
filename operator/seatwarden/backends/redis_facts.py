"""What the servers say of themselves, for `seatwarden.domain.redis_fitness`."""

from hiredis import ReplyError

from seatwarden.backends.redis_link import Link, pack
from seatwarden.backends.redis_pipe import Pipe
from seatwarden.backends.redis_scripts import OBSERVE
from seatwarden.domain.redis_fitness import RedisFacts


async def facts_of(link: Link) -> RedisFacts:
    """The facts of one server.

    Raises:
        NoLink, PipeFull, PipeLate, PipeLost: it cannot be asked.
    """
    pipe = await link.open()
    try:
        said = _fields(await pipe.send(pack("INFO")))
    except ReplyError as error:
        return RedisFacts(version="", refused=_refused(error, "INFO"))
    try:
        await pipe.send(pack("SCRIPT", "LOAD", OBSERVE.text))
    except ReplyError as error:
        return RedisFacts(version=said.get("redis_version", ""), refused=_refused(error, "SCRIPT LOAD"))
    return RedisFacts(
        version=said.get("redis_version", ""),
        maxmemory_policy=said.get("maxmemory_policy"),
        append_only=None if "aof_enabled" not in said else said["aof_enabled"] == "1",
        append_fsync=await _configured(pipe, "appendfsync"),
        replicas=int(said.get("connected_slaves", "0")),
    )


def _refused(error: ReplyError, command: str) -> str | None:
    return command if str(error).startswith("NOPERM") else None


def _fields(info: bytes) -> dict[str, str]:
    return dict(line.partition(":")[::2] for line in info.decode(errors="replace").splitlines())


async def _configured(pipe: Pipe, name: str) -> str | None:
    """A setting; None where we may not ask, as with most services that are run by others."""
    try:
        found: list[bytes] = await pipe.send(pack("CONFIG", "GET", name))
    except ReplyError:
        return None
    return found[1].decode() if len(found) > 1 else None

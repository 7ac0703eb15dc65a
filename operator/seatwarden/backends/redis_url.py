"""Where Redis is and how to get in: what a URL says, as values.

redis-py reads the URLs and makes the TLS context, so that its parameters mean the same here. Two schemes are
added, for Sentinel and Cluster; with an ``s`` (``rediss+sentinel://``) they are over TLS::

    redis://user:password@host:6379/0       rediss://host:6380/0?ssl_ca_certs=ca.pem      unix:///redis.sock?db=0
    redis+sentinel://user:password@host:26379,host2:26379/master-name/0?sentinel_password=…
    redis+cluster://user:password@host:6379,host2:6379
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

_UNREADABLE = (
    "the Redis URL cannot be read; write it as redis://user:password@host:6379/0 with the password"
    " percent-encoded, or as rediss://, unix://, redis+sentinel://host:26379,host2:26379/master-name/0 or"
    " redis+cluster://host:6379,host2:6379"
)
_SENTINEL_PORT = 26379
_PORT = 6379
_NOT_TLS = {"host", "port", "db", "path", "username", "password", "connection_class"}
_SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")


class Mode(Enum):
    """How the server that is in charge is found."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Node:
    """A server's address: host and port, or the path of a socket."""

    host: str
    port: int
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to get in. ``tls`` None is plain TCP."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPlace:
    """What a URL says. ``nodes`` are the server, the Sentinels, or some nodes of the Cluster."""

    mode: Mode
    nodes: tuple[Node, ...]
    login: Login
    sentinel_login: Login = field(default_factory=Login)
    master_name: str = ""


def read_redis_url(url: str) -> RedisPlace:
    """What ``url`` says.

    Raises:
        ValueError: it cannot be read. The message does not quote it, as it may hold a password.
    """
    try:
        parts = urlsplit(url)
        base, _, kind = parts.scheme.partition("+")
        match kind:
            case "":
                return _single(url)
            case "sentinel" if base in {"redis", "rediss"}:
                return _sentinel(parts, base)
            case "cluster" if base in {"redis", "rediss"}:
                return _cluster(parts, base)
    except (ValueError, TypeError, RedisError):
        pass
    except OSError as error:  # a file of TLS: to find the mistake, its name is needed, and it is no secret
        raise ValueError(
            f"the Redis URL names TLS files that cannot be used: {error.strerror or error}"
        ) from None
    raise ValueError(_UNREADABLE) from None


def _single(url: str) -> RedisPlace:
    said: dict[str, Any] = dict(parse_url(url))
    node = Node(said.get("host", "localhost"), said.get("port", _PORT), said.get("path"))
    if urlsplit(url).scheme == "unix" and not node.path:
        raise ValueError("no path")
    return RedisPlace(mode=Mode.SINGLE, nodes=(node,), login=_login(said))


def _sentinel(parts: SplitResult, base: str) -> RedisPlace:
    name, _, database = parts.path.strip("/").partition("/")
    if not name:
        raise ValueError("no master name")
    said, nodes = _many(parts, base, path=f"/{int(database or 0)}", port=_SENTINEL_PORT)
    username, password = (said.pop(parameter, None) for parameter in _SENTINEL_LOGIN)
    login = _login(said)
    return RedisPlace(
        mode=Mode.SENTINEL,
        nodes=nodes,
        login=login,
        sentinel_login=Login(username=username, password=password, tls=login.tls),
        master_name=unquote(name),
    )


def _cluster(parts: SplitResult, base: str) -> RedisPlace:
    if parts.path.strip("/") not in {"", "0"}:
        raise ValueError("a Cluster has database 0 only")
    said, nodes = _many(parts, base, path="", port=_PORT)
    return RedisPlace(mode=Mode.CLUSTER, nodes=nodes, login=_login(said))


def _many(parts: SplitResult, base: str, *, path: str, port: int) -> tuple[dict[str, Any], tuple[Node, ...]]:
    userinfo, at, hosts = parts.netloc.rpartition("@")
    nodes = []
    for host in hosts.split(","):
        read = urlsplit(f"//{host}")
        if not read.hostname:
            raise ValueError("no host")
        nodes.append(Node(read.hostname, read.port or port))
    query = f"?{parts.query}" if parts.query else ""
    return dict(parse_url(f"{base}://{userinfo}{at}unused{path}{query}")), tuple(nodes)


def _login(said: Mapping[str, Any]) -> Login:
    options = {name: value for name, value in said.items() if name not in _NOT_TLS}
    tls = None
    if said.get("connection_class") is SSLConnection:
        tls = SSLConnection(**options).ssl_context.get()
    elif options:
        raise ValueError("unknown parameters")
    return Login(
        username=said.get("username"),
        password=said.get("password"),
        database=said.get("db", 0),
        tls=tls,
    )

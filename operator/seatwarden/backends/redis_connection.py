"""The connection to Redis that the authority wants."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

_CONNECTIONS = 32
_RETRY_PAUSE_SECONDS = 0.02


def connect(url: str, *, time_limit_seconds: float) -> Redis:
    """A client for ``url`` (``redis://``, ``rediss://`` or ``unix://``); it connects when it is first used.

    A lost connection is tried once more: every script of the authority may run twice. A time-out is not, as
    the caller's own limit is over by then.

    Raises:
        ValueError: the URL cannot be read. The message does not quote it, as it may hold a password.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=time_limit_seconds,
            socket_connect_timeout=time_limit_seconds,
            socket_timeout=time_limit_seconds,
            health_check_interval=15,
            protocol=2,
            decode_responses=False,
            retry=Retry(
                ExponentialWithJitterBackoff(base=_RETRY_PAUSE_SECONDS, cap=_RETRY_PAUSE_SECONDS),
                retries=1,
                supported_errors=(RedisConnectionError,),
            ),
        )
    except ValueError:
        raise ValueError(
            "the Redis URL cannot be read; write it as redis://user:password@host:6379/0 with the password"
            " percent-encoded, or as rediss:// or unix://"
        ) from None
    return Redis.from_pool(pool)

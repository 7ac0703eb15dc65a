"""Sending scripts to Redis: by hash, with a time limit, and with one kind of error for all that can go wrong.

Nothing else of the authority talks to Redis, so a faster way of sending replaces this module alone.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_keys import PoolKeys
from seatwarden.backends.redis_scripts import ALL_SCRIPTS, Script

Argument = bytes | str | int
_INVARIANT = re.compile(r"SEATWARDEN ([a-z0-9 ^]+)")


class ScriptRunner:
    """Runs scripts on one Redis.

    A script that Redis does not know (it was flushed, restarted or failed over) is sent in full once more. It
    has not run when Redis says so, so this is no repetition.
    """

    def __init__(self, client: Redis, *, time_limit_seconds: float) -> None:
        self._client = client
        self._command: Callable[..., Awaitable[Any]] = client.execute_command
        self._time_limit_seconds = time_limit_seconds

    async def run(self, script: Script, keys: PoolKeys, *arguments: Argument) -> Any:
        """The script's reply, as bytes, ints, None and lists of them.

        Raises:
            AuthorityUnavailable: Redis could not be asked, refused, or gave no answer in time.
        """
        async with self._answer_in_time():
            try:
                return await self._command(*_by_hash(script, keys, arguments))
            except NoScriptError:
                return await self._command(*_in_full(script, keys, arguments))

    async def run_for_each(
        self, script: Script, pools: Sequence[PoolKeys], *arguments: Argument
    ) -> list[Any]:
        """The replies of the same call to several pools, sent together but not as one transaction.

        Raises:
            AuthorityUnavailable: as `run`, for any of them; the others may have run.
        """
        async with self._answer_in_time():
            replies = await self._send_together([_by_hash(script, keys, arguments) for keys in pools])
            unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                again = await self._send_together(
                    [_in_full(script, pools[index], arguments) for index in unknown]
                )
                for index, reply in zip(unknown, again, strict=True):
                    replies[index] = reply
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return replies

    async def load(self) -> None:
        """Return when Redis answers and knows every script.

        Raises:
            AuthorityUnavailable: as `run`.
        """
        async with self._answer_in_time():
            known = await self._command("SCRIPT EXISTS", *(one.sha for one in ALL_SCRIPTS))
            for script, there in zip(ALL_SCRIPTS, known, strict=True):
                if not there:
                    await self._command("SCRIPT LOAD", script.text)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send_together(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            add: Callable[..., object] = pipeline.execute_command
            for command in commands:
                add(*command)
            return list(await pipeline.execute(raise_on_error=False))

    @asynccontextmanager
    async def _answer_in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._time_limit_seconds):
                yield
        except TimeoutError as error:
            raise AuthorityUnavailable(
                f"the seat authority gave no answer within {self._time_limit_seconds:g} s; try again"
            ) from error
        except (RedisError, OSError) as error:
            raise AuthorityUnavailable(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    # Redis's own words may quote the command's arguments, so only what our scripts say is passed on.
    if isinstance(error, ResponseError) and (broken := _INVARIANT.search(str(error))):
        return f"the seat authority stopped, as this does not hold for the pool: {broken[1]}"
    return f"the seat authority could not be asked ({type(error).__name__}); try again"


def _by_hash(script: Script, keys: PoolKeys, arguments: Sequence[Argument]) -> tuple[Argument, ...]:
    return ("EVALSHA", script.sha, len(keys), *keys, *arguments)


def _in_full(script: Script, keys: PoolKeys, arguments: Sequence[Argument]) -> tuple[Argument, ...]:
    return ("EVAL", script.text, len(keys), *keys, *arguments)

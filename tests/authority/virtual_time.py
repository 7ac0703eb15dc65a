"""The authority's own scripts and wire on a real server, with a clock that the test turns.

Redis's TIME is the only clock that the scripts read, and they read it in one place. So a copy of a script in which that
reading is replaced by the last argument of the call is the same script under any clock: hours pass in no time, and a
history is the same each time it is run. The server, the arguments, the replies and their readers are the real ones.

Calls go out over a plain blocking socket. A coroutine that waits for nothing ends at its first step, so `at_once` runs
the authority's methods without an event loop; a step of a simulation costs a few tens of microseconds more than Redis
itself takes.
"""

import hashlib
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Self, TypeVar, cast

import hiredis

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_keys import Keys
from seatwarden.backends.redis_link import ServerSeen
from seatwarden.backends.redis_scripts import ALL_SCRIPTS, Script
from seatwarden.domain.seats import Pulse
from seatwarden.local.valkey import Valkey

T = TypeVar("T")
Argument = bytes | str | int
Command = tuple[Argument, ...]

Moment = Literal["sending", "answered"]

# Long ago, so that a sweep under this clock trims nothing from a ledger whose entries have ids of today.
BEGINNING = 1_600_000_000_000
_TIME = "redis.call('TIME')"
_SHOWN = "{ string.sub(shown_time, 1, -7), string.sub(shown_time, -6) }"


class Unanswered(Exception):
    """The server went away or hangs; whether it acted is not known."""


def at_once(step: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        step.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    step.close()
    raise AssertionError("the coroutine waits for something")


class VirtualClock:
    """The time of the simulated world, in milliseconds."""

    def __init__(self, now: int = BEGINNING) -> None:
        self.now = now

    def forward(self, milliseconds: int) -> None:
        self.now += milliseconds

    def shown(self) -> str:
        # Milliseconds have to be rounded down, from their first microsecond to their last.
        return f"{self.now}{'999' if self.now % 2 else '000'}"


def with_given_time(text: str) -> str:
    """The script of ``text`` under the clock that its last argument shows."""
    assert _TIME in text, "the script reads no clock, or in another way"
    shebang, body = text.split("\n", 1)
    return f"{shebang}\nlocal shown_time = table.remove(ARGV)\n{body.replace(_TIME, _SHOWN)}"


@cache
def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class GivenTimeRunner:
    """Stands where the authority's `ScriptRunner` stands.

    ``texts`` replaces the texts of scripts by name. ``looks`` are asked in the same breath as each script and nothing
    can come between; their replies are in ``seen``. ``doom`` is told when the next script is about to be sent, and when
    its reply is there; where it raises, the caller gets none.
    """

    def __init__(
        self,
        server: Valkey,
        clock: VirtualClock,
        *,
        texts: Mapping[str, str] | None = None,
        limit_seconds: float = 20.0,
    ) -> None:
        self.clock = clock
        self.looks: Callable[[], Sequence[Command]] = tuple
        self.seen: list[Any] = []
        self.doom: Callable[[Moment], None] | None = None
        self.run_id = "first run"
        self._server = server
        self._limit_seconds = limit_seconds
        plain = {script.name: script.text for script in ALL_SCRIPTS} | dict(texts or {})
        self._texts = {name: with_given_time(text) for name, text in plain.items()}
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    async def run(self, script: Script, keys: Keys, *arguments: Argument, urgent: bool = False) -> Any:  # noqa: ARG002  nothing is ever full here
        [reply] = await self.run_for_each(script, [keys], *arguments)
        return reply

    async def run_for_each(self, script: Script, pools: Sequence[Keys], *arguments: Argument) -> list[Any]:
        text = self._texts[script.name]
        looks = self.looks()
        calls = [(len(keys), *keys, *arguments, self.clock.shown()) for keys in pools]
        try:
            if self.doom is not None:
                self._lead_to("sending")
            replies = self.ask(*(("EVALSHA", _sha(text), *call) for call in calls), *looks)
            if any(isinstance(reply, Exception) and "NOSCRIPT" in str(reply) for reply in replies):
                replies = self.ask(*(("EVAL", text, *call) for call in calls), *looks)
            if self.doom is not None:
                self._lead_to("answered")
                self.doom = None
        except Unanswered as error:
            raise AuthorityUnavailable("the server went away") from error
        for reply in replies:
            if isinstance(reply, Exception):
                raise AuthorityUnavailable(str(reply)) from reply
        self.seen = replies[len(calls) :]
        return replies[: len(calls)]

    def arrive_first(self, *, volatile: bool, look: object) -> None:
        """Nothing is arrived at by itself here."""

    def heard(self, pulse: Pulse) -> None:
        """How the authority is, is for the test to know."""

    def in_one_reach(self, pools: Sequence[Keys]) -> bool:  # noqa: ARG002  there is only one
        return True

    async def server(self, keys: Keys) -> ServerSeen:  # noqa: ARG002  there is only one
        return ServerSeen(self.run_id, 1)

    async def load(self) -> None:
        self.ask(*(("SCRIPT", "LOAD", text) for text in self._texts.values()))

    async def close(self) -> None:
        self.disconnect()

    def disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._reader = None, hiredis.Reader()

    def ask(self, *commands: Command) -> list[Any]:
        """The replies to ``commands``, sent together; an error is a reply.

        Raises:
            Unanswered: the connection broke, or there is no reply in time.
        """
        replies: list[Any] = []
        try:
            connection = self._connection()
            connection.sendall(b"".join(hiredis.pack_command(cast("Any", command)) for command in commands))
            while len(replies) < len(commands):
                reply = self._reader.gets()
                if reply is not False:
                    replies.append(reply)
                    continue
                received = connection.recv(1 << 16)
                if not received:
                    raise ConnectionResetError("the server closed the connection")
                self._reader.feed(received)
        except OSError as error:
            self.disconnect()
            raise Unanswered(str(error)) from error
        return replies

    def _lead_to(self, moment: Moment) -> None:
        assert self.doom is not None
        try:
            self.doom(moment)
        except OSError as error:
            self.doom = None
            self.disconnect()
            raise Unanswered(str(error)) from error

    def _connection(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(self._limit_seconds)
            self._socket.connect(str(self._server.folder / "valkey.sock"))
        return self._socket


class GivenTimeAuthority(RedisSeatAuthority):
    """The real authority over a `GivenTimeRunner`."""

    def __init__(self, runner: GivenTimeRunner, *, keys: InstallationKeys | None = None) -> None:
        # Arrivals are the test's own calls: it decides when a connection is another one, and what that means.
        super().__init__(cast("Any", runner), keys=keys, serves=True)

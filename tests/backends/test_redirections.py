"""What servers of a Cluster and Sentinels say seldom, said by scripted ones at the moment that the test wants."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
from redis.crc import key_slot

from seatwarden.backends.authority import AuthorityUnavailable
from tests.backends.calls import ECHO, keys
from tests.backends.conftest import MakeRunner
from tests.backends.scripted_redis import Command, ScriptedRedis, bulk, echo, scripted_redis

SLOT = key_slot(keys().config.encode())
Say = Callable[[Command], bytes | None]


@dataclass
class Pair:
    """Two nodes; what a script call gets from each, and which one has all slots."""

    one: ScriptedRedis
    two: ScriptedRedis
    serving: ScriptedRedis
    says: dict[int, Say]
    host: bytes = b"127.0.0.1"
    last_slot: int = 16383

    @property
    def url(self) -> str:
        """By the first node."""
        return f"redis+cluster://127.0.0.1:{self.one.port}"

    def slots(self) -> bytes:
        """The answer to CLUSTER SLOTS."""
        host = bulk(self.host) if self.host else b"$-1\r\n"
        master = b"*3\r\n" + host + b":%d\r\n" % self.serving.port + bulk(b"id")
        return b"*1\r\n*3\r\n:0\r\n:%d\r\n" % self.last_slot + master


def asked_for(server: ScriptedRedis, *words: bytes) -> int:
    """How often ``server`` got a command that begins with ``words``."""
    return sum(command[: len(words)] == list(words) for command in server.asked)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Two nodes of which the first has all slots."""
    async with contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(scripted_redis(echo))
        two = await stack.enter_async_context(scripted_redis(echo))
        made = Pair(one, two, one, {})

        def answering(server: ScriptedRedis) -> None:
            async def answer(command: Command) -> bytes | None:
                if command[0] == b"CLUSTER":
                    return made.slots()
                say = made.says.get(server.port)
                return await echo(command) if say is None else say(command)

            server.answer = answer

        answering(one)
        answering(two)
        yield made


async def test_moved_is_followed_once_and_remembered(make_runner: MakeRunner, pair: Pair) -> None:
    runner = make_runner(pair.url)
    assert await runner.run(ECHO, keys(), 1) == b"1"
    pair.serving = pair.two
    pair.says[pair.one.port] = lambda _: b"-MOVED %d 127.0.0.1:%d\r\n" % (SLOT, pair.two.port)
    assert await runner.run(ECHO, keys(), 2) == b"2"
    before = len(pair.one.asked)
    assert await runner.run(ECHO, keys(), 3) == b"3"
    assert all(command[0] == b"CLUSTER" for command in pair.one.asked[before:])


async def test_moved_without_a_host_means_the_same_host(make_runner: MakeRunner, pair: Pair) -> None:
    runner = make_runner(pair.url)
    await runner.run(ECHO, keys(), 1)
    pair.says[pair.one.port] = lambda _: b"-MOVED %d :%d\r\n" % (SLOT, pair.two.port)
    assert await runner.run(ECHO, keys(), 2) == b"2"


@pytest.mark.parametrize("host", [b"", b"?"])
async def test_a_map_without_hosts_means_the_host_that_was_asked(
    make_runner: MakeRunner, pair: Pair, host: bytes
) -> None:
    pair.host, pair.serving = host, pair.two
    assert await make_runner(pair.url).run(ECHO, keys(), 1) == b"1"
    assert asked_for(pair.two, b"EVALSHA") == 1


async def test_ask_is_followed_for_one_call_only(make_runner: MakeRunner, pair: Pair) -> None:
    runner = make_runner(pair.url)
    pair.says[pair.one.port] = lambda _: b"-ASK %d 127.0.0.1:%d\r\n" % (SLOT, pair.two.port)
    for number in range(2):
        assert await runner.run(ECHO, keys(), number) == b"%d" % number
    assert asked_for(pair.one, b"EVALSHA") == 2
    assert [command[0] for command in pair.two.asked if command[0] != b"CLIENT"] == [
        b"INFO",
        *(b"ASKING", b"EVALSHA") * 2,
    ]


async def test_ask_to_a_node_that_does_not_know_the_script(make_runner: MakeRunner, pair: Pair) -> None:
    runner = make_runner(pair.url)
    pair.says[pair.one.port] = lambda _: b"-ASK %d 127.0.0.1:%d\r\n" % (SLOT, pair.two.port)
    pair.says[pair.two.port] = lambda command: (
        b"-NOSCRIPT No matching script.\r\n"
        if command[0] == b"EVALSHA" and not asked_for(pair.two, b"SCRIPT")
        else bulk(command[-1])
    )
    assert await runner.run(ECHO, keys(), "x") == b"x"
    assert asked_for(pair.two, b"ASKING") == 2
    assert asked_for(pair.two, b"SCRIPT") == 1


async def test_nodes_that_point_at_each_other_are_given_up(make_runner: MakeRunner, pair: Pair) -> None:
    runner = make_runner(pair.url)
    pair.says[pair.one.port] = lambda _: b"-MOVED %d 127.0.0.1:%d\r\n" % (SLOT, pair.two.port)
    pair.says[pair.two.port] = lambda _: b"-MOVED %d 127.0.0.1:%d\r\n" % (SLOT, pair.one.port)
    with pytest.raises(AuthorityUnavailable, match="no end of redirections"):
        await runner.run(ECHO, keys(), "x")
    assert asked_for(pair.one, b"EVALSHA") + asked_for(pair.two, b"EVALSHA") < 50
    assert asked_for(pair.one, b"CLUSTER") + asked_for(pair.two, b"CLUSTER") < 20


async def test_a_cluster_that_is_down_is_refused_soon(make_runner: MakeRunner, pair: Pair) -> None:
    pair.says[pair.one.port] = lambda _: b"-CLUSTERDOWN The cluster is down\r\n"
    with pytest.raises(AuthorityUnavailable, match="CLUSTERDOWN"):
        await make_runner(pair.url).run(ECHO, keys(), "x")
    assert asked_for(pair.one, b"EVALSHA") == 3


async def test_a_sentinels_word_is_checked_with_the_server_itself(make_runner: MakeRunner) -> None:
    async def sentinel(_command: Command) -> bytes:
        return b"*2\r\n" + bulk(b"127.0.0.1") + bulk(b"%d" % master.port)

    async with scripted_redis(echo) as master, scripted_redis(sentinel) as guard:
        runner = make_runner(
            f"redis+sentinel://:for-redis@127.0.0.1:{guard.port}/seats?sentinel_password=for-sentinel",
            seconds=1,
        )
        assert await runner.run(ECHO, keys(), "x") == b"x"
        assert [b"AUTH", b"for-sentinel"] in guard.asked
        assert [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", b"seats"] in guard.asked
        assert [b"AUTH", b"for-redis"] in master.asked
        assert [b"ROLE"] in master.asked
        master.role = b"slave"
        master.cut()
        with pytest.raises(AuthorityUnavailable, match="could not be asked"):
            await runner.run(ECHO, keys(), "x")


async def test_a_slot_that_nobody_serves_is_a_sentence(make_runner: MakeRunner, pair: Pair) -> None:
    pair.last_slot = SLOT - 1
    runner = make_runner(pair.url, seconds=2)
    with pytest.raises(AuthorityUnavailable, match="nobody serves the pool"):
        await runner.run(ECHO, keys(), "x")
    with pytest.raises(AuthorityUnavailable, match="nobody serves the pool"):
        await runner.server(keys())
    with pytest.raises(AuthorityUnavailable, match="nobody serves the pool"):
        await runner.run_for_each(ECHO, [keys()], "x")

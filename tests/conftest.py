"""The fixtures that all rooms share: a cluster, a namespace in it, a Valkey, a client of it.

A test that does not ask for one does not start it. The cluster is one for the whole run, so a test keeps to
its own namespace and to names of its own where a kind has no namespace. The Valkey is one for each worker,
emptied for each test.
"""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from redis.asyncio import Redis

from seatwarden.local.plane_access import PlaneAccess
from seatwarden.local.valkey import Valkey
from tests.shared_cluster import ClusterHost, ask_for_cluster

_HOST = pytest.StashKey[ClusterHost]()

# In a shell's background a program ignores Ctrl-C, and so does all that it starts: then nothing could be tried that it ends.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("seatwarden", deadline=None)
settings.load_profile("seatwarden")


def pytest_configure(config: pytest.Config) -> None:
    """The process that the run was started with becomes the host of its cluster."""
    if not hasattr(config, "workerinput"):
        config.stash[_HOST] = ClusterHost()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of xdist is told where to ask for the cluster."""
    node.workerinput["cluster_address"] = node.config.stash[_HOST].address


def pytest_addoption(parser: pytest.Parser) -> None:
    """Histories that were random in one run can be repeated in another; pages with real outputs can be written anew."""
    parser.addoption("--seed", type=int, help="run the seeded histories with this seed only")
    parser.addoption(
        "--write-pages",
        action="store_true",
        help="write outputs on pages of docs/, and rendered charts, anew",
    )


@pytest.fixture
def fresh_seeds(request: pytest.FixtureRequest) -> Callable[[int], range]:
    """Seeds that no run had before, or the one of ``--seed``; the closing report lists them."""

    def seeds(count: int) -> range:
        given: int | None = request.config.getoption("--seed")
        first = int.from_bytes(os.urandom(4)) if given is None else given
        found = range(first, first + (count if given is None else 1))
        request.node.user_properties.append(("seeds", f"{found[0]} to {found[-1]}"))
        return found

    return seeds


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell a failure when it happens: a run takes minutes, and may be stopped before its closing report."""
    if report.failed and not os.environ.get("PYTEST_XDIST_WORKER"):
        told = report.longreprtext[-3000:]
        sys.stderr.write(f"\n{report.nodeid} failed in its {report.when}:\n{told}\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the seeds of this run."""
    reports = [one for found in terminalreporter.stats.values() for one in found]
    told = {
        f"{report.nodeid}: {value}"
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, value in report.user_properties
        if name == "seeds"
    }
    if told:
        terminalreporter.section("seeds (repeat one with --seed=N)")
        terminalreporter.write_line("\n".join(sorted(told)))


def _cluster_address(config: pytest.Config) -> str:
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    return config.stash[_HOST].address if worker is None else worker["cluster_address"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The cluster goes with the run."""
    host = config.stash.get(_HOST, None)
    if host is not None:
        host.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the cluster."""
    for item in items:
        if isinstance(item, pytest.Function) and "cluster" in item.fixturenames:
            item.add_marker(pytest.mark.cluster)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Of the tests that are marked `exclusive`, one runs at a time; a test's time limit starts after the wait."""
    if item.get_closest_marker("exclusive") is None:
        return (yield)
    with Path(_cluster_address(item.config)).with_name("exclusive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return (yield)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """Undo what a command that was run in this process did to signals: it takes its end for the end of the process.

    A signal that stayed blocked or ignored would be so in every program that later tests start.
    """
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> PlaneAccess:
    """The run's control plane, with the custom resource definitions installed."""
    return ask_for_cluster(_cluster_address(pytestconfig))


@pytest.fixture
async def namespace(cluster: PlaneAccess) -> AsyncIterator[str]:
    """A namespace of this test's own. It is being deleted when the test is over; nobody waits for that."""
    name = f"test-{uuid4().hex[:12]}"
    async with cluster.session() as session:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        async with session.post("/api/v1/namespaces", json=body) as answer:
            answer.raise_for_status()
        yield name
        async with session.delete(f"/api/v1/namespaces/{name}") as answer:
            answer.raise_for_status()


def _in_a_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    # A fixture of the whole session must not touch the event loop that each test gets anew.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work()).result()


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """This worker's Valkey, durable as in production. A test that stops or kills one starts its own."""
    server = Valkey()
    try:
        _in_a_thread(server.start)
        yield server
    finally:
        server.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator["Redis"]:
    """A client of an empty server; answers are bytes."""
    async with Redis.from_url(redis_url, socket_timeout=10.0) as client:
        yield client


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of an empty server."""
    _in_a_thread(lambda: _empty(valkey.url))
    return valkey.url


async def _empty(url: str) -> None:
    async with Redis.from_url(url, socket_timeout=10.0) as client:
        await client.flushall()

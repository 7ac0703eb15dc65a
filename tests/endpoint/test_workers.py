"""Several workers behind one port."""

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from seatwarden.runtime.serve_command import serve
from tests.endpoint.served import UNREACHABLE, Serve, Served

TWO = ("--workers", "2", "--drain-seconds", "0")
STARTING_IN_VAIN = """
from seatwarden.runtime.worker_processes import WorkerProcesses
raise SystemExit(WorkerProcesses(2, lambda side: 7, forget=lambda pid: print("ended", pid), jitter=lambda: 0.0).run())
"""


async def both_serve(served: Served) -> int:
    """The port, once two workers have said that they serve."""
    seen: dict[int, int] = {}
    while len(seen) < 2:
        line = await served.logged("serving seats")
        seen[line["worker"]] = line["port"]
    assert len(set(seen.values())) == 1
    return next(iter(seen.values()))


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


def arguments_of(pid: int) -> bytes:
    """The arguments of a process, as everybody can read them."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def ask_on_new_connections(port: int, times: int) -> None:
    """GET /livez, each time over a connection of its own, so that the kernel chooses a worker anew."""
    for _ in range(times):
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
            http.get("/livez") as answer,
        ):
            assert answer.status == 200


async def counted(port: int, wanted: int) -> str:
    """The page of /metrics, once it says that /livez was answered ``wanted`` times; it is never more.

    A worker counts a request before it notes how long that took, so a page read between the two has one less of those.
    """
    timed = f'request_duration_seconds_count{{route="livez"}} {wanted}.0'
    async with asyncio.timeout(10):
        while True:
            total, page = await seen(port)
            assert total <= wanted
            if total == wanted and timed in page:
                return page
            await asyncio.sleep(0.02)


async def seen(port: int) -> tuple[int, str]:
    """How often /livez was answered as one worker tells, and all that it tells."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http, http.get("/metrics") as answer:
        page = await answer.text()
    found = re.search(r'requests_total\{route="livez",status="200"\} (\d+)', page)
    assert found
    return int(found[1]), page


async def test_workers_share_a_port_and_each_tells_the_metrics_of_all(start_serve: Serve) -> None:
    served = await start_serve(*TWO, "--access-log")
    port = await both_serve(served)
    await ask_on_new_connections(port, 40)
    for _ in range(8):
        page = await counted(port, 40)
        assert re.search(r"seatwarden_endpoint_requests_in_flight [12]\.0", page)
    answered = [line["worker"] for line in served.lines if line["event"] == "request answered"]
    while {*answered} != {1, 2}:
        answered.append((await served.logged("request answered"))["worker"])


async def test_a_worker_that_is_killed_is_replaced_and_its_counts_stay(start_serve: Serve) -> None:
    served = await start_serve(*TWO)
    port = await both_serve(served)
    await ask_on_new_connections(port, 20)
    await counted(port, 20)
    os.kill(children(served.process.pid)[0], signal.SIGKILL)
    ended = await served.logged("a worker ended and is started again")
    assert ended["status"] == -signal.SIGKILL
    assert (await served.logged("serving seats"))["worker"] == ended["worker"]
    await ask_on_new_connections(port, 5)
    await counted(port, 25)


async def test_a_signal_to_the_parent_ends_all_in_order(start_serve: Serve) -> None:
    served = await start_serve(*TWO)
    await both_serve(served)
    workers = children(served.process.pid)
    served.process.send_signal(signal.SIGTERM)
    written = await served.rest()
    assert await served.process.wait() == 0
    assert written.count('"stopped"') == 2
    assert not any(runs(pid) for pid in workers)


async def test_a_second_signal_ends_workers_that_are_draining(start_serve: Serve) -> None:
    served = await start_serve("--workers", "2", "--drain-seconds", "600")
    await both_serve(served)
    served.process.send_signal(signal.SIGTERM)
    for _ in range(2):
        await served.logged("draining")
    served.process.send_signal(signal.SIGTERM)
    await served.rest()
    assert await served.process.wait() == 1


async def test_workers_end_when_their_parent_was_killed(start_serve: Serve) -> None:
    served = await start_serve(*TWO)
    await both_serve(served)
    served.process.kill()
    written = await served.rest()
    assert written.count('"stopped"') == 2


async def test_workers_that_cannot_start_end_the_parent_with_an_error() -> None:

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTING_IN_VAIN),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"workers cannot start" in output
    assert 3 <= len(re.findall(rb"(?m)^ended \d+$", output)) <= 4


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_address_in_use_is_the_same_sentence_with_and_without_workers(
    start_serve: Serve, workers: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        served = await start_serve("--workers", workers, "--listen", f"127.0.0.1:{port}")
        written = await served.rest()
    assert await served.process.wait() == 1
    assert f"Error: cannot listen on 127.0.0.1:{port}: " in written
    assert "Traceback" not in written


async def test_a_bad_redis_url_is_told_once_and_without_its_password(start_serve: Serve) -> None:
    served = await start_serve(*TWO, SEATWARDEN_REDIS_URL="redis://:hunter2@host:port")
    written = await served.rest()
    assert await served.process.wait() == 1
    assert written.count("Error: cannot use --redis-url") == 1
    assert "hunter2" not in written


async def test_no_argument_of_any_process_holds_the_password(start_serve: Serve) -> None:
    served = await start_serve(*TWO, SEATWARDEN_REDIS_URL=UNREACHABLE)
    await both_serve(served)
    pids = [served.process.pid, *children(served.process.pid)]
    assert len(pids) == 3
    assert not any(b"hunter2" in arguments_of(pid) for pid in pids)


@pytest.mark.parametrize("workers", ["0", "65", "many"])
def test_a_senseless_number_of_workers_is_refused(workers: str) -> None:
    assert CliRunner().invoke(serve, ["--workers", workers]).exit_code == 2

"""`seatwarden hold` as a process of its own, in front of real programs."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatwarden.domain.seats import Millis, PoolState
from seatwarden.runtime.hold_command import hold
from tests.client.programs import HOLD, running
from tests.client.stand import HOLDER, OTHER, PATIENCE_SECONDS, Stand, stand_on

WAITS = "import time; print('begun', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('begun', flush=True); time.sleep(600)"
)
TELLS = """
import signal, sys
def told(number, _frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(5)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, told)
print("begun", flush=True)
while True:
    signal.pause()
"""
SHORT = Millis(3_000)


def python(source: str) -> tuple[str, ...]:
    """A program."""
    return ("--", sys.executable, "-c", source)


@pytest.mark.parametrize(
    ("source", "status"),
    [("pass", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)],
)
async def test_the_exit_status_is_that_of_the_program_and_the_seat_is_given_back(
    stand: Stand, source: str, status: int
) -> None:
    async with running(HOLD, *python(source), environment=stand.environment()) as held:
        assert await held.end() == (status, "")
    assert await stand.sessions() == []


async def test_so_many_seats_are_held_as_are_asked_for(stand: Stand) -> None:
    await stand.pool.configure(capacity=2)
    environment = {**stand.environment(), "SEATWARDEN_QUANTITY": "2"}
    async with running(HOLD, *python(TELLS), environment=environment) as held:
        assert await held.line() == "begun"
        assert [session.quantity for session in await stand.sessions()] == [2]
        held.process.send_signal(signal.SIGTERM)
        assert await held.line() == "SIGTERM"
        assert await held.end() == (5, "")


async def test_the_program_runs_while_the_seat_is_held_and_gets_each_signal(stand: Stand) -> None:
    async with running(HOLD, *python(TELLS), environment=stand.environment()) as held:
        assert await held.line() == "begun"
        [session] = await stand.sessions()
        assert session.holder == HOLDER
        assert '"program":"python' in session.metadata
        for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            held.process.send_signal(number)
            assert await held.line() == number.name
        assert await held.end() == (5, "")
    assert await stand.sessions() == []


async def test_the_program_starts_with_no_signal_blocked(stand: Stand) -> None:
    source = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), flush=True)"
    async with running(HOLD, *python(source), environment=stand.environment()) as held:
        assert await held.line() == "set()"


async def test_refused_the_program_does_not_start_and_one_sentence_says_why(
    stand: Stand, tmp_path: Path
) -> None:
    source = f"open({str(tmp_path / 'begun')!r}, 'w')"
    async with (
        stand.async_client().hold(holder=OTHER),
        running(HOLD, *python(source), environment=stand.environment()) as held,
    ):
        status, said = await held.end()
    assert (status, said.count("\n")) == (75, 1)
    assert said.startswith("seatwarden: No seat (pool_exhausted): 1 leases live in this pool of 1 seats.")
    assert not (tmp_path / "begun").exists()


async def test_a_licence_that_does_not_allow_it_has_a_status_of_its_own(stand: Stand) -> None:
    await stand.pool.configure(state=PoolState.SUSPENDED)
    async with running(HOLD, "--wait", "1h", *python("pass"), environment=stand.environment()) as held:
        status, said = await held.end()
    assert status == 77
    assert "suspended" in said


async def test_it_waits_for_an_endpoint_that_starts_later(stand: Stand) -> None:
    await stand.stop()
    async with running(HOLD, "--wait", "5m", *python(WAITS), environment=stand.environment()) as held:
        await stand.start()
        assert await held.line() == "begun"


async def test_without_an_endpoint_it_says_so(stand: Stand) -> None:
    await stand.stop()
    async with running(HOLD, *python("pass"), environment=stand.environment()) as held:
        status, said = await held.end()
    assert status == 75
    assert said.startswith("seatwarden: No seat (unreachable): The seat endpoint does not answer")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_signal_while_it_waits_ends_it(stand: Stand, number: signal.Signals, status: int) -> None:
    asked = asyncio.Event()

    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as mute:
        environment = {
            **stand.environment(),
            "SEATWARDEN_URL": f"http://127.0.0.1:{mute.sockets[0].getsockname()[1]}",
        }
        async with running(HOLD, "--wait", "1h", *python("pass"), environment=environment) as held:
            await asyncio.wait_for(asked.wait(), PATIENCE_SECONDS)
            held.process.send_signal(number)
            assert await held.end() == (status, "")


def arguments_of_all_processes() -> str:
    """What everybody on this machine can read."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(process.read_bytes().decode(errors="replace"))
    return "\n".join(found)


async def take_over(stand: Stand) -> None:
    """Another run of the same holder takes the seat."""
    async with stand.async_client().hold(holder=HOLDER):
        pass


@pytest.mark.parametrize(("source", "options"), [(WAITS, ()), (STUBBORN, ("--kill-after", "1s"))])
async def test_a_lost_seat_ends_the_program(redis_url: str, source: str, options: tuple[str, ...]) -> None:
    async with (
        stand_on(redis_url, lease=SHORT) as stand,
        running(HOLD, *options, *python(source), environment=stand.environment()) as held,
    ):
        assert await held.line() == "begun"
        await take_over(stand)
        status, said = await held.end()
        assert status == 76
        assert "The seat was lost (stale_fence)" in said or "The seat was lost (released)" in said


async def test_told_to_continue_the_program_goes_on_without_the_seat(redis_url: str) -> None:
    source = "print('begun', flush=True); input(); raise SystemExit(9)"
    async with (
        stand_on(redis_url, lease=SHORT) as stand,
        running(HOLD, "--on-loss", "continue", *python(source), environment=stand.environment()) as held,
    ):
        assert await held.line() == "begun"
        await take_over(stand)
        assert held.process.stderr is not None
        said = await asyncio.wait_for(held.process.stderr.readline(), PATIENCE_SECONDS)
        assert b"The seat was lost" in said
        await held.type("go on")
        assert await held.end() == (9, "")


async def test_the_key_can_be_in_a_file_and_is_never_shown(stand: Stand, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(stand.pool.key.text)
    environment = {"SEATWARDEN_URL": stand.url, "SEATWARDEN_HOLDER": HOLDER}
    async with running(
        HOLD,
        "--license-key-file",
        str(file),
        *python(WAITS),
        environment=environment,
        hidden=("SEATWARDEN_LICENSE_KEY",),
    ) as held:
        assert await held.line() == "begun"
        assert stand.pool.key.text not in arguments_of_all_processes()


async def test_a_program_that_is_not_there_takes_no_seat(stand: Stand, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    for program, status in (("no-such-program", 127), (str(plain), 126)):
        async with running(HOLD, "--", program, environment=stand.environment()) as held:
            assert (await held.end())[0] == status
    assert await stand.sessions() == []


def test_without_a_key_it_says_what_is_missing() -> None:
    found = CliRunner().invoke(hold, ["--", "true"], env={"SEATWARDEN_URL": "http://127.0.0.1:1"})
    assert found.exit_code == 78
    assert "There is no licence key" in found.output


def test_the_help_has_examples_and_every_status_of_its_own() -> None:
    text = CliRunner().invoke(hold, ["--help"]).output
    assert "seatwarden hold --wait 10m" in text
    assert all(f"  {status} " in text for status in (75, 76, 77, 78, 126, 127))


def test_a_wait_that_is_no_duration_is_refused() -> None:
    assert CliRunner().invoke(hold, ["--wait", "soon", "--", "true"]).exit_code == 2

"""`seatwarden borrow`, `seatwarden return` and `seatwarden hold --borrowed`, each as a process of its own."""

import json
import signal
import stat
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from seatwarden.client import Borrowed
from seatwarden.domain.seats import Millis, PoolState
from seatwarden.runtime.borrow_command import borrow, return_seat
from seatwarden.runtime.hold_command import hold
from tests.client.programs import BORROW, HOLD, RETURN, running
from tests.client.stand import HOLDER, OTHER, Stand

DAY = Millis(86_400_000)
OFFLINE = (
    "SEATWARDEN_URL",
    "SEATWARDEN_LICENSE_KEY",
    "SEATWARDEN_LICENSE_KEY_FILE",
    "SEATWARDEN_HOLDER",
)
BEGINS = ("--", sys.executable, "-c", "print('begun', flush=True)")
WAITS = ("--", sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)")


@pytest.fixture
async def lending(stand: Stand) -> Stand:
    """A stand whose one seat can be borrowed for a day."""
    await stand.pool.configure(borrow_seats=1, borrow_longest=DAY)
    return stand


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the seat is to be saved."""
    return tmp_path / "film.json"


async def run(source: str, *arguments: str, stand: Stand) -> tuple[int, str, str]:
    """Its status, what it said and what it complained of."""
    async with running(source, *arguments, environment=stand.environment()) as process:
        status, complained = await process.end()
        assert process.process.stdout is not None
        return status, (await process.process.stdout.read()).decode(), complained


def left_with(file: Path, seconds: float) -> None:
    """Save a seat in ``file`` for so many seconds from now."""
    now = time.time()
    until = datetime.fromtimestamp(now + seconds, UTC)
    Borrowed(
        until=until,
        quantity=1,
        group="",
        lease="e30.secret.c2ln",
        session="ab" * 16,
        fence=7,
        named={"hardware_id": HOLDER},
        since=now - 1000,
        seconds=1000 + seconds,
    ).save(file)


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def is_there(file: Path) -> bool:
    return file.exists()


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_a_seat_is_borrowed_used_without_a_network_and_returned(lending: Stand, file: Path) -> None:
    status, said, complained = await run(BORROW, "--for", "8h", "--save", str(file), stand=lending)
    assert (status, complained) == (0, "")
    borrowed = Borrowed.read(file)
    assert f"borrowed until {borrowed.until:%Y-%m-%d %H:%M} UTC" in said
    assert f"seatwarden hold --borrowed {file} -- COMMAND" in said
    assert f"seatwarden return {file}" in said
    assert borrowed.lease
    assert borrowed.lease not in said
    assert mode_of(file) == 0o600
    [row] = await lending.sessions()
    assert (row.holder, 28_700_000 < row.expires_in <= 28_800_000) == (HOLDER, True)

    await lending.stop()
    async with running(HOLD, "--borrowed", str(file), *BEGINS, environment={}, hidden=OFFLINE) as held:
        assert await held.line() == "begun"
        status, told = await held.end()
    assert status == 0
    assert told.startswith(
        f"seatwarden: The seat is borrowed until {borrowed.until:%Y-%m-%d %H:%M} UTC, for 7 h 59 min"
    )
    status, _, complained = await run(RETURN, str(file), stand=lending)
    assert status == 75
    assert complained.startswith("seatwarden: Not returned (unreachable)")
    assert "It stays borrowed until" in complained
    assert is_there(file)

    await lending.start()
    assert len(await lending.sessions()) == 1
    assert await run(RETURN, str(file), stand=lending) == (0, "The seat is back.\n", "")
    assert (await lending.sessions(), is_there(file)) == ([], False)


async def test_without_a_length_it_is_borrowed_for_as_long_as_may_be(lending: Stand, file: Path) -> None:
    assert (await run(BORROW, "--save", str(file), stand=lending))[0] == 0
    assert Borrowed.read(file).seconds == 86_400


async def test_what_was_returned_already_is_no_error(lending: Stand, file: Path) -> None:
    assert (await run(BORROW, "--save", str(file), stand=lending))[0] == 0
    saved = text_of(file)
    assert (await run(RETURN, str(file), stand=lending))[0] == 0
    write(file, saved)
    status, said, complained = await run(RETURN, str(file), stand=lending)
    assert (status, complained) == (0, "")
    assert said.startswith("There was nothing to return")
    assert not is_there(file)


async def test_a_pool_that_does_not_lend_says_so_and_no_seat_is_left_behind(stand: Stand, file: Path) -> None:
    status, _, complained = await run(BORROW, "--for", "8h", "--save", str(file), stand=stand)
    assert status == 77
    assert complained.startswith("seatwarden: Not borrowed (borrow_limit): This pool lends no seats.")
    assert complained.count("\n") == 1
    assert (await stand.sessions(), is_there(file)) == ([], False)


async def test_each_reason_has_its_status(lending: Stand, file: Path) -> None:
    async with lending.async_client().hold(holder=OTHER):
        status, _, complained = await run(BORROW, "--save", str(file), stand=lending)
    assert (status, "No seat (pool_exhausted)" in complained) == (75, True)
    status, _, complained = await run(BORROW, "--save", str(file / "none"), stand=lending)
    assert (status, "cannot be written" in complained, "No seat was borrowed" in complained) == (
        78,
        True,
        True,
    )
    assert await lending.sessions() == []
    await lending.pool.configure(state=PoolState.SUSPENDED)
    status, _, complained = await run(BORROW, "--save", str(file), stand=lending)
    assert (status, "suspended" in complained) == (77, True)


async def test_a_file_that_would_be_missed_is_not_written_over(lending: Stand, file: Path) -> None:
    for text, why in (("my notes", "is no borrowed seat"), ("", "is no borrowed seat")):
        write(file, text)
        status, _, complained = await run(BORROW, "--save", str(file), stand=lending)
        assert (status, why in complained, text_of(file)) == (78, True, text)
    left_with(file, 3600)
    before = text_of(file)
    status, _, complained = await run(BORROW, "--save", str(file), stand=lending)
    assert (status, f"seatwarden return {file}" in complained, text_of(file)) == (78, True, before)
    assert await lending.sessions() == []
    left_with(file, -1)
    assert (await run(BORROW, "--save", str(file), stand=lending))[0] == 0


async def test_a_program_is_ended_when_the_time_is_over(file: Path) -> None:
    left_with(file, 2)
    async with running(HOLD, "--borrowed", str(file), *WAITS, environment={}, hidden=OFFLINE) as held:
        assert await held.line() == "begun"
        status, told = await held.end()
    assert status == 76
    assert "The seat was lost (lease_expired): The seat was borrowed until" in told


async def test_a_signal_reaches_the_program_and_the_seat_stays_borrowed(lending: Stand, file: Path) -> None:
    assert (await run(BORROW, "--save", str(file), stand=lending))[0] == 0
    async with running(HOLD, "--borrowed", str(file), *WAITS, environment=lending.environment()) as held:
        assert await held.line() == "begun"
        held.process.send_signal(signal.SIGTERM)
        assert (await held.end())[0] == 143
    assert len(await lending.sessions()) == 1
    assert Borrowed.read(file).seen > Borrowed.read(file).since


async def test_after_its_time_the_program_does_not_start_and_one_sentence_says_what_to_do(
    file: Path, tmp_path: Path
) -> None:
    left_with(file, -1)
    source = f"open({str(tmp_path / 'begun')!r}, 'w')"
    command = ("--", sys.executable, "-c", source)
    async with running(HOLD, "--borrowed", str(file), *command, environment={}, hidden=OFFLINE) as held:
        status, told = await held.end()
    assert (status, told.count("\n")) == (75, 1)
    assert "Borrow one again" in told
    assert not is_there(tmp_path / "begun")


@pytest.mark.parametrize("text", [None, "secret", '{"secret": 1}'])
def test_a_file_that_is_none_is_told_by_its_name_and_not_shown(file: Path, text: str | None) -> None:
    if text is not None:
        file.write_text(text)
    for command, arguments in ((hold, ["--borrowed", str(file), "--", "true"]), (return_seat, [str(file)])):
        found = CliRunner().invoke(command, arguments)
        assert found.exit_code == 78
        assert str(file) in found.output
        assert "secret" not in found.output


def test_the_file_can_be_named_by_the_environment(file: Path) -> None:
    left_with(file, -1)
    found = CliRunner().invoke(hold, ["--", "true"], env={"SEATWARDEN_BORROWED": str(file)})
    assert found.exit_code == 75


def test_a_return_without_a_key_says_what_is_missing_and_keeps_the_file(file: Path) -> None:
    left_with(file, 3600)
    found = CliRunner().invoke(return_seat, [str(file)], env={"SEATWARDEN_URL": "http://127.0.0.1:1"})
    assert (found.exit_code, file.exists()) == (78, True)
    assert "There is no licence key" in found.output


@pytest.mark.parametrize("command", [borrow, return_seat])
def test_the_help_has_examples_and_every_status(command: click.Command) -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    assert "seatwarden return film.json" in text
    assert all(f"  {status} " in text for status in (0, 75, 77, 78))
    assert "licence-key" not in {option for one in command.params for option in one.opts}


def test_a_length_that_is_no_duration_is_refused(file: Path) -> None:
    assert CliRunner().invoke(borrow, ["--for", "soon", "--save", str(file)]).exit_code == 2


def test_a_borrow_that_is_saved_is_json_for_programs_in_other_languages(file: Path) -> None:
    left_with(file, 3600)
    told = json.loads(file.read_text())
    assert replace(Borrowed.read(file), seen=told["seen"]) == Borrowed.read(file)
    assert {"until", "quantity", "lease", "session", "fence"} <= told.keys()

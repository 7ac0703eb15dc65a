"""A borrowed seat without a network: its file, and its time on clocks that people turn."""

import asyncio
import contextlib
import json
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.client import AsyncClient, Borrowed, Client, Loss, SeatLost, SetupError
from seatwarden.client.answers import Answer, read_answer
from seatwarden.client.away import NOTE_SECONDS, TimeAway
from seatwarden.client.borrowed import LARGEST_FILE, borrow_refusal, borrowed_of, is_gone
from seatwarden.client.errors import BorrowRefused, EndpointUnavailable, LicenceRefused
from seatwarden.endpoint.route_table import BORROW_OPERATIONS
from tests.client.stand import HOLDER, PATIENCE_SECONDS, until

NOON = 1_800_000_000.0
HOUR = 3600.0


@dataclass
class Clocks:
    """The steady clock and the one of the machine, which people can turn."""

    steady: float = 1000.0
    wall: float = NOON

    def passes(self, seconds: float) -> None:
        self.steady += seconds
        self.wall += seconds


def taken(**changes: Any) -> Borrowed:
    """A seat that was borrowed at noon for eight hours."""
    seat = Borrowed(
        until=datetime.fromtimestamp(NOON + 8 * HOUR, UTC),
        quantity=2,
        group="render",
        lease="e30.e30.c2ln",
        session="ab" * 16,
        fence=7,
        named={"hardware_id": HOLDER},
        since=NOON,
        seconds=8 * HOUR,
        seen=NOON,
    )
    return replace(seat, **changes)


@pytest.fixture
def clocks() -> Clocks:
    """It is noon."""
    return Clocks()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the seat of noon is saved."""
    path = tmp_path / "seat.json"
    taken().save(path)
    return path


def away(file: Path, clocks: Clocks, **options: Any) -> Any:
    """Work on the seat, at that time."""
    return Client.away(file, clock=lambda: clocks.steady, wall=lambda: clocks.wall, **options)


def test_what_is_saved_is_read_again_and_nobody_else_can_read_it(file: Path) -> None:
    assert Borrowed.read(file) == taken()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    taken(lease=None, named={}).save(file)
    assert Borrowed.read(file) == taken(lease=None, named={})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def broken() -> list[str]:
    """What is no borrowed seat, though some of it looks like one."""
    whole = {
        "format": "seatwarden borrowed seat 1",
        "until": "2027-01-15T16:00:00+00:00",
        "quantity": 1,
        "group": "",
        "lease": "secret",
        "session": "ab" * 16,
        "fence": 7,
        "named": {},
        "since": NOON,
        "seconds": 1.0,
        "seen": NOON,
    }
    other: list[dict[str, Any]] = [
        {"format": "another"},
        {"until": "soon"},
        {"quantity": 0},
        {"quantity": True},
        {"lease": 3},
        {"session": "../x"},
        {"fence": "7"},
        {"named": {"license_key": "x"}},
        {"named": {"hardware_id": 1}},
        {"named": []},
        {"since": -1},
        {"seconds": "1"},
        {"seen": None},
    ]
    lacking = [{name: value for name, value in whole.items() if name != gone} for gone in whole]
    wrong = [*lacking, *({**whole, **one} for one in other)]
    texts = [
        "",
        "secret",
        "[]",
        "3",
        "null",
        "[" * 60_000,
        '{"secret":',
        " " * LARGEST_FILE + json.dumps(whole),
    ]
    return [*texts, *map(json.dumps, wrong)]


@pytest.mark.parametrize("text", broken())
def test_a_file_that_holds_none_is_refused_with_what_to_do_and_never_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "seat.json"
    file.write_text(text)
    with pytest.raises(SetupError, match="holds no borrowed seat") as refused:
        Borrowed.read(file)
    assert "seatwarden borrow" in str(refused.value)
    assert "secret" not in str(refused.value)
    # A traceback shows the cause of an error too, and that of a JSON error holds the text.
    assert refused.value.__suppress_context__


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    for name in ("none.json", "."):
        with pytest.raises(SetupError, match="cannot be read from"):
            Borrowed.read(tmp_path / name)
    (tmp_path / "seat.json").write_bytes(b"\xff\xfe")
    with pytest.raises(SetupError, match="holds no"):
        Borrowed.read(tmp_path / "seat.json")


def test_a_seat_is_held_until_its_time_is_over(file: Path, clocks: Clocks) -> None:
    clocks.passes(7 * HOUR)
    with away(file, clocks) as seat:
        assert seat.held
        assert seat.valid_for == HOUR
        assert (seat.session, seat.fence, seat.lease) == ("ab" * 16, 7, "e30.e30.c2ln")
        assert seat.borrowed.quantity == 2
        clocks.passes(HOUR - 1)
        seat.check()
        clocks.passes(1)
        assert not seat.held
        with pytest.raises(SeatLost, match="borrowed until 2027-01-15 16:00 UTC") as lost:
            seat.check()
        assert lost.value.code == "lease_expired"


def test_who_comes_too_late_is_told_so_and_does_not_begin(file: Path, clocks: Clocks) -> None:
    clocks.passes(8 * HOUR)
    with pytest.raises(SeatLost, match="Borrow one again"), away(file, clocks):
        raise AssertionError("its time is over")


def test_a_clock_that_is_turned_in_a_run_changes_nothing(file: Path, clocks: Clocks) -> None:
    with away(file, clocks) as seat:
        clocks.wall -= 100 * HOUR
        clocks.steady += 7 * HOUR
        assert seat.valid_for == HOUR
        clocks.wall += 300 * HOUR
        assert seat.valid_for == HOUR
        clocks.steady += HOUR
        assert not seat.held


def test_a_clock_that_is_turned_back_between_two_runs_gives_no_time_back(file: Path, clocks: Clocks) -> None:
    with away(file, clocks):
        clocks.passes(7 * HOUR)
    clocks.wall -= 7 * HOUR
    with away(file, clocks) as seat:
        assert seat.valid_for == HOUR
        clocks.passes(HOUR / 2)
    clocks.wall = NOON - 1000 * HOUR
    with away(file, clocks) as seat:
        assert seat.valid_for == HOUR / 2
        clocks.passes(HOUR / 2)
    clocks.wall = NOON
    with pytest.raises(SeatLost), away(file, clocks):
        raise AssertionError("its time is over")


def test_a_clock_from_before_the_borrow_gives_no_time_beyond_it(file: Path, clocks: Clocks) -> None:
    clocks.wall = NOON - 5 * HOUR
    with away(file, clocks) as seat:
        assert seat.valid_for == 8 * HOUR


def test_a_run_that_is_killed_has_noted_the_time_but_for_the_last_minute(file: Path, clocks: Clocks) -> None:
    time_away = TimeAway(file, clock=lambda: clocks.steady, wall=lambda: clocks.wall)
    assert time_away.kept().beat_at == clocks.steady
    clocks.passes(3 * HOUR)
    time_away.note()
    clocks.wall -= 3 * HOUR
    left = TimeAway(file, clock=lambda: clocks.steady, wall=lambda: clocks.wall).kept().valid_until
    assert left - clocks.steady == 5 * HOUR
    assert NOTE_SECONDS <= 60


def test_the_time_is_noted_every_minute_until_it_is_over(file: Path, clocks: Clocks) -> None:
    with away(file, clocks) as seat:
        for _ in range(3):
            seat._beat(clocks.steady, 1.0)
            assert seat._keeping.beat_at == clocks.steady + NOTE_SECONDS
            assert Borrowed.read(file).seen == clocks.wall
            assert seat._keeping.ends_at == 1000.0 + 8 * HOUR
            clocks.passes(HOUR)


async def test_the_time_is_noted_while_the_program_runs(file: Path) -> None:
    begun = time.time()
    replace(taken(), since=begun, seen=begun).save(file)
    async with AsyncClient.away(file):
        await until(lambda: Borrowed.read(file).seen > begun)
    noted = Borrowed.read(file).seen

    def work() -> None:
        with Client.away(file):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while Borrowed.read(file).seen == noted and time.monotonic() < deadline:
                time.sleep(0.01)
            assert Borrowed.read(file).seen > noted

    await asyncio.to_thread(work)


@pytest.mark.parametrize("change", [lambda file: file.unlink(), lambda file: taken(fence=8).save(file)])
def test_a_file_that_was_taken_away_or_has_another_seat_by_now_is_left_alone(
    file: Path, clocks: Clocks, change: Callable[[Path], None]
) -> None:
    time_away = TimeAway(file, clock=lambda: clocks.steady, wall=lambda: clocks.wall)
    clocks.passes(HOUR)
    change(file)
    before = file.read_bytes() if file.exists() else None
    time_away.note()
    assert (file.read_bytes() if file.exists() else None) == before


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(
    file: Path, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    with away(file, clocks) as seat:
        clocks.passes(HOUR)
        assert seat.held


async def test_the_end_of_the_time_is_told_once_to_both(file: Path) -> None:
    begun = time.time()
    replace(taken(), since=begun, seen=begun, seconds=1.0).save(file)
    told: list[Loss] = []

    def work() -> bool:
        with Client.away(file, on_loss=told.append) as seat:
            return seat.lost.wait(PATIENCE_SECONDS) and not seat.held

    async with AsyncClient.away(file, on_loss=told.append) as seat:
        assert await asyncio.to_thread(work)
        await asyncio.wait_for(seat.lost.wait(), PATIENCE_SECONDS)
        assert seat.loss is not None
    assert [loss.code for loss in told] == ["lease_expired", "lease_expired"]


async def test_to_be_away_needs_neither_a_key_nor_an_endpoint(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("there is no network"))
    begun = time.time()
    replace(taken(), since=begun, seen=begun).save(file)
    async with AsyncClient.away(file) as seat:
        assert seat.held
    with Client.away(file) as other:
        assert other.held


TURNS = st.lists(st.tuples(st.floats(-50_000, 50_000), st.floats(0, 20_000)), max_size=12)


@given(TURNS)
def test_however_the_clock_is_turned_the_runs_together_last_no_longer_than_was_borrowed(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[float, float]]
) -> None:
    file, clocks, worked = tmp_path_factory.mktemp("away") / "seat.json", Clocks(), 0.0
    taken().save(file)
    for turned, length in turns:
        clocks.wall = max(0.0, clocks.wall + turned)
        with contextlib.suppress(SeatLost), away(file, clocks) as seat:
            worked += min(length, seat.valid_for)
            clocks.passes(length)
            assert worked <= 8 * HOUR + 0.001


BORROW = next(one for one in BORROW_OPERATIONS if one.name == "borrow")
LOST = {"unknown_session", "stale_fence", "lease_expired", "released", "evicted"}


@pytest.mark.parametrize(("status", "code"), BORROW.all_refusals())
def test_every_refusal_of_a_borrow_has_its_kind_and_only_what_is_gone_is_lost(status: int, code: str) -> None:
    answer = Answer(status=status, code=str(code), message="It is so.", retry_after=3.0)
    assert is_gone(answer) == (code in LOST or (code == "suspended" and status == 410))
    error = borrow_refusal(answer)
    assert (error.code, error.message, error.retry_after) == (code, "It is so.", 3.0)
    if code in {"borrow_limit", "draining"}:
        assert isinstance(error, BorrowRefused)
    elif status in {401, 403}:
        assert isinstance(error, LicenceRefused)
    elif status in {408, 503}:
        assert isinstance(error, EndpointUnavailable)


@pytest.mark.parametrize(
    "body", [{}, {"borrowed_for": 0}, {"borrowed_for": "8"}, {"borrowed_for": float("inf")}]
)
def test_a_good_status_alone_lends_nothing(body: dict[str, Any]) -> None:
    answer = read_answer(200, {}, json.dumps({"code": "borrowed", **body}).encode())
    with pytest.raises(EndpointUnavailable):
        borrowed_of(answer, session="ab" * 16, fence=7, named={}, since=NOON)


def test_what_an_endpoint_leaves_out_is_taken_from_what_it_says() -> None:
    answer = read_answer(200, {}, b'{"code": "borrowed", "borrowed_for": 60, "borrowed_until": "soon"}')
    found = borrowed_of(answer, session="ab" * 16, fence=7, named={}, since=NOON)
    assert found.until == datetime.fromtimestamp(NOON + 60, UTC)
    assert (found.quantity, found.group, found.lease) == (1, "", None)


def test_a_path_that_an_older_endpoint_does_not_know_is_no_lost_seat() -> None:
    assert not is_gone(Answer(status=404, code="not_found"))

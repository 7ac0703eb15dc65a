"""How a build is shown."""

import io

import pytest
from rich.console import Console

from seatwarden.local.build_progress import LiveLines, PlainLines, Silence, duration, progress_for


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59.2, "59 s"),
        (60, "1 min 00 s"),
        (242.4, "4 min 02 s"),
    ],
)
def test_durations_are_for_reading(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plain_lines_tell_the_start_the_end_and_a_sign_of_life_every_15_seconds() -> None:
    lines: list[str] = []
    clock = Clock()
    progress = PlainLines(lines.append, now=clock)
    progress.started("etcd")
    for _ in range(40):
        clock.seconds += 1
        progress.working("etcd", "7 packages compiled")
    progress.finished("etcd")
    assert lines == [
        "etcd: building",
        "etcd: still working after 15 s, 7 packages compiled",
        "etcd: still working after 30 s, 7 packages compiled",
        "etcd: ready after 40 s",
    ]


def test_plain_lines_tell_a_failure_and_a_wait() -> None:
    lines: list[str] = []
    clock = Clock()
    progress = PlainLines(lines.append, now=clock)
    for _ in range(3):
        progress.waiting("42")
        clock.seconds += 8
    progress.started("kubectl")
    clock.seconds += 3
    progress.failed("kubectl")
    assert lines == [
        "waiting for the other run (process 42) that is building the tools",
        "waiting for the other run (process 42) that is building the tools",
        "kubectl: building",
        "kubectl: failed after 3.0 s",
    ]


def test_a_terminal_gets_a_line_per_step_that_stays() -> None:
    output = io.StringIO()
    clock = Clock()
    progress = LiveLines(Console(file=output, force_terminal=True, width=100), now=clock)
    progress.waiting("42")
    for step in ("etcd", "kubectl"):
        progress.started(step)
        clock.seconds += 65
        progress.working(step, "12 modules loaded")
    progress.finished("kubectl")
    progress.started("kube-apiserver")
    progress.failed("kube-apiserver")
    progress.close()
    shown = output.getvalue()
    assert "12 modules loaded" in shown
    assert "process 42" in shown
    done, failed = (next(line for line in shown.splitlines() if sign in line) for sign in "✓✗")
    assert "kubectl" in done
    assert "1 min 05 s" in done
    assert "kube-apiserver" in failed


def test_the_kind_of_lines_depends_on_who_is_watching(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(progress_for(Console(file=io.StringIO(), force_terminal=True)), LiveLines)
    plain = progress_for(Console(file=io.StringIO(), force_terminal=False))
    plain.started("etcd")
    assert capsys.readouterr().err == "etcd: building\n"


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silence = Silence()
    for heard in (silence.waiting, silence.started, silence.finished, silence.failed):
        heard("etcd")
    silence.working("etcd", "note")
    assert capsys.readouterr() == ("", "")

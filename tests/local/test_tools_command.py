"""`seatwarden tools`, as a person types it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from seatwarden.runtime.tools_command import tools
from tests.local.fake_go import FakeGo


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "seatwarden"


def test_it_builds_and_says_where(go: FakeGo, cache: Path) -> None:
    done = CliRunner().invoke(tools)
    assert done.exit_code == 0, done.output
    said = [line for line in done.stdout.splitlines() if line.startswith("The tools are in ")]
    assert len(said) == 2
    assert all(str(cache / "tools") in line for line in said)


def test_path_is_ready_to_be_put_on_the_path(go: FakeGo, cache: Path) -> None:
    too_early = CliRunner().invoke(tools, "--path")
    assert too_early.exit_code == 1
    assert "Run `seatwarden tools` first" in too_early.stderr
    assert go.calls == []

    CliRunner().invoke(tools)
    folders = CliRunner().invoke(tools, "--path").stdout.strip().split(":")
    assert (Path(folders[0]) / "etcd").exists()
    assert (Path(folders[1]) / "kubectl").exists()


def test_a_failure_is_a_sentence_and_not_a_traceback(go: FakeGo, cache: Path) -> None:
    go.break_with("no space left on device\n")
    failed = CliRunner().invoke(tools)
    assert failed.exit_code == 1
    assert failed.stderr.splitlines()[-1].endswith("it continues where it stopped.")
    assert "no space left on device" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_help_shows_examples() -> None:
    said = CliRunner().invoke(tools, "--help").output
    assert "Examples:" in said
    assert "seatwarden tools --path" in said

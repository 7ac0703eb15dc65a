"""What `seatwarden dev` refuses before it starts anything."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatwarden.runtime.dev_command import dev
from tests.runtime.dev_process import run_dev


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)


def test_help_has_examples_and_says_how_to_use_a_cluster_of_ones_own() -> None:
    shown = CliRunner().invoke(dev, ["--help"]).output
    for part in (
        "Examples:",
        "seatwarden dev --check",
        "--no-tour",
        "--state",
        "--cleanup",
        "--context",
        "KUBECONFIG",
    ):
        assert part in shown


@pytest.mark.parametrize(
    "options", [["--check", "--no-tour"], ["--check", "--cleanup"], ["--cleanup", "--no-tour"]]
)
def test_purposes_exclude_each_other(options: list[str]) -> None:
    result = CliRunner().invoke(dev, options)
    assert result.exit_code == 2
    assert "exclude each other" in result.output


def test_cleanup_asks_for_the_cluster() -> None:
    result = CliRunner().invoke(dev, ["--cleanup"])
    assert result.exit_code == 2
    assert "name it with --context" in result.output


def test_a_port_that_is_taken_is_a_sentence_and_nothing_stays(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = run_dev("--no-tour", f"--endpoint-port={port}", temporary=tmp_path / "t")
    assert status == 1
    assert f"Port {port} is in use by another program" in said
    assert "Traceback" not in said

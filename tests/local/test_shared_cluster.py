"""One cluster for a run; what its host says when there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared_cluster import ClusterHost, ask_for_cluster


def test_a_host_that_nobody_asks_starts_nothing() -> None:
    host = ClusterHost()
    folder = Path(host.address).parent
    host.close()
    assert not folder.exists()


def test_everybody_is_told_why_there_is_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    host = ClusterHost()
    try:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="Run `make tools` first"):
                ask_for_cluster(host.address)
    finally:
        host.close()


def test_a_test_that_needs_no_cluster_starts_none(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    assert True\n")
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--override-ini=pythonpath=" + str(root),
            "-q",
            ".",
        ],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "XDG_CACHE_HOME": str(tmp_path / "no tools here"),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 passed" in run.stdout, run.stdout + run.stderr

"""Building: once, one at a time, all or nothing; with a Go that takes no time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatwarden.local.build_progress import Silence
from seatwarden.local.go_toolchain import ToolBuildError
from seatwarden.local.tool_builds import ensure_built, ensure_tools, find_tools, go_build_note
from seatwarden.local.toolchain import ToolModule
from tests.local.fake_go import FakeGo
from tests.local.waiting import wait_until, wait_until_gone

PACKAGES = [
    "go.etcd.io/etcd/server/v3",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kubectl",
]


class Listening(Silence):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, step: str) -> None:
        self.heard.append(f"{step} started")

    def finished(self, step: str) -> None:
        self.heard.append(f"{step} finished")

    def failed(self, step: str) -> None:
        self.heard.append(f"{step} failed")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def left_aside(cache: Path) -> list[Path]:
    return list((cache / "tools").glob(".building-*"))


@pytest.fixture
def other_run(go: FakeGo, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`seatwarden tools` in a process of its own, with the cache of `cache`, held at its first build."""
    go.hold()
    run = start_other_run(tmp_path)
    wait_until(go.holding.exists, what="the other run is building")
    yield run
    run.kill()
    run.communicate()


def start_other_run(tmp_path: Path) -> subprocess.Popen[str]:
    # The cache of the fixture is where this run finds it under XDG_CACHE_HOME.
    (tmp_path / "cache").mkdir(exist_ok=True)
    if not (tmp_path / "seatwarden").exists():
        (tmp_path / "seatwarden").symlink_to(tmp_path / "cache")
    return subprocess.Popen(
        [sys.executable, "-m", "seatwarden.runtime.tools_command"],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_each_program_is_built_once_and_in_order(go: FakeGo, cache: Path) -> None:
    progress = Listening()
    tools = ensure_tools(progress, cache)
    assert go.calls == PACKAGES
    for program in (tools.etcd, tools.kube_apiserver, tools.kube_controller_manager, tools.kubectl):
        assert program.read_text() == "built\n"
    assert progress.heard[:3] == ["etcd started", "etcd finished", "kube-apiserver started"]
    assert len(progress.heard) == 8
    assert not left_aside(cache)


def test_what_is_built_is_not_built_again(go: FakeGo, cache: Path) -> None:
    first = ensure_tools(Silence(), cache)
    progress = Listening()
    assert ensure_tools(progress, cache) == first
    assert go.calls == PACKAGES
    assert progress.heard == []


def test_a_newer_go_builds_anew_and_the_old_build_stays(go: FakeGo, cache: Path) -> None:
    old = ensure_tools(Silence(), cache)
    go.set_version("go1.27.1")
    new = ensure_tools(Silence(), cache)
    assert new.etcd != old.etcd
    assert old.etcd.exists()
    assert len(go.calls) == 2 * len(PACKAGES)


def test_nothing_is_found_before_all_is_built(go: FakeGo, cache: Path) -> None:
    assert find_tools(cache) is None
    built = ensure_tools(Silence(), cache)
    assert find_tools(cache) == built
    built.kubectl.unlink()
    built.kube_apiserver.unlink()
    built.kube_controller_manager.unlink()
    built.kubectl.parent.rmdir()
    assert find_tools(cache) is None


WITH_A_FILE = ToolModule(
    name="stripe-mock",
    programs=(("stripe-mock", "github.com/stripe/stripe-mock"),),
    version_of="github.com/stripe/stripe-mock",
    kept=("embedded/spec.json",),
)


def test_one_module_is_built_alone_with_the_files_that_are_kept(go: FakeGo, cache: Path) -> None:
    go.keep_source("embedded/spec.json", "{}")
    (home,) = ensure_built((WITH_A_FILE,), Silence(), cache).values()
    assert go.calls == ["github.com/stripe/stripe-mock"]
    assert sorted(one.name for one in home.iterdir()) == ["spec.json", "stripe-mock"]
    assert (home / "spec.json").read_text() == "{}"
    assert find_tools(cache) is None
    progress = Listening()
    assert ensure_built((WITH_A_FILE,), progress, cache)[WITH_A_FILE] == home
    assert progress.heard == []


def test_a_build_whose_sources_are_not_found_is_not_kept(go: FakeGo, cache: Path) -> None:
    with pytest.raises(ToolBuildError, match="where the sources of github"):
        ensure_built((WITH_A_FILE,), Silence(), cache)
    assert not left_aside(cache)
    go.keep_source("embedded/spec.json", "{}")
    ensure_built((WITH_A_FILE,), Silence(), cache)
    assert go.calls == ["github.com/stripe/stripe-mock"] * 2


def test_a_failed_build_shows_the_log_and_what_to_do(go: FakeGo, cache: Path) -> None:
    go.break_with("dial tcp: lookup goproxy.example: no such host\n")
    progress = Listening()
    with pytest.raises(ToolBuildError) as refused:
        ensure_tools(progress, cache)
    text = str(refused.value)
    assert "etcd could not be built" in text
    assert str(cache / "tools" / "logs" / "etcd.log") in text
    assert "no such host" in text
    assert "Run `seatwarden tools` again" in text
    assert progress.heard == ["etcd started", "etcd failed"]
    assert not left_aside(cache)
    assert find_tools(cache) is None

    go.mend()
    assert ensure_tools(Silence(), cache).etcd.exists()


def test_a_cache_that_cannot_be_written_is_said_so(go: FakeGo, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    with pytest.raises(ToolBuildError, match="set XDG_CACHE_HOME to a folder"):
        ensure_tools(Silence(), in_the_way)


def test_ctrl_c_stops_the_compiler_and_leaves_nothing_half_built(
    go: FakeGo, cache: Path, other_run: subprocess.Popen[str]
) -> None:
    compiler = int(go.holding.read_text())
    other_run.send_signal(signal.SIGINT)
    output, _ = other_run.communicate(timeout=30)
    assert other_run.returncode == 130
    assert "Run `seatwarden tools` again" in output
    wait_until_gone([compiler])
    assert not left_aside(cache)
    assert find_tools(cache) is None


def test_a_killed_run_takes_its_compiler_along_and_the_next_one_sweeps_up(
    go: FakeGo, cache: Path, other_run: subprocess.Popen[str]
) -> None:
    compiler = int(go.holding.read_text())
    other_run.kill()
    other_run.wait()
    wait_until_gone([compiler])
    assert left_aside(cache)
    go.let_go()
    assert ensure_tools(Silence(), cache).kubectl.exists()
    assert not left_aside(cache)


def test_the_second_of_two_runs_waits_for_the_first_and_builds_nothing(
    go: FakeGo, tmp_path: Path, cache: Path, other_run: subprocess.Popen[str]
) -> None:
    second = start_other_run(tmp_path)
    assert second.stdout is not None
    try:
        assert f"waiting for the other run (process {other_run.pid})" in second.stdout.readline()
        go.let_go()
        for run in (other_run, second):
            output, _ = run.communicate(timeout=30)
            assert run.returncode == 0, output
    finally:
        second.kill()
        second.wait()
    assert go.calls == PACKAGES
    assert find_tools(cache) is not None


def test_progress_counts_downloads_first_and_packages_then(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert go_build_note(log) == ""
    log.write_text("go: downloading k8s.io/api v0.36.3\ngo: downloading k8s.io/client-go v0.36.3\n")
    assert go_build_note(log) == "2 modules loaded"
    with log.open("a") as file:
        file.write("internal/abi\ngithub.com/google/go-cmp/cmp\nvendor/golang.org/x/net\n# a remark\n")
    assert go_build_note(log) == "3 packages compiled"

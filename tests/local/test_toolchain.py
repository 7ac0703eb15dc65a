"""What is built, and under which name it is kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatwarden.local.go_toolchain import ToolBuildError, choose_go, pinned_wheel_version, unpack_wheel
from seatwarden.local.toolchain import ETCD, KUBERNETES, MODULES, ToolModule, Tools, cache_folder
from tests.local.fake_go import FakeGo


def digest(module: ToolModule, *, go_version: str = "go1.26.8", platform: str = "linux-x86_64") -> str:
    return module.digest(go_version=go_version, platform=platform)


def test_the_same_inputs_have_the_same_name() -> None:
    assert digest(ETCD) == digest(ETCD)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_another_go_or_another_machine_is_another_build(module: ToolModule) -> None:
    names = {digest(module), digest(module, go_version="go1.27.0"), digest(module, platform="darwin-arm64")}
    assert len(names) == 3


def test_modules_do_not_share_a_name() -> None:
    assert digest(ETCD) != digest(KUBERNETES)


@pytest.mark.parametrize("pin", ["go.mod", "go.sum"])
def test_a_changed_pin_is_another_build(pin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etcd"
    folder.mkdir()
    for name in ("go.mod", "go.sum"):
        (folder / name).write_bytes((ETCD.source / name).read_bytes())
    monkeypatch.setattr("seatwarden.local.toolchain.files", lambda _package: tmp_path)
    before = digest(ETCD)
    with (folder / pin).open("a") as file:
        file.write("// changed\n")
    assert digest(ETCD) != before


def test_other_kept_files_are_another_build() -> None:
    assert digest(replace(ETCD, kept=("README.md",))) != digest(ETCD)


def test_kubernetes_is_told_its_pinned_version() -> None:
    version = KUBERNETES.version()
    assert version.startswith("v1.")
    assert f"-X k8s.io/component-base/version.gitVersion={version}" in KUBERNETES.linker_flags()
    assert f"gitMinor={version.split('.')[1]} " in KUBERNETES.linker_flags() + " "


def test_a_module_that_is_not_pinned_is_said_so() -> None:
    with pytest.raises(ValueError, match=r"tools/etcd/go\.mod does not require example\.org/nothing"):
        ToolModule(name="etcd", programs=(), version_of="example.org/nothing").version()


def test_the_programs_lie_in_the_folders_of_their_modules() -> None:
    tools = Tools.under(etcd=Path("/c/e"), kubernetes=Path("/c/k"))
    assert tools.etcd == Path("/c/e/etcd")
    assert tools.kubectl == Path("/c/k/kubectl")
    assert tools.folders == (Path("/c/e"), Path("/c/k"))


def test_the_cache_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", "/big/disk")
    assert cache_folder() == Path("/big/disk/seatwarden")
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_folder() == Path("/home/someone/.cache/seatwarden")


@pytest.mark.parametrize("version", ["go1.26.0", "go1.26.8", "go1.27rc1", "go2.0"])
def test_a_go_that_is_new_enough_is_used(version: str, go: FakeGo, tmp_path: Path) -> None:
    go.set_version(version)
    chosen = choose_go(tmp_path)
    assert (chosen.version, chosen.program) == (version, go.folder / "go")


@pytest.mark.parametrize("version", ["go1.25.9", "go1.9", "devel +abc", ""])
def test_an_older_or_unknown_go_gives_way_to_the_wheels(version: str, go: FakeGo, tmp_path: Path) -> None:
    go.set_version(version)
    chosen = choose_go(tmp_path)
    assert (chosen.version, chosen.program) == (f"go{pinned_wheel_version()}", None)


def test_no_go_at_all_means_the_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    chosen = choose_go(tmp_path / "cache")
    assert chosen.program is None
    environment = chosen.environment()
    for name in ("GOROOT", "GOPATH", "GOCACHE"):
        assert environment[name].startswith(str(tmp_path / "cache"))


def test_the_machines_proxies_stay_and_its_flags_do_not(
    go: FakeGo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "https://goproxy.example")
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOOS", "plan9")
    environment = choose_go(tmp_path).environment()
    assert environment["GOPROXY"] == "https://goproxy.example"
    assert "vendor" not in environment["GOFLAGS"]
    assert "GOOS" not in environment
    assert (environment["GOTOOLCHAIN"], environment["CGO_ENABLED"]) == ("local", "0")


def test_the_wheel_is_installed_by_hash_and_only_its_go_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    commands: list[list[str]] = []

    def run(command: list[str]) -> None:
        commands.append(command)
        if "venv" in command:
            program = Path(command[-1]) / "lib/python3.11/site-packages/go/bin/go"
            program.parent.mkdir(parents=True)
            program.touch()

    go = unpack_wheel(choose_go(tmp_path), tmp_path, run=run)

    assert go.program == tmp_path / "go" / pinned_wheel_version() / "bin" / "go"
    assert go.program.exists()
    assert "--require-hashes" in commands[1]
    assert [left.name for left in (tmp_path / "go").iterdir()] == [pinned_wheel_version()]
    assert choose_go(tmp_path).program == go.program


def test_a_wheel_without_go_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolBuildError, match=r"Install Go 1\.26 or newer"):
        unpack_wheel(choose_go(tmp_path), tmp_path, run=lambda _command: None)
    assert list((tmp_path / "go").iterdir()) == []

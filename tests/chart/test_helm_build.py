"""Helm is built like the other tools: once, apart from them, with its progress shown."""

from pathlib import Path

import pytest

from seatwarden.local.build_progress import Silence
from seatwarden.local.tool_builds import ensure_built
from seatwarden.local.toolchain import MODULES
from tests.chart.helm_build import HELM, helm_program, main
from tests.chart.rendering import helm
from tests.local.fake_go import FakeGo, go

__all__ = ["go"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "seatwarden"


def test_it_is_built_once_and_without_the_control_plane(go: FakeGo, cache: Path) -> None:
    program = helm_program()
    assert program.read_text() == "built\n"
    assert program.is_relative_to(cache / "tools")
    assert helm_program() == program
    assert go.calls == ["helm.sh/helm/v4/cmd/helm"]


def test_the_build_tells_its_progress_and_its_place(
    go: FakeGo, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main()
    said = capsys.readouterr()
    assert said.out.strip().endswith("/helm")
    assert "helm: building" in said.err
    assert "helm: ready after" in said.err


def test_a_build_that_fails_is_a_sentence(go: FakeGo, cache: Path) -> None:
    go.break_with("no such host\n")
    with pytest.raises(SystemExit, match="helm could not be built"):
        main()


def test_several_modules_are_built_together(go: FakeGo, cache: Path) -> None:
    homes = ensure_built((*MODULES, HELM), Silence())
    assert list(homes) == [*MODULES, HELM]
    assert all(home.is_dir() for home in homes.values())
    assert len(go.calls) == 5


def test_the_helm_of_the_tests_is_the_pinned_one() -> None:
    # A Helm that was built from its module knows of its version only what its sources say.
    assert HELM.version().startswith(f"{helm('version', '--template', '{{.Version}}')}.")

"""The repository is tidy: nothing of one machine in it, every module introduces itself, and names say something."""

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE_FOLDERS = ("operator", "webhooks", "tests", "bench", "e2e", "docs", "scripts", "charts")

# Put together here, so that this file does not hold what it forbids.
FORBIDDEN = tuple(
    "".join(parts)
    for parts in (
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/Us", "ers/"),
        ("py", "pi.org"),
        ("python", "hosted"),
        ("proxy.go", "lang.org"),
        ("sum.go", "lang.org"),
        ("npm", "js.org"),
    )
)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def repository_files() -> list[Path]:
    """The files that are, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


FILES = repository_files()
MODULES = [path for path in FILES if path.suffix == ".py"]


def named(path: Path) -> str:
    """The path in the repository."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_no_file_names_a_machine_or_a_package_registry(forbidden: str) -> None:
    assert [named(path) for path in FILES if forbidden.encode() in path.read_bytes()] == []


def test_every_module_says_what_it_is() -> None:
    # A test module is a list of sentences, and is named after what they are about.
    spoken = [path for path in MODULES if not path.name.startswith("test_")]
    silent = [
        named(path)
        for path in spoken
        if (source := path.read_text()).strip() and not ast.get_docstring(ast.parse(source))
    ]
    assert silent == []


def test_every_module_is_in_a_folder_that_is_checked() -> None:
    data_folders = {"lua", "crds", "tools", "examples"}
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} <= {*CODE_FOLDERS, *data_folders}


def test_no_name_is_one_that_says_nothing() -> None:
    words = {
        named(path): {word for part in path.relative_to(ROOT).parts for word in Path(part).stem.split("_")}
        for path in MODULES
    }
    assert {name: sorted(found) for name, said in words.items() if (found := said & FORBIDDEN_NAMES)} == {}


def test_operator_is_a_source_root_and_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_the_wheel_has_every_package_and_no_other() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        setuptools = tomllib.load(file)["tool"]["setuptools"]
    roots = (ROOT / "operator", ROOT / "webhooks")
    found = {
        ".".join(path.parent.relative_to(root).parts)
        for root in roots
        for path in MODULES
        if path.name == "__init__.py" and path.is_relative_to(root)
    }
    data = {name for name in setuptools["package-dir"] if name not in ("seatwarden", "seatwarden_webhooks")}
    assert set(setuptools["packages"]) == found | data


def test_every_text_ends_with_a_newline_and_has_no_foreign_line_ends() -> None:
    for path in FILES:
        content = path.read_bytes()
        if content:
            assert content.endswith(b"\n"), named(path)
            assert b"\r\n" not in content, named(path)


def test_the_licence_is_there_in_full() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Copyright 2026 The Seatwarden authors" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_changelog_fragments_are_named_after_their_kind() -> None:
    kinds = {"added", "changed", "fixed", "removed", "security"}
    fragments = [path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]
    assert [
        path.name for path in fragments if path.name.split(".")[1:] not in [[k, "md"] for k in kinds]
    ] == []

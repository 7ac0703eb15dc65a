"""A verifier in another language, written from docs/offline-verification.md, says of every vector what we say."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.verify.go_program import go_verifier
from tests.verify.stored_vectors import FILES, VECTORS, vectors

ALL = vectors(*FILES)


@pytest.fixture(scope="module")
def program() -> Path:
    """The program that judges a folder of vectors."""
    return go_verifier()


def verdicts(program: Path, folder: Path) -> dict[str, Any]:
    """What it says, by the name of each vector."""
    done = subprocess.run([program, folder], capture_output=True, timeout=60, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture(scope="module")
def said(program: Path) -> dict[str, Any]:
    """What it says of the stored vectors."""
    return verdicts(program, VECTORS)


def test_go_says_of_every_vector_what_we_say(said: dict[str, Any]) -> None:
    assert len(said) == len(ALL) > 250
    assert {name: one["said"] for name, one in said.items()} == {one["name"]: one["expected"] for one in ALL}


def test_go_jose_alone_says_of_the_signatures_what_we_say(said: dict[str, Any]) -> None:
    wanted = {one["name"]: one["plain_jws"] for one in ALL if "plain_jws" in one}
    assert {name: said[name]["plain_jws"] for name in wanted} == wanted


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "EdDSA"])
def test_go_sees_a_changed_letter_in_what_was_good(program: Path, tmp_path: Path, algorithm: str) -> None:
    folder = shutil.copytree(VECTORS, tmp_path / "vectors")
    stored = json.loads((folder / "licences.json").read_text())
    good = next(one for one in stored["vectors"] if one["name"] == f"signed-with-{algorithm}")
    header, claims, signature = good["licence"].split(".")
    other = "B" if signature[10] == "A" else "A"
    good["licence"] = f"{header}.{claims}.{signature[:10]}{other}{signature[11:]}"
    (folder / "licences.json").write_text(json.dumps(stored))
    found = verdicts(program, folder)[good["name"]]
    assert found == {"said": "wrong_signature", "plain_jws": "refused"}


def test_the_program_fails_where_there_are_no_vectors(program: Path, tmp_path: Path) -> None:
    for arguments in ([], [tmp_path]):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert done.stdout == ""
        assert done.stderr

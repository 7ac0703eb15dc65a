"""The image: what is in it, how it runs, that it is the same each time, and that the Dockerfile makes the same of the same."""

import hashlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAG = "example.test/seatwarden:1"
LABELS = {"version": "1.2.3", "revision": "abc"}


@pytest.fixture(scope="session")
def scripts() -> tuple[ModuleType, ModuleType]:
    """The modules image_tree and image."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        found = []
        for name in ("image_tree", "image"):
            spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            found.append(module)
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return found[0], found[1]


@pytest.fixture(scope="session")
def application(scripts: tuple[ModuleType, ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own layer."""
    folder = tmp_path_factory.mktemp("image") / "application"
    scripts[0].put_application(folder, sys.executable)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A root file system with one file."""
    path = tmp_path / "base.tar"
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo("etc/os-release")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"ID\n"))
    return path


def digests_of(folder: Path) -> dict[str, str]:
    """The digest of each file by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_command_runs_without_a_shell_and_reads_scripts_definitions_and_pins_from_the_image(
    application: Path,
) -> None:
    script = application / "opt" / "seatwarden" / "bin" / "seatwarden"
    # Its dependencies are this environment's; -I would take them away, and without our source root only the layer has us.
    asked = (
        "from importlib.resources import files; import seatwarden;"
        "print(seatwarden.__file__);"
        "print(len(list(files('seatwarden_lua').joinpath('seats').iterdir())));"
        "print(files('seatwarden_crds').joinpath('seatpools.yaml').is_file())"
    )
    library = application / "opt" / "seatwarden" / "lib"
    environment = {"PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    origin, lua, crds = done.stdout.split()
    assert origin.startswith(str(library))
    assert (
        int(lua)
        == len([path for path in (ROOT / "lua" / "seats").iterdir() if path.name != "__pycache__"])
        > 0
    )
    assert crds == "True"
    said = subprocess.run(
        [script, "--version"], capture_output=True, text=True, check=True, env={}, timeout=60
    )
    assert said.stdout.startswith("seatwarden, version ")
    assert digests_of(application)  # nothing was written beside


def test_nothing_has_to_be_compiled_at_the_start(application: Path) -> None:
    sources = list(application.rglob("*.py"))
    compiled = {path.name.partition(".")[0] for path in application.rglob("__pycache__/*.pyc")}
    assert len(sources) > 100
    assert {path.stem for path in sources} <= compiled


def test_the_same_sources_are_the_same_layer_wherever_they_are_built(
    scripts: tuple[ModuleType, ModuleType], application: Path, tmp_path: Path
) -> None:
    again = tmp_path / "elsewhere" / "application"
    old = os.umask(0o077)
    try:
        scripts[0].put_application(again, sys.executable)
    finally:
        os.umask(old)
    assert digests_of(again) == digests_of(application)
    for name, tree in (("one.tar", application), ("two.tar", again)):
        scripts[1].write_layer(tree, tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_no_file_tells_where_it_was_built(application: Path) -> None:
    for path in application.rglob("*"):
        if path.is_file() and path.name != "seatwarden":
            content = path.read_bytes()
            assert str(ROOT).encode() not in content, path
            assert str(application).encode() not in content, path


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, bytes]]:
    """The index entry, the manifest and all blobs of an OCI archive, each checked against its digest."""
    files: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            opened = archive.extractfile(member)
            assert opened is not None
            files[member.name] = opened.read()
    assert json.loads(files.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files.pop("index.json"))["manifests"]
    blobs = {}
    for name, content in files.items():
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert name == f"blobs/{digest.replace(':', '/')}"
        blobs[digest] = content
    return entry, json.loads(blobs[entry["digest"]]), blobs


def test_the_archive_is_an_image_of_the_base_and_the_trees(
    scripts: tuple[ModuleType, ModuleType], application: Path, base: Path, tmp_path: Path
) -> None:
    output = tmp_path / "image.tar"
    digest = scripts[1].write_image(output, tag=TAG, base=base, trees=(application,), labels=LABELS)

    entry, manifest, blobs = read_archive(output)
    assert entry["digest"] == f"sha256:{digest}"
    assert entry["annotations"]["io.containerd.image.name"] == TAG
    for part in (manifest["config"], *manifest["layers"]):
        assert len(blobs[part["digest"]]) == part["size"]
    config = json.loads(blobs[manifest["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert config["config"]["User"] == "10001:10001"
    assert config["config"]["Entrypoint"] == ["seatwarden"]
    assert config["config"]["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    below, above = (io.BytesIO(blobs[layer["digest"]]) for layer in manifest["layers"])
    with tarfile.open(fileobj=below) as layer, tarfile.open(fileobj=above) as own:
        assert layer.getnames() == ["etc/os-release"]
        command = own.getmember("opt/seatwarden/bin/seatwarden")
    assert (command.uid, command.mtime, command.mode) == (0, 0, 0o755)

    again = tmp_path / "again.tar"
    assert scripts[1].write_image(again, tag=TAG, base=base, trees=(application,), labels=LABELS) == digest


def wheel(folder: Path) -> Path:
    """A wheel with one module and one script."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    files = {
        "tiny.py": "def main() -> None:\n    print('tiny')\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    record = "".join(f"{name},,\n" for name in files) + "tiny-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, "tiny-1.0.dist-info/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return path


def test_packages_are_checked_by_their_hashes_and_leave_no_scripts(
    scripts: tuple[ModuleType, ModuleType], tmp_path: Path
) -> None:
    made = wheel(tmp_path)
    pinned = tmp_path / "runtime.txt"
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    pinned.write_text(f"{made.as_uri()} --hash=sha256:{digest}\n")
    folder = tmp_path / "packages"
    scripts[0].put_packages(folder, pinned)
    library = folder / "opt" / "seatwarden" / "lib"
    assert (library / "tiny.py").is_file()
    assert not (library / "bin").exists()
    assert not list(library.rglob("direct_url.json"))
    record = (library / "tiny-1.0.dist-info" / "RECORD").read_text()
    assert "bin/tiny" not in record
    assert "tiny.py" in record

    pinned.write_text(f"{made.as_uri()} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(subprocess.CalledProcessError):
        scripts[0].put_packages(tmp_path / "other", pinned)


def test_a_package_that_only_an_older_patch_of_python_needs_is_there(
    scripts: tuple[ModuleType, ModuleType], tmp_path: Path
) -> None:
    made = wheel(tmp_path)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    pinned = tmp_path / "runtime.txt"
    for marker, there in (("python_full_version < '3.11.3'", True), ("sys_platform == 'win32'", False)):
        pinned.write_text(f"{made.as_uri()} ; {marker} \\\n    --hash=sha256:{digest}\n")
        folder = tmp_path / marker[:3]
        scripts[0].put_packages(folder, pinned)
        assert (folder / "opt" / "seatwarden" / "lib" / "tiny.py").exists() is there


def test_every_condition_in_the_pins_is_one_that_is_understood() -> None:
    text = (ROOT / "requirements" / "runtime.txt").read_text()
    for condition in re.findall(r" ; (.*?) ?\\$", text, re.MULTILINE):
        assert re.fullmatch(
            r"python_full_version < '[\d.]+'|.*implementation(_name)? != 'PyPy'", condition
        ), condition


def test_a_base_with_another_python_is_refused(
    scripts: tuple[ModuleType, ModuleType], base: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as tar:
        tar.addfile(tarfile.TarInfo("usr/lib/python3.9/os.py"))
        tar.addfile(tarfile.TarInfo("usr/lib/python3.9/other/os.py"))
    assert scripts[1].pythons_of(other) == {"python3.9"}
    assert scripts[1].pythons_of(base) == set()
    words = ["--base", str(other), "--tag", TAG, "--output", str(tmp_path / "out.tar")]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "image.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "The base has python3.9, and this is python3." in done.stderr
    assert not (tmp_path / "out.tar").exists()


DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = re.findall(r"^([A-Z]+) (.*(?:\\\n.*)*)", DOCKERFILE, re.MULTILINE)


def test_the_dockerfile_copies_what_the_wheel_is_made_of_and_the_context_has_it(
    scripts: tuple[ModuleType, ModuleType],
) -> None:
    copied = [
        source
        for name, text in INSTRUCTIONS
        if name == "COPY" and "--from" not in text
        for source in text.split()[:-1]
    ]
    assert set(scripts[0].SOURCES) <= set(copied)
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in lines
    assert not any(fnmatch("operator/seatwarden/__main__.py", line.removeprefix("**/")) for line in lines[1:])


def test_the_dockerfile_runs_as_the_same_user_with_the_same_command(
    scripts: tuple[ModuleType, ModuleType],
) -> None:
    said = dict(INSTRUCTIONS)
    assert said["USER"] == scripts[1].USER
    assert json.loads(said["ENTRYPOINT"]) == ["seatwarden"]
    assert [text.split()[0] for name, text in INSTRUCTIONS if name == "FROM"] == ["${BASE}", "${BASE}"]
    arguments = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert all("--require-hashes" in line for line in arguments)


def test_the_chart_s_pods_have_the_user_of_the_image(scripts: tuple[ModuleType, ModuleType]) -> None:
    pods = (ROOT / "charts" / "seatwarden" / "templates" / "_pods.tpl").read_text()
    user, _, group = scripts[1].USER.partition(":")
    assert f"runAsUser: {user}\n" in pods
    assert f"runAsGroup: {group}\n" in pods


def test_setuptools_is_pinned_for_the_image_as_for_development() -> None:
    text = (ROOT / "requirements" / "build.txt").read_text()
    development = (ROOT / "requirements" / "dev.txt").read_text()
    pinned = re.findall(r"^setuptools==\S+", development, re.MULTILINE)
    assert re.findall(r"^\S+==\S+", text, re.MULTILINE) == pinned
    assert set(re.findall(r"sha256:\w+", text)) <= set(re.findall(r"sha256:\w+", development))

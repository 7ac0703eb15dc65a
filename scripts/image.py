#!/usr/bin/env python3
"""The image as an archive, made without a container engine and without a registry.

``image.py --base ROOTFS.tar --tag seatwarden:1 --output seatwarden.tar`` lays the files of the image on the root file system
of a Debian that has the Python which runs this. The archive is an OCI image layout, for `ctr images import`,
`kind load image-archive`, `skopeo copy` or `crane push`. The same sources and the same base make the same archive.
"""

import argparse
import hashlib
import io
import json
import platform
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from image_tree import HERE, put_application, put_packages

USER = "10001:10001"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CREATED = "1970-01-01T00:00:00Z"
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file with the digest by which an image knows it."""

    path: Path
    digest: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "Blob":
        """The blob in a file."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path, digest, path.stat().st_size)

    def descriptor(self, media_type: str, **more: object) -> dict[str, object]:
        """How other parts of the image name it."""
        return {"mediaType": media_type, "digest": f"sha256:{self.digest}", "size": self.size, **more}


def main() -> None:
    """Make the archive."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True, help="the root file system, a tar")
    parser.add_argument("--tag", required=True, help="the name and tag of the image")
    parser.add_argument("--output", type=Path, required=True, help="the archive to write")
    parser.add_argument("--python", default="/usr/bin/python3", help="where Python is in the base")
    parser.add_argument("--version", default="0.1.0.dev0", help="goes into a label")
    parser.add_argument("--revision", default="unknown", help="goes into a label")
    options = parser.parse_args()
    if own_python() not in pythons_of(options.base):
        has = ", ".join(sorted(pythons_of(options.base))) or "no Python"
        sys.exit(
            f"The base has {has}, and this is {own_python()}. Run this with the Python that the base has."
        )
    with tempfile.TemporaryDirectory(prefix="seatwarden-image-") as aside:
        packages, application = Path(aside) / "packages", Path(aside) / "application"
        put_packages(packages, HERE / "requirements" / "runtime.txt")
        put_application(application, options.python)
        labels = {"version": options.version, "revision": options.revision}
        digest = write_image(
            options.output, tag=options.tag, base=options.base, trees=(packages, application), labels=labels
        )
    size = options.output.stat().st_size // 1_000_000
    sys.stdout.write(f"{options.tag} is in {options.output}: {size} MB, sha256:{digest}\n")


def own_python() -> str:
    """The Python that runs this: python3.11 or so. Packages are for one of these."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def pythons_of(base: Path) -> set[str]:
    """The Pythons in a root file system."""
    with tarfile.open(base) as tar:
        found = (re.search(r"(?:^|/)lib/(python3\.\d+)/os\.py$", name) for name in tar.getnames())
        return {match[1] for match in found if match is not None}


def write_image(
    output: Path, *, tag: str, base: Path, trees: Iterable[Path], labels: Mapping[str, str]
) -> str:
    """Write the archive of ``base`` with each of ``trees`` as a layer on it; return the digest of the manifest."""
    with tempfile.TemporaryDirectory(prefix="seatwarden-layers-") as aside:
        folder = Path(aside)
        layers = [Blob.of(base)]
        for number, tree in enumerate(trees):
            layer = folder / f"layer-{number}.tar"
            write_layer(tree, layer)
            layers.append(Blob.of(layer))
        config = _json(folder / "config", _configuration(layers, labels))
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": config.descriptor(_CONFIG),
            "layers": [layer.descriptor(_LAYER) for layer in layers],
        }
        written = _json(folder / "manifest", manifest)
        names = {"io.containerd.image.name": tag, "org.opencontainers.image.ref.name": tag.rpartition(":")[2]}
        index = {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [written.descriptor(_MANIFEST, annotations=names)],
        }
        with tarfile.open(output, "w") as archive:
            _add_text(archive, "oci-layout", '{"imageLayoutVersion":"1.0.0"}')
            _add_text(archive, "index.json", json.dumps(index, sort_keys=True))
            for blob in {blob.digest: blob for blob in (*layers, config, written)}.values():
                entry = tarfile.TarInfo(f"blobs/sha256/{blob.digest}")
                entry.size = blob.size
                with blob.path.open("rb") as content:
                    archive.addfile(entry, content)
    return written.digest


def write_layer(tree: Path, path: Path) -> None:
    """Write the files of ``tree`` as a layer, in order, owned by root and without times."""

    def nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = 0
        # Whoever builds may have another umask.
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as layer:
        for one in sorted(tree.iterdir()):
            layer.add(one, arcname=one.name, filter=nobodys)


def _configuration(layers: list[Blob], labels: Mapping[str, str]) -> dict[str, object]:
    said = {
        "title": "Seatwarden",
        "description": "Floating software licences as Kubernetes resources",
        "licenses": "Apache-2.0",
        **labels,
    }
    return {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "created": _CREATED,
        "config": {
            "User": USER,
            "WorkingDir": "/tmp",  # noqa: S108  the one folder that a pod may write to
            "Entrypoint": ["seatwarden"],
            "Env": [
                "PATH=/opt/seatwarden/bin:/usr/local/bin:/usr/bin:/bin",
                "PYTHONUNBUFFERED=1",
                "PYTHONDONTWRITEBYTECODE=1",
            ],
            "Labels": {f"org.opencontainers.image.{name}": value for name, value in said.items()},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in layers]},
        "history": [{"created": _CREATED, "created_by": "scripts/image.py"} for _ in layers],
    }


def _json(path: Path, document: object) -> Blob:
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
    return Blob.of(path)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(text.encode())
    archive.addfile(entry, io.BytesIO(text.encode()))


if __name__ == "__main__":
    main()

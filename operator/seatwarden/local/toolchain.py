"""Which programs the local control plane is made of, how each is built, and under which folder a build is
kept.

Kubernetes publishes no binaries that a package index carries, but its sources are ordinary Go modules.
`tools/` pins one module per tool family (their dependencies conflict with each other), and the pins' hashes
are in its `go.sum`. A build is kept in a folder named by everything that decides its outcome, so an upgrade
never meets an old binary, and going back costs nothing.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

GO_MINIMUM = (1, 26)
"""The oldest Go that builds the pinned modules, as their `go` lines say."""

GO_FLAGS = "-trimpath -buildvcs=false -mod=readonly"
_STRIP = "-s -w"
_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolModule:
    """One pinned Go module and the programs (name → Go package) that are built from it."""

    name: str
    programs: tuple[tuple[str, str], ...]
    version_of: str
    version_variables: str | None = None
    """The Go package whose version variables the linker must set; the program would call itself v0.0.0
    otherwise.
    """
    kept: tuple[str, ...] = ()
    """Files of the module `version_of`, by their paths in it, to keep beside the programs by their names."""

    @property
    def source(self) -> Traversable:
        """The packaged folder with `go.mod` and `go.sum`."""
        return files("seatwarden_tools") / self.name

    def version(self) -> str:
        """The pinned version of the module that the programs come from, such as ``v1.36.3``."""
        requirement = re.search(
            rf"^\s*{re.escape(self.version_of)} (v\S+)", self._read("go.mod"), re.MULTILINE
        )
        if requirement is None:
            raise ValueError(f"tools/{self.name}/go.mod does not require {self.version_of}")
        return requirement[1]

    def linker_flags(self) -> str:
        """What `go build -ldflags` is given."""
        if self.version_variables is None:
            return _STRIP
        version = self.version()
        major, minor, _ = version.removeprefix("v").split(".", 2)
        values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
        return " ".join(
            [_STRIP, *(f"-X {self.version_variables}.{name}={value}" for name, value in values.items())]
        )

    def digest(self, *, go_version: str, platform: str) -> str:
        """A name for one build of this module: hex, from the pins, the flags, the Go version and the
        platform.
        """
        parts = [
            self._read("go.mod"),
            self._read("go.sum"),
            repr(self.programs),
            self.linker_flags(),
            GO_FLAGS,
            go_version,
            platform,
            *self.kept,
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGEST_LENGTH]

    def _read(self, name: str) -> str:
        return (self.source / name).read_text()


ETCD = ToolModule(
    name="etcd",
    programs=(("etcd", "go.etcd.io/etcd/server/v3"),),
    version_of="go.etcd.io/etcd/server/v3",
)
KUBERNETES = ToolModule(
    name="kubernetes",
    programs=(
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ),
    version_of="k8s.io/kubernetes",
    version_variables="k8s.io/component-base/version",
)
MODULES = (ETCD, KUBERNETES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Where the built programs are."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path

    @classmethod
    def under(cls, *, etcd: Path, kubernetes: Path) -> "Tools":
        """The programs in the folders of their modules."""
        return cls(
            etcd=etcd / "etcd",
            kube_apiserver=kubernetes / "kube-apiserver",
            kube_controller_manager=kubernetes / "kube-controller-manager",
            kubectl=kubernetes / "kubectl",
        )

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders to put on a PATH."""
        return (self.etcd.parent, self.kubectl.parent)


def cache_folder() -> Path:
    """Where Seatwarden keeps what it can make again: ``$XDG_CACHE_HOME/seatwarden``, by default under
    ``~/.cache``.

    A relative `XDG_CACHE_HOME` is ignored, as the XDG base directory specification asks.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".cache"
    return base / "seatwarden"

"""A `go` that builds in no time: it writes down how it was called, and does what the test left in its folder."""

import os
import textwrap
from pathlib import Path

import pytest

_SCRIPT = """\
#!/bin/sh
here={here}
if [ "$1" = env ]; then cat "$here/version"; exit; fi
if [ "$1" = list ]; then [ -e "$here/sources" ] && echo "$here/sources"; exit; fi
echo "$*" >> "$here/calls"
env > "$here/environment"
for last; do :; done
echo "internal/abi"; echo "$last"
while [ "$#" -gt 0 ]; do [ "$1" = -o ] && out="$2"; shift; done
[ -e "$here/hold" ] && {{ echo $$ > "$here/holding"; cat "$here/hold" > /dev/null; }}
[ -e "$here/broken" ] && {{ cat "$here/broken"; exit 1; }}
echo built > "$out"
"""


class FakeGo:
    """Where the script is, and the switches that it looks at."""

    def __init__(self, folder: Path, version: str = "go1.26.8") -> None:
        folder.mkdir()
        self.folder = folder
        self.set_version(version)
        program = folder / "go"
        program.write_text(textwrap.dedent(_SCRIPT.format(here=folder)))
        program.chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH on which this is the first Go."""
        return f"{self.folder}:/usr/bin:/bin"

    @property
    def calls(self) -> list[str]:
        """The package of each build so far, in order."""
        calls = self.folder / "calls"
        return [line.split()[-1] for line in calls.read_text().splitlines()] if calls.exists() else []

    @property
    def holding(self) -> Path:
        """Exists, with the process id, while a build is being held."""
        return self.folder / "holding"

    def keep_source(self, path: str, text: str) -> None:
        """Let the module that is built have a file."""
        file = self.folder / "sources" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def set_version(self, version: str) -> None:
        """What `go env GOVERSION` says."""
        (self.folder / "version").write_text(version + "\n")

    def break_with(self, text: str) -> None:
        """Let every build fail with ``text``."""
        (self.folder / "broken").write_text(text)

    def mend(self) -> None:
        """Let builds work again."""
        (self.folder / "broken").unlink()

    def hold(self) -> None:
        """Let builds hang until `let_go`."""
        os.mkfifo(self.folder / "hold")

    def let_go(self) -> None:
        """End the hold: the build that hangs, and those that come, go on."""
        (self.folder / "hold").rename(self.folder / "held")
        # Opened for both directions, a pipe does not wait for its other end; closed again, it ends who waits.
        os.close(os.open(self.folder / "held", os.O_RDWR))


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    """The first Go on this test's PATH."""
    fake = FakeGo(tmp_path / "fake-go")
    monkeypatch.setenv("PATH", fake.path)
    return fake

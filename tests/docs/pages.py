"""The documentation as data: its pages, the blocks and commands in them, and the words that are set as code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file of the repository."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """The path in the repository."""
        return str(self.path.relative_to(ROOT))

    @property
    def prose(self) -> str:
        """The text without its blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """The blocks of that language."""
        return [found[2] for found in _FENCE.finditer(self.text) if found[1] == language]

    def spans(self) -> list[str]:
        """What is set as code within the prose."""
        return [found[1] for found in _SPAN.finditer(self.prose)]

    def links(self) -> list[str]:
        """The targets of all links."""
        return _LINK.findall(self.prose)

    def commands(self) -> list[str]:
        """What is typed in the console blocks, one command each, long ones put together."""
        return [command for block in self.blocks("console") for command in _typed(block)]

    def headings(self) -> set[str]:
        """The anchors of the headings."""
        return {
            re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in self.prose.splitlines()
            if line.startswith("#")
        }


def _typed(block: str) -> Iterator[str]:
    for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE):
        yield re.sub(r"\\\n\s*", "", command)


def all_pages() -> list[Page]:
    """Every page that people read."""
    folders = (ROOT / "docs", ROOT / "changelog.d")
    paths = [*ROOT.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.md"))]
    return [Page(path, path.read_text()) for path in sorted(paths)]


PAGES = all_pages()

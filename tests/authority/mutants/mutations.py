"""Small ways of getting a Lua script wrong, and every mutant of ``lua/seats`` that they make.

A mutant is one change to one statement of one file: a condition turned round, a comparison off by one, a number changed,
a name of a field misspelt, a statement left out. Nothing is written to ``lua/``: a mutant is a set of script texts, in
which the changed file stands where the right one did. Ones that are no Lua are never seen: Redis does not load them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatwarden.backends.redis_scripts import ALL_SCRIPTS

LUA = Path(__file__).parents[3] / "lua" / "seats"

_SWAPS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "~=",
    "~=": "==",
    "+": "-",
    "-": "+",
    "*": "+",
    "/": "*",
    "and": "or",
    "or": "and",
    "not": "",
    "true": "false",
    "math.max": "math.min",
    "math.min": "math.max",
    "EXPIRY": "ENDED",
    "ENDED": "EXPIRY",
    "LEASES": "STATE",
    "'('": "''",
}
_TOKEN = re.compile(
    r"'[^']*'|math\.\w+|\b(?:and|or|not|true|EXPIRY|ENDED|LEASES)\b|(?<![\w.'])\d+\b|[<>~=]=|[<>]|[+*/]|(?<=\s)-(?=\s)|-"
)
_CONDITION = re.compile(r"^(\s*)(if|elseif|while) (.*) (then|do)$", re.DOTALL)
_KEEPS_ITS_LINES = ("local function", "end", "else", "for ", "}", "local CONFIG")


@dataclass(frozen=True, slots=True)
class Mutant:
    """``file`` with ``was`` changed to ``now`` at ``place``. Its name does not depend on the lines above."""

    file: str
    was: str
    now: str
    place: int
    nth: int

    @property
    def name(self) -> str:
        again = f" (again: {self.nth})" if self.nth else ""
        return f"{self.file}: {_on_one_line(self.was)}  =>  {_on_one_line(self.now) or 'left out'}{again}"

    def texts(self) -> dict[str, str]:
        """The scripts that have the file in them, with the change."""
        right = _code_of(self.file)
        wrong = right[: self.place] + self.now + right[self.place + len(self.was) :]
        return {
            script.name: script.text.replace(right, wrong)
            for script in ALL_SCRIPTS
            if right in script.text and (self.file.startswith("lib/") or self.file == f"{script.name}.lua")
        }


def all_mutants() -> list[Mutant]:
    """In the order of files and lines."""
    found: list[Mutant] = []
    seen: dict[tuple[str, str, str], int] = {}
    for path in sorted(LUA.rglob("*.lua")):
        file = str(path.relative_to(LUA))
        code = _code_of(file)
        for place, statement in _statements(code):
            for changed in dict.fromkeys(_changes(statement)):
                key = (file, _on_one_line(statement), _on_one_line(changed))
                found.append(Mutant(file, statement, changed, place, seen.get(key, 0)))
                seen[key] = seen.get(key, 0) + 1
    return found


def _on_one_line(code: str) -> str:
    return " ".join(code.split())


def _code_of(file: str) -> str:
    text = (LUA / file).read_text()
    return text if file.startswith("lib/") else text.split("\n", 1)[1]


def _statements(code: str) -> Iterator[tuple[int, str]]:
    """Runs of lines whose brackets are balanced, without those that are comments or empty."""
    place, open_brackets, begun = 0, 0, 0
    for line in code.splitlines(keepends=True):
        bare = re.sub(r"'[^']*'", "", line.split("--")[0])
        if open_brackets == 0:
            begun = place
        open_brackets += sum(bare.count(mark) for mark in "([{") - sum(bare.count(mark) for mark in ")]}")
        place += len(line)
        if open_brackets == 0 and code[begun:place].split("--", maxsplit=1)[0].strip():
            yield begun, code[begun:place].rstrip("\n")


def _changes(statement: str) -> Iterator[str]:
    bare = statement.strip()
    if condition := _CONDITION.match(statement):
        indent, word, test, ending = condition.groups()
        yield f"{indent}{word} not ({test}) {ending}"
    elif not bare.startswith(_KEEPS_ITS_LINES):
        yield ""
    if bare.startswith(("local function", "function", "local CONFIG")):
        return
    for token in _TOKEN.finditer(statement):
        for other in _others(token[0]):
            yield statement[: token.start()] + other + statement[token.end() :]


def _others(token: str) -> Iterator[str]:
    if token in _SWAPS:
        yield _SWAPS[token]
    elif token.isdigit():
        yield str(int(token) + 1)
        if int(token) > 0:
            yield str(int(token) - 1)
    elif re.fullmatch(r"'[a-z_]+'", token):
        yield f"{token[:-1]}z'"

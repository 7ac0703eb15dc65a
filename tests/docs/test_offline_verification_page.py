"""The page about verifying offline: its programs run, its tables are complete, and its numbers are those of the code."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from seatwarden import client
from seatwarden.verify import SKEW_SECONDS, Code, NotValid
from seatwarden.verify import keys as key_sets
from seatwarden.verify.claims import LONGEST_TEXT
from seatwarden.verify.compact import KID, LONGEST_HEADER
from seatwarden.verify.faults import WHAT_TO_DO
from seatwarden.verify.lease import _CLAIMS as LEASE_CLAIMS
from seatwarden.verify.lease import LEASE, MOST_SEATS
from seatwarden.verify.licence import _CLAIMS as LICENCE_CLAIMS
from seatwarden.verify.licence import LICENCE, MOST_ENTITLEMENTS, MOST_LEASE_KEYS
from seatwarden.verify.revocations import MOST_REVOKED, REVOCATIONS
from tests.docs.pages import PAGES
from tests.vectors.claim_cases import LEASE_TYPE, LIST_TYPE
from tests.vectors.jws_cases import TYPE
from tests.vectors.world import DAY, TENANT, read_world
from tests.verify.stored_vectors import FILES, vectors

PAGE = next(page for page in PAGES if page.path.name == "offline-verification.md")
LEASE_PROGRAM, LICENCE_PROGRAM, CLOCK_PROGRAM = PAGE.blocks("python")
HOLDER = "ab" * 32
WORLD = read_world()
RULES = " ".join(PAGE.text.partition("## In another language")[2].split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the programs read, signed an hour ago, on a machine whose holder is `HOLDER`."""
    now = int(time.time())
    root, lease_key = WORLD.signers["EdDSA"], WORLD.signers["pool-a"]
    signed = {"iat": now - 3600, "exp": now + DAY}
    texts = {
        "jwks.json": json.dumps(WORLD.key_sets()["tenant"]),
        "licence.jws": root.token(TYPE, {**WORLD.document, **signed}),
        "lease.jws": lease_key.token(LEASE_TYPE, {**WORLD.lease, **signed, "sub": HOLDER}),
        "revoked.jws": root.token(LIST_TYPE, {**WORLD.revocations, **signed}),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client, "holder_id", lambda _project: HOLDER)
    return tmp_path


def run(program: str) -> dict[str, Any]:
    """What a program of the page has at its end."""
    found: dict[str, Any] = {}
    exec(program, found)  # noqa: S102  it is ours
    return found


def test_the_program_with_a_lease_works_where_the_lease_is_good(folder: Path) -> None:
    assert run(LEASE_PROGRAM)["may_work"]() is True


def test_the_program_with_a_lease_says_why_it_does_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client, "holder_id", lambda _project: "cd" * 32)

    assert run(LEASE_PROGRAM)["may_work"]() is False
    assert capsys.readouterr().out.startswith("The lease is of another machine. Take a seat")


def test_the_program_that_asks_what_was_bought_prints_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert TENANT in LICENCE_PROGRAM
    run(LICENCE_PROGRAM)

    assert capsys.readouterr().out.startswith("team 5 {")


def test_the_program_with_the_clock_remembers_and_refuses_a_clock_that_was_set_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(CLOCK_PROGRAM)
    remembered = (folder / "last-seen.json").read_text()
    earlier = time.time() - DAY
    monkeypatch.setattr(time, "time", lambda: earlier)

    with pytest.raises(NotValid, match="set back"):
        run(CLOCK_PROGRAM)
    assert (folder / "last-seen.json").read_text() == remembered


def test_every_code_is_in_the_table_and_no_other() -> None:
    table = PAGE.text.partition("| Code |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert told == [str(code) for code in Code if code in told]
    assert set(told) == {str(code) for code in Code} == set(map(str, WHAT_TO_DO))


def test_the_refusal_on_the_page_is_one_that_the_library_gives() -> None:
    [shown] = PAGE.blocks("text")
    assert str(NotValid(Code.EXPIRED, f"The {LICENCE.noun} has expired.")) in shown


def test_the_rules_name_every_claim_and_every_type() -> None:
    for name in (*LICENCE_CLAIMS, *LEASE_CLAIMS, "valid_until", "keys", "leases"):
        assert f"`{name}`" in RULES, name
    for kind in (LICENCE, LEASE, REVOCATIONS):
        assert f"`{kind.token_type}`" in RULES
    for algorithm in key_sets._ALGORITHMS:
        assert f"`{algorithm}`" in RULES


def test_the_numbers_of_the_rules_are_those_of_the_code() -> None:
    for said in (
        f"of at most {key_sets.LARGEST_KEY_SET:,} characters and {key_sets.MOST_KEYS} keys",
        f"a licence document has at most {LICENCE.longest:,} characters, a lease {LEASE.longest:,},",
        f"a revocation list {REVOCATIONS.longest:,}.",
        f"the first has at most {LONGEST_HEADER} characters",
        f"at most {LONGEST_TEXT} characters",
        f"an object of at most {MOST_ENTITLEMENTS},",
        f"at most {MOST_LEASE_KEYS:,} objects",
        f"lists of at most {MOST_REVOKED:,} texts",
        f"`quantity` from 1 to {MOST_SEATS:,}",
        f"exactly {key_sets.RSA_BYTES * 8} bits",
        f"more than {SKEW_SECONDS} seconds ahead",
        f"`{KID.pattern}`",
    ):
        assert said in RULES, said


def test_the_page_counts_the_vectors() -> None:
    [told] = re.findall(r"some (\d+) tokens", PAGE.text)
    assert abs(int(told) - len(vectors(*FILES))) < 10

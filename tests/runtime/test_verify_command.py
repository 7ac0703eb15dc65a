import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatwarden.runtime.verify_command import LARGEST_FILE, verify
from seatwarden.runtime.verify_report import shown
from seatwarden.verify import Code
from tests.vectors.claim_cases import LEASE_TYPE, LIST_TYPE
from tests.vectors.jws_cases import TYPE
from tests.vectors.world import DAY, HOLDER, LEASE_ID, NOW, OTHER_TENANT, POOL_A, POOL_B, TENANT, read_world

WORLD = read_world()
ROOT = WORLD.signers["EdDSA"]
AT = ("--at", str(NOW))


@dataclass
class Folder:
    """A folder with the keys of the tenant, a document and a lease."""

    path: Path

    def put(self, name: str, text: str) -> str:
        """A file of that name, ending as editors end them."""
        (self.path / name).write_text(f"{text}\n")
        return str(self.path / name)

    def document(self, name: str = "licence.jws", **changes: object) -> str:
        """A document with some claims changed."""
        return self.put(name, ROOT.token(TYPE, {**WORLD.document, **changes}))

    def lease(self, **changes: object) -> str:
        """A lease of pool A with some claims changed."""
        return self.put("lease.jws", WORLD.signers["pool-a"].token(LEASE_TYPE, {**WORLD.lease, **changes}))

    def revocations(self, **changes: object) -> str:
        """A revocation list with some claims changed."""
        return self.put("revoked.jws", ROOT.token(LIST_TYPE, {**WORLD.revocations, **changes}))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with jwks.json in it."""
    found = Folder(tmp_path)
    found.put("jwks.json", json.dumps(WORLD.key_sets()["tenant"]))
    return found


def run(*arguments: str) -> Result:
    """What the command says."""
    return CliRunner().invoke(verify, arguments)


def test_a_good_document_is_told_in_a_few_lines(folder: Folder) -> None:
    path = folder.document(valid_until=NOW + 90 * DAY)
    found = run(*AT, path)

    assert found.exit_code == 0
    assert found.output.splitlines() == [
        f"{path}: valid",
        "  acme-team of acme in quickstart, plan team, 5 seats",
        "  entitled to cores=16, edition=pro, x.pdf",
        "  the subscription ends at 2027-04-15T08:00:00Z",
        f"  the document counts from 2027-01-05T08:00:00Z until 2027-02-04T08:00:00Z, key {ROOT.kid}",
    ]


def test_a_good_lease_is_told_with_its_document_whose_time_may_be_over(folder: Folder) -> None:
    late = WORLD.document["exp"] + DAY
    lease = folder.lease(iat=NOW, exp=NOW + 30 * DAY, quantity=2, group="render")
    found = run("--at", str(late), "--lease", lease, "--holder", HOLDER, "--pool", POOL_A, folder.document())

    assert found.exit_code == 0
    assert "the document counted from" in found.output
    assert found.output.splitlines()[-2:] == [
        f"  lease {LEASE_ID}: 2 seats in group render of pool {POOL_A}",
        "  the lease counts from 2027-01-15T08:00:00Z until 2027-02-14T08:00:00Z",
    ]


def test_what_is_not_valid_is_told_in_one_line_that_says_what_to_do(folder: Folder) -> None:
    path = folder.document()
    found = run("--at", str(NOW + 90 * DAY), path)

    assert found.exit_code == 1
    [line] = found.output.splitlines()
    assert line.startswith(f"{path}: not valid (expired). The licence document has expired. Get a newer one")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--tenant", OTHER_TENANT), Code.WRONG_TENANT),
        (("--lease", "LEASE", "--holder", "f" * 64), Code.WRONG_HOLDER),
        (("--lease", "LEASE", "--holder", HOLDER, "--pool", POOL_B), Code.WRONG_POOL),
        (("--lease", "LEASE", "--holder", HOLDER, "--revocations", "LIST"), Code.REVOKED),
    ],
)
def test_each_option_is_looked_at(folder: Folder, arguments: tuple[str, ...], code: Code) -> None:
    files = {"LEASE": folder.lease(), "LIST": folder.revocations(leases=[LEASE_ID])}
    path = folder.document()
    given = [files.get(one, one) for one in arguments]

    found = run(*AT, "--json", *given, path)
    assert found.exit_code == 1
    assert json.loads(found.output)["code"] == code


def test_the_same_options_are_content_with_what_is_right(folder: Folder) -> None:
    listed = folder.revocations(leases=["0" * 32])
    asked = ("--tenant", TENANT, "--revocations", listed)

    assert run(*AT, *asked, folder.document()).exit_code == 0
    assert run(*AT, *asked, "--lease", folder.lease(), "--holder", HOLDER, folder.document()).exit_code == 0


def test_a_revoked_root_key_ends_its_documents(folder: Folder) -> None:
    found = run(*AT, "--revocations", folder.revocations(keys=[ROOT.kid]), folder.document())

    assert found.exit_code == 1
    assert "(revoked)" in found.output


def test_each_of_several_documents_is_told_and_one_that_is_not_valid_is_enough(folder: Folder) -> None:
    good = folder.document()
    bad = folder.document("old.jws", exp=NOW - DAY)
    found = run(*AT, bad, good)

    assert found.exit_code == 1
    assert re.findall(r": (valid|not valid)", found.output) == ["not valid", "valid"]


def test_programs_get_one_object_a_line_with_the_words_of_the_library(folder: Folder) -> None:
    good, bad = folder.document(), folder.document("old.jws", exp=NOW - DAY)
    found = run(*AT, "--json", good, bad)
    first, second = (json.loads(line) for line in found.output.splitlines())

    assert (first["file"], first["valid"], first["licence"]["seats"]) == (good, True, 5)
    assert first["licence"]["entitlements"] == WORLD.document["entitlements"]
    assert set(first["licence"]["lease_keys"].values()) == {POOL_A, POOL_B}
    assert second == {"file": bad, "valid": False, "code": "expired", "detail": second["detail"]}
    assert second["detail"].endswith(".")


def test_programs_get_the_lease_too(folder: Folder) -> None:
    found = run(*AT, "--json", "--lease", folder.lease(), "--holder", HOLDER, folder.document())
    lease = json.loads(found.output)["lease"]

    assert (lease["lease_id"], lease["holder"], lease["pool"]) == (LEASE_ID, HOLDER, POOL_A)
    assert (lease["issued_at"], lease["expires_at"], lease["fence"]) == (NOW - 3600, NOW + 3600, 4294967297)


def test_the_keys_may_be_elsewhere(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").rename(tmp_path / "others.json")
    path = folder.document()

    assert run(*AT, path).exit_code == 2
    assert run(*AT, "--jwks", str(tmp_path / "others.json"), path).exit_code == 0


@pytest.mark.parametrize("instant", ["2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00", str(NOW)])
def test_an_instant_can_be_written_in_several_ways(folder: Folder, instant: str) -> None:
    begins = folder.document(iat=NOW, exp=NOW + 1)
    assert run("--at", instant, begins).exit_code == 0


def test_without_an_instant_it_is_now(folder: Folder) -> None:
    assert run(folder.document(iat=1, exp=2)).exit_code == 1
    assert run(folder.document(iat=1, exp=2**40)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument"),
        (("--lease", "x", "DOCUMENT"), "--holder"),
        (("--holder", HOLDER, "DOCUMENT"), "--lease"),
        (("--pool", POOL_A, "DOCUMENT"), "--lease"),
        (("--lease", "x", "--holder", HOLDER, "DOCUMENT", "DOCUMENT"), "one document"),
        (("no-such-file",), "cannot be read"),
        (("--revocations", "no-such-file", "DOCUMENT"), "cannot be read"),
        (("--at", "yesterday", "DOCUMENT"), "no instant"),
        (("--at", "2027-01-15T08:00:00", "DOCUMENT"), "no instant"),
        (("--at", "", "DOCUMENT"), "no instant"),
    ],
)
def test_wrong_usage_is_told_as_such(folder: Folder, arguments: tuple[str, ...], says: str) -> None:
    document = folder.document()
    found = run(*(document if one == "DOCUMENT" else one for one in arguments))

    assert found.exit_code == 2
    assert says in " ".join(found.output.split())


def test_files_that_are_anything_else_are_not_valid_and_nothing_worse(folder: Folder, tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe\x00", b"\0" * 100, b"." * (LARGEST_FILE + 10), b"{}"):
        (tmp_path / "other.jws").write_bytes(content)
        found = run(*AT, str(tmp_path / "other.jws"))
        assert (found.exit_code, "(malformed)" in found.output) == (1, True)
        assert run(*AT, "--jwks", str(tmp_path / "other.jws"), folder.document()).exit_code == 1


def test_what_a_document_says_cannot_command_a_terminal(folder: Folder) -> None:
    found = run(*AT, folder.document(tenant="acme\x9b2J\u202eevil", entitlements={"größe": "大きい"}))

    assert found.exit_code == 0
    assert "\\x9b2J\\u202eevil" in found.output
    assert "größe=大きい" in found.output
    assert shown("\x1b]0;a\x07") == "\\x1b]0;a\\x07"


def test_instants_that_no_calendar_has_are_shown_as_they_are(folder: Folder) -> None:
    found = run(*AT, folder.document(exp=2**53 - 1))

    assert found.exit_code == 0
    assert f"until second {2**53 - 1}" in found.output


def test_a_document_of_one_seat_and_no_plan_is_told_in_good_english(folder: Folder) -> None:
    found = run(*AT, folder.document(seats=1, plan="", entitlements={}))

    assert found.output.splitlines()[1] == "  acme-team of acme in quickstart, 1 seat"


def test_help_has_examples_and_the_statuses() -> None:
    found = run("--help")
    assert found.exit_code == 0
    assert found.output.count("seatwarden verify ") >= 5
    assert "1  something is not" in found.output

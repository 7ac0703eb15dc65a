"""The reference pages are what the code says."""

from pathlib import Path

import pytest

from docs.generate_reference import PAGES, REFERENCE, main, stale_pages
from seatwarden.endpoint.codes import CODES
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Reason


def test_no_reference_page_is_stale() -> None:
    assert not stale_pages(REFERENCE), "run `make generate`"


def test_there_is_no_page_in_the_folder_that_nothing_generates() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == set(PAGES)


def test_check_fails_on_a_missing_or_changed_page_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--output", str(tmp_path)]
    assert main(["--check", *folder]) == 1
    assert "make generate" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main(folder) == 0
    assert main(["--check", *folder]) == 0
    (tmp_path / "codes.md").write_text("changed by hand")
    assert main(["--check", *folder]) == 1


def test_every_reason_and_code_has_its_row() -> None:
    reasons, codes = (REFERENCE / "reasons.md").read_text(), (REFERENCE / "codes.md").read_text()
    assert all(f"| `{reason.value}` | `{reason.outlook.value}` |" in reasons for reason in Reason)
    assert all(f"| `{code}` |" in codes for code in CODES)


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for path in REFERENCE.iterdir():
        widths: list[int] = []
        for line in path.read_text().splitlines():
            if not line.startswith("|"):
                widths = []
                continue
            widths.append(line.replace("\\|", "").count("|"))
            assert widths[0] == widths[-1], f"{path.name}: {line}"


def test_fields_of_all_kinds_are_listed_with_what_they_mean() -> None:
    text = (REFERENCE / "fields.md").read_text()
    assert all(f"## {kind.value}" in text for kind in Kind)
    assert "| `spec.lease.duration` | string | `6m` |" in text
    assert "| `spec.entitlements[].limit` |" in text

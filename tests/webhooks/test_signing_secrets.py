import os
from pathlib import Path

import pytest

from seatwarden_webhooks.signing_secrets import NoSecret, SigningSecrets


def mounted(folder: Path, version: str, text: str) -> Path:
    """A file as a mounted Secret shows it: behind a link to a link that is replaced as one."""
    data = folder / version
    data.mkdir()
    (data / "secret").write_text(text)
    fresh = folder / "..data_tmp"
    fresh.symlink_to(data.name)
    fresh.replace(folder / "..data")
    shown = folder / "secret"
    if not shown.is_symlink():
        shown.symlink_to("..data/secret")
    return shown


def test_each_line_of_each_file_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("whsec_a\nwhsec_b\n")
    (tmp_path / "b").write_text("whsec_b")
    secrets = SigningSecrets([tmp_path / "a", tmp_path / "b"])
    assert secrets.current() == (b"whsec_a", b"whsec_b")


def test_a_mounted_secret_is_read_again_when_kubernetes_changes_it(tmp_path: Path) -> None:
    secrets = SigningSecrets([mounted(tmp_path, "one", "whsec_old\n")])
    assert secrets.current() == (b"whsec_old",)
    mounted(tmp_path, "two", "whsec_new\nwhsec_old\n")
    assert secrets.current() == (b"whsec_new", b"whsec_old")
    mounted(tmp_path, "three", "whsec_new\n")
    assert secrets.current() == (b"whsec_new",)


def test_a_file_that_did_not_change_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    path.write_text("whsec_a")
    secrets = SigningSecrets([path])
    monkeypatch.setattr(Path, "open", None)
    assert secrets.current() == (b"whsec_a",)


@pytest.mark.parametrize(
    "broken", ["", "\n", "sk_live_oops", "whsec_", "whsec_a sk_live_oops", "whsec_é", None]
)
def test_a_file_that_became_unusable_leaves_the_secrets_of_before(tmp_path: Path, broken: str | None) -> None:
    path = tmp_path / "secret"
    path.write_text("whsec_good")
    secrets = SigningSecrets([path])
    path.unlink() if broken is None else path.write_text(broken)
    assert secrets.current() == (b"whsec_good",)
    path.write_text("whsec_better_now")
    assert secrets.current() == (b"whsec_better_now",)


@pytest.mark.parametrize("text", ["", "sk_live_oops", "whsec_", "whsec_é", "whsec_" + "a" * 5000])
def test_it_does_not_begin_without_a_secret_and_does_not_quote_what_is_there(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    with pytest.raises(NoSecret, match="does not hold the signing secret") as caught:
        SigningSecrets([path])
    assert "oops" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSecret, match=r"secret cannot be read: No such file"):
        SigningSecrets([tmp_path / "secret"])


def test_no_more_than_a_few_are_tried_for_each_request(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("\n".join(f"whsec_{number}" for number in range(5)))
    with pytest.raises(NoSecret, match="1 to 4 signing secrets, not 5"):
        SigningSecrets([path])


def test_it_never_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("whsec_hidden")
    assert "hidden" not in repr(SigningSecrets([path])) + str(vars(SigningSecrets([path])).keys())
    assert os.fspath(path) not in repr(SigningSecrets([path]))

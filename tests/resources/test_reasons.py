import re

import pytest

from seatwarden.resources.reasons import Outlook, Reason


@pytest.mark.parametrize("reason", Reason)
def test_reason_is_one_word_as_the_api_wants_it(reason: Reason) -> None:
    assert re.fullmatch("[A-Z][A-Za-z]{1,62}", reason.value)
    assert reason.name == re.sub("(?<!^)(?=[A-Z])", "_", reason.value).upper()


@pytest.mark.parametrize("reason", Reason)
def test_reason_says_in_sentences_what_it_means_and_what_to_do(reason: Reason) -> None:
    for sentence in (reason.meaning, reason.remedy):
        assert sentence[0].isupper() or sentence.startswith("spec.")
        assert sentence.endswith(".")


def test_text_of_a_reason_finds_it_again_with_its_outlook() -> None:
    found = {reason.value: reason for reason in Reason}["SecretConflict"]

    assert found is Reason.SECRET_CONFLICT
    assert found.outlook is Outlook.TERMINAL


def test_every_outlook_has_reasons() -> None:
    assert {reason.outlook for reason in Reason} == set(Outlook)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.outlook is Outlook.TERMINAL])
def test_terminal_reason_tells_a_person_to_do_something(reason: Reason) -> None:
    assert reason.remedy not in {"Nothing.", "Wait."}

import pytest

from seatwarden.verify.strict_json import LARGEST_NUMBER, from_base64url, read_object

NINES = "9" * 5000
AMBIGUOUS = (
    '{"a":1.5}',
    '{"a":1.0}',
    '{"a":1e3}',
    '{"a":NaN}',
    '{"a":-Infinity}',
    '{"a":1,"a":1}',
    '{"a":{"b":1,"b":1}}',
    f'{{"a":{LARGEST_NUMBER + 1}}}',
    f'{{"a":{-LARGEST_NUMBER - 1}}}',
    f'{{"a":{NINES}}}',
    '{"a":' + "[" * 100_000,
)
NO_OBJECT = ("", "[]", "1", '"a"', "{", '{"a":1}{}', "{'a':1}", '{"a":01}')


@pytest.mark.parametrize("text", AMBIGUOUS + NO_OBJECT)
def test_what_could_be_read_in_several_ways_or_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each has its own words
        read_object(text.encode())


@pytest.mark.parametrize(
    "raw", [b'\xef\xbb\xbf{"a":1}', '{"a":1}'.encode("utf-16"), b'{"a":"\xff"}', b"\x00"]
)
def test_only_utf_8_is_read(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each has its own words
        read_object(raw)


def test_the_largest_numbers_are_read_exactly() -> None:
    text = f'{{"most":{LARGEST_NUMBER},"least":{-LARGEST_NUMBER}}}'
    assert read_object(text.encode()) == {"most": LARGEST_NUMBER, "least": -LARGEST_NUMBER}


@pytest.mark.parametrize(
    "text", ["", "A", "AA==", "AA=", "AB", "AAB", "A+", "A/", "A A", "AA\n", "é", None, 7, b"AA"]
)
def test_only_canonical_base64url_is_read(text: object) -> None:
    with pytest.raises(ValueError, match="base64url"):
        from_base64url(text)

"""The URL of Redis."""

import pytest

from seatwarden.backends.redis_url import read_redis_url


@pytest.mark.parametrize(
    "url",
    ["redis://:hunter2/secret@host:6379/0", "http://:hunter2@host", "", "redis://:hunter2@host:port"],
)
def test_a_url_that_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL cannot be read") as caught:
        read_redis_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["redis://host", "rediss://user:p%40ss@host:1/2", "unix:///run/redis.sock"])
def test_the_three_kinds_of_url_are_taken(url: str) -> None:
    assert read_redis_url(url) is not None

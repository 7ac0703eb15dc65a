"""The URL of Redis."""

import ssl
from pathlib import Path

import pytest

from seatwarden.backends.redis_url import Mode, Node, read_redis_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2/secret@host:6379/0",
        "http://:hunter2@host",
        "",
        "redis://:hunter2@host:port",
        "redis://:hunter2@host?unknown_parameter=1",
        "rediss://:hunter2@host?ssl_unknown=1",
        "rediss://:hunter2@host?ssl_cert_reqs=perhaps",
        "unix://:hunter2@",
        "redis+sentinel://:hunter2@host:26379",
        "redis+sentinel://:hunter2@host:26379/name/zero",
        "redis+sentinel://:hunter2@host:port/name",
        "redis+sentinel://:hunter2@host,,other/name",
        "redis+cluster://:hunter2@host:6379/3",
        "redis+cluster://:hunter2@",
        "redis+ring://:hunter2@host",
        "unix+cluster://:hunter2@host",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL cannot be read") as caught:
        read_redis_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_single_server() -> None:
    place = read_redis_url("redis://user:p%40ss@host:1/2")
    assert (place.mode, place.nodes) == (Mode.SINGLE, (Node("host", 1),))
    assert (place.login.username, place.login.password, place.login.database) == ("user", "p@ss", 2)
    assert place.login.tls is None


def test_what_is_left_out_has_the_usual_value() -> None:
    place = read_redis_url("redis://host")
    assert place.nodes == (Node("host", 6379),)
    assert (place.login.username, place.login.password, place.login.database) == (None, None, 0)


def test_a_unix_socket() -> None:
    place = read_redis_url("unix://:secret@/run/redis.sock?db=3")
    assert (place.nodes[0].path, place.login.password, place.login.database) == (
        "/run/redis.sock",
        "secret",
        3,
    )


def test_sentinels_have_a_login_of_their_own() -> None:
    place = read_redis_url(
        "redis+sentinel://user:one@a:1,b,[::1]:3/my%20master/4?sentinel_username=s&sentinel_password=two"
    )
    assert place.mode is Mode.SENTINEL
    assert place.nodes == (Node("a", 1), Node("b", 26379), Node("::1", 3))
    assert place.master_name == "my master"
    assert (place.login.username, place.login.password, place.login.database) == ("user", "one", 4)
    assert (place.sentinel_login.username, place.sentinel_login.password) == ("s", "two")
    assert place.sentinel_login.database == 0


def test_a_cluster() -> None:
    place = read_redis_url("redis+cluster://user:one@a:1,b")
    assert (place.mode, place.nodes) == (Mode.CLUSTER, (Node("a", 1), Node("b", 6379)))
    assert place.login.password == "one"


@pytest.mark.parametrize("url", ["rediss://h", "rediss+sentinel://h/name", "rediss+cluster://h"])
def test_an_s_is_tls_that_checks_certificates(url: str) -> None:
    tls = read_redis_url(url).login.tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


def test_a_check_can_be_turned_off_by_name_only() -> None:
    tls = read_redis_url("rediss://h?ssl_cert_reqs=none").login.tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_NONE


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="TLS files that cannot be used: No such file"):
        read_redis_url(f"rediss://:hunter2@h?ssl_ca_certs={tmp_path / 'absent.pem'}")


def test_no_password_is_shown_by_what_was_read() -> None:
    place = read_redis_url("redis+sentinel://:hunter2@a/name?sentinel_password=hunter3")
    assert "hunter" not in repr(place)

"""What `seatwarden operator` is told by options and by the environment, and how it says that it was told nonsense."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatwarden.runtime import operator_process
from seatwarden.runtime.operator_command import operator
from seatwarden.runtime.operator_settings import OperatorSettings
from tests.endpoint.logging_state import kept_logging

PASSWORD_URL = "redis://:hunter2@127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def _logging_and_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "SEATWARDEN_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    with kept_logging():
        yield


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[OperatorSettings]:
    """The settings with which the operator would have been started; it ends with exit code 3."""
    told: list[OperatorSettings] = []

    async def start(settings: OperatorSettings) -> int:
        told.append(settings)
        return 3

    monkeypatch.setattr(operator_process, "run_operator", start)
    return told


def run(*options: str, **environment: str) -> Result:
    return CliRunner().invoke(operator, options, env=environment)


def test_help_has_examples_defaults_and_environment_variables() -> None:
    shown = " ".join(run("--help", SEATWARDEN_REDIS_URL=PASSWORD_URL).output.split())
    for part in (
        "Examples:",
        "seatwarden operator --namespace acme --namespace beta",
        "SEATWARDEN_REDIS_URL",
        "SEATWARDEN_NAMESPACES",
        "KUBECONFIG",
        "default: seatwarden-system",
        "default: 8081",
    ):
        assert part in shown
    assert "hunter2" not in shown


def test_without_options_it_runs_as_in_a_pod(told: list[OperatorSettings]) -> None:
    result = run()
    assert result.exit_code == 3
    identity = told[0].identity
    assert identity.startswith(f"{socket.gethostname()}_")
    assert told == [
        OperatorSettings(
            redis_url="redis://127.0.0.1:6379/0", identity=identity, election_namespace="seatwarden-system"
        )
    ]


def test_every_option_arrives(told: list[OperatorSettings]) -> None:
    options = [
        *("--redis-url", "redis://r:1/2", "--kubeconfig", "/k", "--context", "c"),
        *("--namespace", "a", "--namespace", "b", "--election-namespace", "e", "--election-lease", "30"),
        *("--identity", "i", "--health-host", "127.0.0.1", "--health-port", "0", "--workers", "2"),
        *("--status-interval", "1.5", "--resync", "20", "--deletion-patience", "7.5"),
    ]
    assert run(*options).exit_code == 3
    assert told == [
        OperatorSettings(
            redis_url="redis://r:1/2",
            kubeconfig=Path("/k"),
            context="c",
            namespaces=("a", "b"),
            identity="i",
            election_namespace="e",
            election_lease=30,
            health_host="127.0.0.1",
            health_port=0,
            workers=2,
            status_interval=1.5,
            resync=20.0,
            deletion_patience=timedelta(seconds=7.5),
        )
    ]


def test_environment_does_the_same_and_an_option_wins(told: list[OperatorSettings]) -> None:
    environment = {
        "SEATWARDEN_REDIS_URL": PASSWORD_URL,
        "SEATWARDEN_NAMESPACES": "a b",
        "SEATWARDEN_ELECTION": "0",
        "SEATWARDEN_HEALTH_PORT": "9999",
        "SEATWARDEN_IDENTITY": "from-environment",
        "KUBECONFIG": "/k",
    }
    assert run("--identity", "from-option", **environment).exit_code == 3
    settings = told[0]
    assert settings.redis_url == PASSWORD_URL
    assert settings.namespaces == ("a", "b")
    assert settings.election_namespace is None
    assert settings.health_port == 9999
    assert settings.identity == "from-option"
    assert settings.kubeconfig == Path("/k")
    assert "hunter2" not in repr(settings)


def test_no_election_means_none(told: list[OperatorSettings]) -> None:
    run("--no-election")
    assert told[0].election_namespace is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--health-port", "70000"), "70000 is not in the range"),
        (("--election-lease", "2"), "2 is not in the range"),
        (("--workers", "none"), "'none' is not a valid integer"),
        (("--status-interval", "0"), "0.0 is not in the range"),
        (("--log-level", "loud"), "'loud' is not one of 'debug', 'info', 'warning', 'error'"),
        (("--kubeconfig", "."), "is a directory"),
        (("--namespaces", "a"), "No such option"),
        (("now",), "unexpected extra argument"),
    ],
)
def test_bad_options_are_errors_of_usage(options: tuple[str, ...], said: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert "Usage: operator [OPTIONS]" in result.output
    assert said in result.output


def test_no_cluster_is_a_sentence() -> None:
    result = run()
    assert result.exit_code == 1
    assert result.output.startswith("Error: This is no pod with a ServiceAccount ")
    assert "Pass --kubeconfig FILE." in result.output


def test_kubeconfig_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    result = run("--kubeconfig", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert result.output == f"Error: There is no kubeconfig {tmp_path / 'nowhere'}. Pass --kubeconfig FILE.\n"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(
        "{clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: u, user: {token: t}}], "
        "contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}"
    )
    return path


@pytest.mark.parametrize("url", ["http://:hunter2@host", "redis://:hunter2@host:port", "hunter2"])
def test_bad_redis_url_is_a_sentence_without_its_password(kubeconfig: Path, url: str) -> None:
    result = run("--kubeconfig", str(kubeconfig), SEATWARDEN_REDIS_URL=url)
    assert result.exit_code == 1
    assert "Error: the Redis URL cannot be read" in result.output
    assert "hunter2" not in result.output


def test_health_port_in_use_is_a_sentence(kubeconfig: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listen = ("--health-host", "127.0.0.1", "--health-port", str(port))
        result = run("--kubeconfig", str(kubeconfig), *listen)
    assert result.exit_code == 1
    assert f"Error: cannot listen on 127.0.0.1:{port}: " in result.output

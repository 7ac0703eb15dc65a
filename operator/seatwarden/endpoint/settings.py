"""What can be set on the endpoint, and the state that it is in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """Limits. Times are in seconds."""

    body_seconds: float = 10.0
    """How long a body may take to arrive."""
    keep_alive_seconds: float = 75.0
    """How long an idle connection stays open, and how long a client may take over its first headers."""
    linger_seconds: float = 2.0
    """How long the rest of an unread body is read and dropped, so that the client gets to see the refusal."""
    finish_seconds: float = 5.0
    """How long requests in flight may take to finish when the server closes."""
    access_log: bool = False
    """A log line for each request. Costs about as much as the request."""


class Draining:
    """Whether this server is on its way out: it still answers, but says that it is not ready."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        """Say from now on that this server is not ready, and close each connection after its next answer."""
        self.begun = True

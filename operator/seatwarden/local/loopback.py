"""Free ports on loopback, and what to do when somebody else was quicker."""

import socket

LOOPBACK = "127.0.0.1"

START_ATTEMPTS = 5
"""How many ports a server is tried on. Between finding a free port and binding it another process may take
it.
"""


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether ``port`` can be bound at this moment."""
    with socket.socket() as probe:
        # As the servers do; without it a port is "in use" for a minute after its server has gone.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True

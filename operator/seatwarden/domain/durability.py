"""How well Redis keeps what it has acknowledged, as the people who run it declare it.

It decides what a restart or a failover means. Where an acknowledged grant may be gone, one lease length has to pass before
seats are newly given. Where it cannot, nothing has to.

=============  ==========================================  ===========================  ===================================
declared       Redis is run with                           a restart or failover means  a grant costs
=============  ==========================================  ===========================  ===================================
`volatile`     anything, such as `appendfsync everysec`    a recovery                   nothing more
`fsync`        `appendonly yes`, `appendfsync always`,     nothing                      a write to the disk, shared by all
               and no failover                                                          that are under way
`replicas=N`   N replicas, of which any may be promoted    nothing                      the way to N replicas, shared
=============  ==========================================  ===========================  ===================================
"""

import re
from dataclasses import dataclass

_REPLICAS = re.compile(r"replicas=([1-9])")
EXPECTED = "expected volatile, fsync, or replicas=N with N from 1 to 9"


@dataclass(frozen=True, slots=True)
class Durability:
    """``fsync``: the disk has it before it is acknowledged; ``replicas``: so many others have it before."""

    fsync: bool = False
    replicas: int = 0

    @property
    def volatile(self) -> bool:
        """Can what was acknowledged be lost?"""
        return not self.fsync and not self.replicas

    def __str__(self) -> str:
        return "fsync" if self.fsync else f"replicas={self.replicas}" if self.replicas else "volatile"


VOLATILE = Durability()


def read_durability(text: str) -> Durability:
    """What ``text`` declares.

    Raises:
        ValueError: nothing that there is.
    """
    match = _REPLICAS.fullmatch(text)
    if match is not None:
        return Durability(replicas=int(match[1]))
    if text in {"volatile", "fsync"}:
        return Durability(fsync=text == "fsync")
    raise ValueError(f"{text!r} is no durability: {EXPECTED}")

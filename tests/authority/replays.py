"""The answers that a pool keeps for idempotency keys, and until when by the virtual clock.

Redis lets them die by its own clock, so each is made to last as soon as it is there, and taken away when its time is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from seatwarden.backends.redis_keys import replay_keys
from seatwarden.domain.seats import AcquireRequest, Code, Grant, PoolUid, Refusal
from tests.authority.virtual_time import Command, GivenTimeRunner


@dataclass(frozen=True, slots=True)
class Kept:
    """``grant`` is None where the answer was lost; its fence is known nevertheless."""

    wish: tuple[str, ...]
    fence: int
    grant: Grant | None
    until: int


def _wish(request: AcquireRequest) -> tuple[str, ...]:
    return request.holder, request.nonce, request.client_version, request.metadata


class Replays:
    """Those of one pool, by the name of their key."""

    def __init__(self, runner: GivenTimeRunner, pool: PoolUid) -> None:
        self._runner = runner
        self._pool = pool
        self._asked: str | None = None
        self.told_last = False
        self.kept: dict[str, Kept] = {}

    def looks(self) -> Sequence[Command]:
        """What is to be asked behind a call, so that the answer does not die by the wrong clock."""
        if self._asked is None:
            return ()
        return ("PTTL", self._asked), ("PERSIST", self._asked)

    def kept_for(self, request: AcquireRequest, now: int) -> Kept | None:
        """What is kept for the key of ``request``, which is about to be sent."""
        self._asked = None
        for name in [name for name, kept in self.kept.items() if kept.until <= now]:
            self._runner.ask(("DEL", name))
            del self.kept[name]
        if request.idempotency_key is None:
            return None
        self._asked = replay_keys(self._pool, request.key_hash, request.idempotency_key).replay
        return self.kept.get(self._asked)

    def told_again(self, kept: Kept, request: AcquireRequest, answer: Grant | Refusal) -> Grant | Refusal:
        """The ``answer`` to a request whose key had one before."""
        self._asked = None
        if kept.wish != _wish(request):
            assert answer == Refusal(code=Code.IDEMPOTENCY_MISMATCH)
            return answer
        assert isinstance(answer, Grant), answer
        assert answer.fence == kept.fence
        assert kept.grant in {None, answer}, "another answer to the same wish"
        return answer

    def keep(self, request: AcquireRequest, grant: Grant, until: int) -> None:
        """A seat was given."""
        if self._asked is None:
            return
        lasts, _ = self._runner.seen[-2:]
        assert grant.expires_in - 5000 < lasts <= grant.expires_in + 1, (
            "the answer is kept longer than the lease"
        )
        self.kept[self._asked] = Kept(_wish(request), grant.fence, grant, until)
        self._asked = None

    def may_be_kept(self, request: AcquireRequest, fence: int, until: int) -> None:
        """A seat was given, or none; nobody got the answer."""
        if self._asked is not None and self._runner.ask(("PERSIST", self._asked), ("EXISTS", self._asked))[1]:
            self.kept[self._asked] = Kept(_wish(request), fence, None, until)
        self._asked = None

    def all_that_is_left(self) -> None:
        """The pool was removed: nothing is there but what dies by itself."""
        [found] = self._runner.ask(("KEYS", f"*{self._pool}*"))
        assert {name.decode() for name in found} == set(self.kept)
        if found:
            self._runner.ask(("DEL", *found))
        self.kept.clear()

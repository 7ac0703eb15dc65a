"""Root keys of a place where each question costs: it is asked what it keeps once an hour, and whenever that may have changed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from seatwarden.backends.root_keys import KeptKey, KeyOwner, RootKeyRefused, RootKeys
from seatwarden.domain.root_key import RootAlgorithm

CHECKED_EVERY_SECONDS = 3600.0


@dataclass(slots=True)
class RememberedRootKeys:
    """A `RootKeys` in front of ``place``. ``clock`` is in seconds and only grows.

    Keys that are in trouble are asked for each time, so that the end of it is seen soon.
    """

    place: RootKeys
    clock: Callable[[], float]
    _kept: dict[KeyOwner, tuple[float, tuple[KeptKey, ...]]] = field(default_factory=dict)

    async def kept(self, owner: KeyOwner) -> tuple[KeptKey, ...]:
        """See `RootKeys.kept`."""
        at, known = self._kept.get(owner, (0.0, ()))
        if known and self.clock() - at < CHECKED_EVERY_SECONDS:
            return known
        self._kept.pop(owner, None)
        found = await self.place.kept(owner)
        if found and all(key.trouble is None for key in found):
            self._kept[owner] = (self.clock(), found)
        return found

    async def make(self, owner: KeyOwner, algorithm: RootAlgorithm) -> KeptKey:
        """See `RootKeys.make`."""
        self._kept.pop(owner, None)
        return await self.place.make(owner, algorithm)

    async def sign(self, owner: KeyOwner, key: KeptKey, signed: bytes) -> bytes:
        """See `RootKeys.sign`. A refusal is a reason to look at the keys again."""
        try:
            return await self.place.sign(owner, key, signed)
        except RootKeyRefused:
            self._kept.pop(owner, None)
            raise

    async def destroy(self, owner: KeyOwner, reference: str) -> None:
        """See `RootKeys.destroy`."""
        self._kept.pop(owner, None)
        await self.place.destroy(owner, reference)

    async def forget(self, owner: KeyOwner, *, destroys: bool) -> None:
        """See `RootKeys.forget`."""
        self._kept.pop(owner, None)
        await self.place.forget(owner, destroys=destroys)

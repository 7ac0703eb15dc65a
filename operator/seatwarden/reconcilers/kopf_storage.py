"""kopf without a memory: we reconcile from what we read, so nothing of an object has to be stored or compared by kopf.

Its own storages copy every object deeply on every event to find out what changed, which nobody here asks for.
"""

from collections.abc import Iterable
from typing import Any

from kopf import AnnotationsDiffBaseStorage, ProgressStorage


class NoDiffBase(AnnotationsDiffBaseStorage):
    """Every object has the same, empty essence, and none was ever seen before."""

    def build(self, *, body: Any, extra_fields: Iterable[Any] | None = None) -> Any:  # noqa: ARG002  kopf's signature
        """The essence: nothing."""
        return {}

    def fetch(self, *, body: Any) -> Any:  # noqa: ARG002  kopf's signature
        """The essence as it was: not known."""
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Keep nothing."""


class NoProgress(ProgressStorage):
    """Watch events are handed over once; there is no progress to keep."""

    def fetch(self, *, key: Any, body: Any) -> Any:  # noqa: ARG002  kopf's signature
        """The progress of a handler: none."""
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        """Keep nothing."""

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        """Forget nothing."""

    def touch(self, *, body: Any, patch: Any, value: str | None) -> None:
        """Never write to an object to wake up."""

    def clear(self, *, essence: Any) -> Any:
        """The essence as it is."""
        return essence

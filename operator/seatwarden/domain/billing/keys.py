"""Idempotency keys: what makes a repeated call one and the same, and another call another one.

A key follows from what is wished and from what was there before, and never from a clock or from chance; so a process that died
between the call and its answer makes the same key again. Three things decide what goes into it.

- Stripe answers a key from memory for a day, without doing anything. If the seats go from 5 to 10, back to 5, and to 10 again
  within it, the third change must have another key than the first. So a change has a revision in its key
  (`seatwarden.domain.billing.applied`), which grows with each change, and is written by the very call.
- A key that comes again with other values is refused. What is made, though, is the same thing whatever values it begins with: two
  keys for it are two subscriptions. So a creation has no values in its key, only whose it is and what it takes the place of.
- Refusals are remembered, too: a card that was declined is declined for a day, whatever the customer does. A refused call has
  certainly done nothing, so the number of refusals is in every key.

After a day Stripe forgets the key. Then what it made is found by look-up, which comes before every creation.
"""

from hashlib import sha256

MAX_LENGTH = 255
"""Of an idempotency key, at Stripe."""


def creation_key(kind: str, *, owner: str, cluster: str, instead_of: str | None, refusals: int) -> str:
    """The key of the call that makes a ``kind`` for ``owner``. ``instead_of`` is the id of the latest one that it had, None
    where this is the first."""
    return _key(f"new-{kind}", owner, cluster, instead_of or "", str(refusals))


def change_key(subscription: str, *, owner: str, change: str, refusals: int) -> str:
    """The key of ``change``, as text with the revision that it writes, that ``owner`` makes of a subscription."""
    return _key("change", subscription, owner, change, str(refusals))


def _key(kind: str, *parts: str) -> str:
    # Lengths in front, so that no two lists of parts are one text.
    told = "".join(f"{len(part)}:{part}" for part in parts)
    return f"sw-{kind}-{sha256(told.encode()).hexdigest()}"

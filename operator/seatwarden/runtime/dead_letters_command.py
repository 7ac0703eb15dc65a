"""`seatwarden dead-letters`: what the operator gave up on, for a person to look at and to put back."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import click

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.stripe_stream import FIRST, DeadLetter, StripeStream
from seatwarden.runtime.logging import redact

EXAMPLES = """
\b
Examples:
  seatwarden dead-letters                                list them
  seatwarden dead-letters --replay                       put all back
  seatwarden dead-letters --replay 1764590400000-0       put one back

Give a Redis URL that has a password in SEATWARDEN_REDIS_URL: the arguments of a process can be read by everybody
on its machine.
"""
_ENTRY = re.compile(r"[0-9]{1,20}-[0-9]{1,20}", re.ASCII)
_PAGE = 500


@click.command("dead-letters", epilog=EXAMPLES, context_settings={"auto_envvar_prefix": "SEATWARDEN"})
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--replay", is_flag=True, help="Put them back: the operator tries them again.")
@click.option(
    "--redis-url",
    default="redis://127.0.0.1:6379/0",
    show_default=True,
    envvar="SEATWARDEN_REDIS_URL",
    show_envvar=True,
    help="The Redis or Valkey of the operator.",
)
def dead_letters(*, ids: tuple[str, ...], replay: bool, redis_url: str) -> None:
    """List Stripe's events that the operator gave up on, or put them back.

    An event is given up when its object could not be looked at for about a day. Mend what was wrong, then put
    it back. Each line has: ID, when it came, how often it was tried, type of object, object, customer, subscription, why.
    """
    for one in ids:
        if not _ENTRY.fullmatch(one):
            raise click.UsageError(f"{one!r} is no id of a dead letter; they look like 1764590400000-0")
    try:
        asyncio.run(_replay(redis_url, ids) if replay else _list(redis_url, ids))
    except AuthorityUnavailable as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.ClickException(redact(f"cannot use --redis-url: {error}")) from None


async def _list(redis_url: str, ids: tuple[str, ...]) -> None:
    stream = StripeStream.connect(redis_url)
    try:
        async for letter in _letters(stream):
            if not ids or letter.id in ids:
                click.echo(_line(letter))
    finally:
        await stream.close()


async def _replay(redis_url: str, ids: tuple[str, ...]) -> None:
    stream = StripeStream.connect(redis_url)
    try:
        wanted = list(ids) or [letter.id async for letter in _letters(stream)]
        moved = await stream.replay(wanted)
    finally:
        await stream.close()
    click.echo(f"{moved} put back")
    if moved < len(ids):
        click.echo(f"{len(ids) - moved} not found: put back already?", err=True)


async def _letters(stream: StripeStream) -> AsyncIterator[DeadLetter]:
    after = FIRST
    while page := await stream.dead(after=after, count=_PAGE):
        for letter in page:
            yield letter
        after = page[-1].id


def _line(letter: DeadLetter) -> str:
    entry = letter.entry
    if entry is None:
        return f"{letter.id}  {letter.why}"
    change = entry.change
    came = datetime.fromtimestamp(entry.arrived_ms / 1000, UTC).isoformat(timespec="seconds")
    words = (
        *(letter.id, came, str(entry.tries), change.object.kind.value, change.object.id),
        *(change.customer or "-", change.subscription or "-", letter.why),
    )
    return "  ".join(words)

"""`seatwarden ready`: ask processes whether they are ready, from where programs and scrapes come."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import httpx

EXAMPLES = """
\b
Examples:
  seatwarden ready http://127.0.0.1:8080
  seatwarden ready http://seatwarden http://seatwarden-operator:8081 --within 60
"""

_ASK_SECONDS = 5.0
_PAUSE_SECONDS = 0.5


@click.command("ready", short_help="Ask whether processes are ready.", epilog=EXAMPLES)
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option(
    "--within",
    type=click.FloatRange(0, 3600),
    default=0.0,
    show_default=True,
    help="Seconds to ask again and again. 0 asks once.",
)
def ready(urls: tuple[str, ...], within: float) -> None:
    """Ask each operator or endpoint at URL whether it is ready.

    Ends with status 0 when all said so, and with 1 when the time is over; then it tells who did not, and what came instead.
    """
    answers = asyncio.run(_ask_all(urls, within))
    for url, trouble in answers.items():
        click.echo(f"{url} is ready" if trouble is None else f"{url} is not ready: {trouble}")
    sys.exit(0 if all(trouble is None for trouble in answers.values()) else 1)


async def _ask_all(urls: tuple[str, ...], within: float) -> dict[str, str | None]:
    """What kept each from being ready, or None. All are asked at a time."""
    import httpx

    async with httpx.AsyncClient(timeout=_ASK_SECONDS, trust_env=False) as client:
        deadline = time.monotonic() + within

        async def until_ready(url: str) -> str | None:
            while True:
                trouble = await _trouble(client, url)
                if trouble is None or time.monotonic() >= deadline:
                    return trouble
                await asyncio.sleep(_PAUSE_SECONDS)

        troubles = await asyncio.gather(*map(until_ready, urls))
    return dict(zip(urls, troubles, strict=True))


async def _trouble(client: "httpx.AsyncClient", url: str) -> str | None:
    import httpx

    try:
        answer = await client.get(f"{url.rstrip('/')}/readyz")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__
    return None if answer.is_success else f"it answered {answer.status_code}: {answer.text.strip()[:200]}"

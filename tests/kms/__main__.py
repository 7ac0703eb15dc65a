"""The stand-in of Google Cloud KMS by hand: `python -m tests.kms KEYRING` prints its endpoint, and runs until it is stopped.

Its keys are real and go with it. It asks nobody who they are, so it listens on this machine only.
"""

import asyncio
import contextlib
import sys

from tests.kms.fake_server import fake_kms_server


async def serve(rings: list[str]) -> None:
    """Have these key rings, with nothing in them."""
    async with fake_kms_server() as server:
        server.kms.rings.update(rings)
        print(server.endpoint, flush=True)  # noqa: T201  it is what the command is for
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) == 1 or sys.argv[1].startswith("-"):
        raise SystemExit("usage: python -m tests.kms projects/P/locations/L/keyRings/R …")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1:]))

import asyncio
import time

import pytest

from tests.reconcilers.virtual_time import VirtualTimeLoop, until


async def test_a_day_passes_in_no_time_and_to_the_second() -> None:
    began, loop = time.monotonic(), asyncio.get_running_loop()
    await until(86_400.0)

    assert loop.time() == 86_400.0
    assert time.monotonic() - began < 10


async def test_timers_go_off_in_order_of_time() -> None:
    order: list[str] = []
    loop = asyncio.get_running_loop()
    loop.call_later(60.0, order.append, "second")
    loop.call_later(0.5, order.append, "first")
    await until(60.0)

    assert order == ["first", "second"]


def test_a_wait_without_an_end_is_an_error_and_no_hanging_test() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner, pytest.raises(RuntimeError, match="waits"):
        runner.run(asyncio.Event().wait())

"""Trying mutants: each against all scenes until one kills it, in as many processes as are wanted."""

import asyncio
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.domain.seats import Millis
from seatwarden.local.valkey import Valkey
from tests.authority.mutants.battery import SCENES
from tests.authority.mutants.mutations import Mutant
from tests.authority.mutants.walk import LEASE
from tests.authority.simulation.servers import memory_server
from tests.authority.twin import Twin
from tests.authority.virtual_time import GivenTimeRunner, Unanswered, VirtualClock, with_given_time

# A script that is still running then will never end.
_PATIENCE_SECONDS = 2.0
_SCENE_SECONDS = 20
_BATCH = 25


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: the scene that killed it, or None where all let it live."""

    mutant: Mutant
    killed_by: str | None


def is_lua(mutant: Mutant, runner: GivenTimeRunner) -> bool:
    """Whether Redis would load it."""
    texts = mutant.texts().values()
    if any("redis.call('TIME')" not in text for text in texts):
        return True  # it reads no clock; the trial will say what comes of that
    loaded = runner.ask(*(("SCRIPT", "LOAD", with_given_time(text)) for text in texts))
    return not any(isinstance(reply, Exception) for reply in loaded)


def try_mutant(mutant: Mutant, server: Valkey) -> Verdict:
    """Let the scenes have it."""
    try:
        runner = GivenTimeRunner(
            server, VirtualClock(), texts=mutant.texts(), limit_seconds=_PATIENCE_SECONDS
        )
    except AssertionError:
        return Verdict(mutant, "it reads no clock")
    signal.signal(signal.SIGALRM, _give_up)
    with runner:
        runner.ask(("FLUSHALL",), ("SCRIPT", "FLUSH"))
        for scene in SCENES:
            signal.alarm(_SCENE_SECONDS)
            try:
                scene(Twin(runner, lease=Millis(LEASE)))
            except (Unanswered, AuthorityUnavailable) as error:
                if isinstance(error, Unanswered) or isinstance(error.__cause__, Unanswered):
                    server.kill()
                    asyncio.run(server.start())
                return Verdict(mutant, scene.__name__)
            except BaseException as broken:  # pytest's failures are no Exceptions
                if isinstance(broken, KeyboardInterrupt):
                    raise
                return Verdict(mutant, scene.__name__)
            finally:
                signal.alarm(0)
    return Verdict(mutant, None)


def _give_up(*_: object) -> None:
    raise TimeoutError("the scene does not end")


def _try_batch(mutants: list[Mutant]) -> list[Verdict]:
    verdicts = []
    with memory_server(durable=False) as server:
        for mutant in mutants:
            with GivenTimeRunner(server, VirtualClock()) as right:
                lua = is_lua(mutant, right)
            if lua:
                verdicts.append(try_mutant(mutant, server))
    return verdicts


def try_all(mutants: Iterable[Mutant], *, processes: int | None = None) -> Iterator[list[Verdict]]:
    """The verdicts in batches, as they come; mutants that are no Lua get none."""
    chosen = list(mutants)
    batches = [chosen[at : at + _BATCH] for at in range(0, len(chosen), _BATCH)]
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        for done in as_completed([pool.submit(_try_batch, batch) for batch in batches]):
            yield done.result()

"""The watch over the authority: a Redis that may not hold seats, and one that has lost its pools."""

from dataclasses import dataclass, field

import pytest

from seatwarden.reconcilers.authority_watch import FITNESS_SECONDS, AuthorityWatch
from tests.reconcilers.authority_in_memory import AuthorityInMemory


@dataclass
class Post:
    """A watch, with what it sees and asks for. The first look at the fitness is behind it."""

    authority: AuthorityInMemory = field(default_factory=AuthorityInMemory)
    now: float = 0.0
    asked: int = 0
    idle: bool = True

    def __post_init__(self) -> None:
        self.watch = AuthorityWatch(
            authority=self.authority,
            clock=lambda: self.now,
            reconcile_all=self.ask,
            is_idle=lambda: self.idle,
        )

    def ask(self) -> None:
        self.asked += 1


@pytest.fixture
async def post() -> Post:
    """A watch over an authority that is as it should be."""
    post = Post()
    await post.watch.look()
    return post


async def test_an_authority_that_is_as_it_should_be_asks_for_nothing(post: Post) -> None:
    for _ in range(50):
        post.now += 2
        await post.watch.look()
    assert (post.asked, post.watch.problem) == (0, None)


async def test_an_unfit_authority_is_a_problem_until_it_is_mended_and_each_turn_is_told_to_all(
    post: Post,
) -> None:
    post.authority.problem = "set maxmemory-policy noeviction"
    post.now += FITNESS_SECONDS
    await post.watch.look()
    assert (post.asked, post.watch.problem) == (1, "set maxmemory-policy noeviction")
    post.now += FITNESS_SECONDS
    await post.watch.look()
    assert post.asked == 1
    post.authority.problem = None
    post.now += FITNESS_SECONDS
    await post.watch.look()
    assert (post.asked, post.watch.problem) == (2, None)


async def test_the_fitness_is_not_asked_for_at_every_look(post: Post) -> None:
    post.authority.problem = "too old"
    post.now += FITNESS_SECONDS - 1
    await post.watch.look()
    assert post.watch.problem is None


async def test_a_missing_mark_has_all_pools_reconciled_once_and_is_set_when_that_is_done(post: Post) -> None:
    """behaviour 11"""
    post.authority.provisioned, post.idle = False, False
    for _ in range(3):
        await post.watch.look()
    assert (post.asked, post.authority.provisioned) == (1, False)
    post.idle = True
    await post.watch.look()
    assert (post.asked, post.authority.provisioned) == (1, True)


async def test_a_mark_that_goes_missing_again_is_asked_for_again(post: Post) -> None:
    for _ in range(2):
        post.authority.provisioned = False
        for _ in range(3):
            await post.watch.look()
    assert post.asked == 2


async def test_no_mark_is_set_on_an_authority_that_may_not_hold_seats(post: Post) -> None:
    post.authority.problem, post.authority.provisioned = "too old", False
    post.now += FITNESS_SECONDS
    for _ in range(3):
        await post.watch.look()
    assert not post.authority.provisioned


async def test_an_authority_that_is_away_tells_nothing_new(post: Post) -> None:
    post.authority.problem, post.authority.calls_left = "too old", 0
    post.now += FITNESS_SECONDS
    await post.watch.look()
    assert (post.asked, post.watch.problem) == (0, None)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.epoch import FIRST_EPOCH, next_epoch, standing_epoch, state_was_lost
from seatwarden.domain.seats import FENCE_COUNTER_BITS

EPOCH = st.none() | st.integers(FIRST_EPOCH, 2**21 - 2)


@pytest.mark.parametrize(
    ("remembered", "observed", "epoch", "lost"),
    [
        pytest.param(None, None, 1, False, id="a new pool begins in the first epoch"),
        pytest.param(None, 4, 4, False, id="a status that was wiped takes over what the authority has"),
        pytest.param(3, 3, 3, False, id="what is as it was stays"),
        pytest.param(3, 5, 5, False, id="the authority may be further than a status not yet written"),
        pytest.param(3, None, 4, True, id="no state at all is a loss"),
        pytest.param(3, 2, 4, True, id="an older snapshot is a loss"),
    ],
)
def test_an_epoch_is_raised_exactly_when_something_was_lost(
    remembered: int | None, observed: int | None, epoch: int, lost: bool
) -> None:
    assert next_epoch(remembered=remembered, observed=observed) == epoch
    assert state_was_lost(remembered=remembered, observed=observed) is lost


@pytest.mark.parametrize(
    ("remembered", "observed", "epoch"),
    [(None, None, None), (3, None, 3), (None, 4, 4), (3, 2, 3), (3, 5, 5)],
)
def test_while_nothing_may_be_written_a_loss_changes_no_epoch(
    remembered: int | None, observed: int | None, epoch: int | None
) -> None:
    assert standing_epoch(remembered=remembered, observed=observed) == epoch


@given(remembered=EPOCH, observed=EPOCH)
def test_the_next_epoch_is_never_behind_anything_known(remembered: int | None, observed: int | None) -> None:
    epoch = next_epoch(remembered=remembered, observed=observed)

    assert epoch >= max(remembered or FIRST_EPOCH, observed or FIRST_EPOCH)
    assert (epoch > (remembered or 0)) or not state_was_lost(remembered=remembered, observed=observed)


@given(st.lists(st.one_of(st.just("grant"), st.just("flush"), st.integers(0, 30)), max_size=40))
def test_fences_grow_whatever_is_flushed_or_restored_from_a_backup(history: list[str | int]) -> None:
    remembered: int | None = None
    authority: tuple[int, int] | None = None
    backups: list[tuple[int, int]] = []
    fences = [0]
    for event in history:
        match event:
            case "flush":
                authority = None
            case int() if event < len(backups) and authority is not None:
                # A backup of the present epoch would be the authority's own, durable past; others are older.
                authority = backups[event] if backups[event][0] < authority[0] else authority
            case _:
                epoch = next_epoch(
                    remembered=remembered, observed=None if authority is None else authority[0]
                )
                counter = authority[1] if authority is not None and authority[0] == epoch else 0
                authority, remembered = (epoch, counter + 1), epoch
                backups.append(authority)
                fences.append((epoch << FENCE_COUNTER_BITS) + counter + 1)
    assert fences == sorted(set(fences))

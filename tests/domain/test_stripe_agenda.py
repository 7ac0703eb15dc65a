from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.backoff import Backoff
from seatwarden.domain.stripe_agenda import DAY_MS, Agenda, HandOver, Patience
from seatwarden.domain.stripe_events import Change
from tests.workers.stripe_objects import change_of, changed, entry_about

PATIENCE = Patience(
    pauses=Backoff(first=4.0, longest=16.0), most_tries=3, old_ms=DAY_MS, most_tries_when_old=2
)
FULL_JITTER = 1.0


@pytest.fixture
def agenda() -> Agenda:
    """With nothing in it."""
    return Agenda(PATIENCE)


def ids(hand_over: HandOver) -> list[str]:
    return [entry.id for entry in hand_over.entries]


def only(begun: list[HandOver]) -> HandOver:
    (one,) = begun
    return one


def test_many_events_about_an_object_are_one_hand_over(agenda: Agenda) -> None:
    for sequence in range(5):
        assert agenda.add(entry_about(1, sequence), 0.0)
    agenda.add(entry_about(2, 9), 0.0)
    first, second = agenda.begin(0.0, 10)
    assert (first.change, ids(first)) == (change_of(1), ["0-0", "0-1", "0-2", "0-3", "0-4"])
    assert (second.change.object, ids(second)) == (changed(2), ["0-9"])
    assert agenda.succeeded(first, 0.0) == ("0-0", "0-1", "0-2", "0-3", "0-4")
    assert agenda.held == {"0-9"}


def test_an_entry_that_is_here_already_is_not_added_again(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0), 0.0)
    assert not agenda.add(entry_about(1, 0), 0.0)
    one = only(agenda.begin(0.0, 10))
    assert not agenda.add(entry_about(1, 0), 0.0)
    agenda.succeeded(one, 0.0)
    assert agenda.begin(0.0, 10) == []
    assert agenda.add(entry_about(1, 0), 0.0), "it came again after it was done with"


def test_what_comes_while_an_object_is_in_the_air_is_handed_over_after_it(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0), 0.0)
    first = only(agenda.begin(0.0, 10))
    agenda.add(entry_about(1, 1), 1.0)
    assert agenda.begin(1.0, 10) == []
    assert agenda.succeeded(first, 2.0) == ("0-0",)
    assert ids(only(agenda.begin(2.0, 10))) == ["0-1"]


def test_a_failure_waits_longer_each_time_and_counts_its_tries(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0), 0.0)
    first = only(agenda.begin(0.0, 10))
    assert (first.entries[0].tries, first.again) == (1, ())
    assert agenda.failed(first, 0.0, 0, FULL_JITTER) == ()
    assert agenda.next_due() == 4.0
    assert agenda.begin(3.9, 10) == []
    second = only(agenda.begin(4.0, 10))
    assert (second.entries[0].tries, second.again) == (2, ("0-0",))
    assert agenda.failed(second, 4.0, 0, FULL_JITTER) == ()
    third = only(agenda.begin(12.0, 10))
    assert [entry.id for entry in agenda.failed(third, 12.0, 0, FULL_JITTER)] == ["0-0"]
    assert (len(agenda), agenda.begin(1e9, 10)) == (0, [])


def test_a_failure_waits_also_where_several_events_had_made_the_object_due(agenda: Agenda) -> None:
    for sequence in range(3):
        agenda.add(entry_about(1, sequence), 0.0)
    agenda.failed(only(agenda.begin(0.0, 1)), 0.0, 0, FULL_JITTER)
    assert agenda.begin(3.9, 10) == []
    assert len(only(agenda.begin(4.0, 10)).entries) == 3


def test_a_new_event_is_a_reason_to_try_at_once(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0), 0.0)
    agenda.failed(only(agenda.begin(0.0, 10)), 0.0, 0, FULL_JITTER)
    agenda.add(entry_about(1, 1), 1.0)
    again = only(agenda.begin(1.0, 10))
    assert (ids(again), again.again) == (["0-0", "0-1"], ("0-0",))
    assert [entry.tries for entry in again.entries] == [2, 1]


def test_an_event_that_came_during_a_failure_is_tried_at_once(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0), 0.0)
    first = only(agenda.begin(0.0, 10))
    agenda.add(entry_about(1, 1), 0.5)
    agenda.failed(first, 1.0, 0, FULL_JITTER)
    assert set(ids(only(agenda.begin(1.0, 10)))) == {"0-0", "0-1"}


def test_only_those_that_were_tried_too_often_are_given_up(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0, tries=3), 0.0)
    agenda.add(entry_about(1, 1, tries=1), 0.0)
    over = agenda.failed(only(agenda.begin(0.0, 10)), 0.0, 0, FULL_JITTER)
    assert [entry.id for entry in over] == ["0-0"]
    assert agenda.held == {"0-1"}
    assert agenda.next_due() is not None


def test_after_a_long_absence_an_old_event_is_tried_a_few_times_all_the_same(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0, arrived_ms=0), 0.0)
    three_days = 3 * DAY_MS
    assert agenda.failed(only(agenda.begin(0.0, 10)), 0.0, three_days, FULL_JITTER) == ()
    over = agenda.failed(only(agenda.begin(9.0, 10)), 9.0, three_days, FULL_JITTER)
    assert [entry.tries for entry in over] == [2]


def test_what_was_not_handed_over_after_all_is_no_try(agenda: Agenda) -> None:
    agenda.add(entry_about(1, 0), 0.0)
    agenda.postponed(only(agenda.begin(0.0, 10)), 5.0)
    assert agenda.begin(4.0, 10) == []
    one = only(agenda.begin(5.0, 10))
    assert (one.entries[0].tries, one.again) == (1, ())
    agenda.failed(one, 5.0, 0, FULL_JITTER)
    agenda.postponed(only(agenda.begin(9.0, 10)), 9.0)
    assert (again := only(agenda.begin(9.0, 10))).again == ("0-0",)
    assert again.entries[0].tries == 2


def test_no_more_are_begun_than_asked_for_and_those_due_longest_first(agenda: Agenda) -> None:
    for number, due in ((1, 3.0), (2, 1.0), (3, 2.0)):
        agenda.add(entry_about(number, number), due)
    assert [one.change.object for one in agenda.begin(3.0, 2)] == [changed(2), changed(3)]
    assert agenda.begin(3.0, 0) == []
    assert [one.change.object for one in agenda.begin(3.0, 2)] == [changed(1)]


def test_the_latest_reference_that_any_event_had_is_the_hint(agenda: Agenda) -> None:
    for sequence, customer in enumerate(("cus_a", "cus_b", "")):
        entry = entry_about(1, sequence)
        agenda.add(
            type(entry)(
                id=entry.id,
                event=entry.event,
                arrived_ms=0,
                tries=1,
                change=Change(object=changed(1), customer=customer),
            ),
            0.0,
        )
    assert only(agenda.begin(0.0, 1)).change == Change(object=changed(1), customer="cus_b")


def test_the_same_id_in_two_accounts_is_two_objects(agenda: Agenda) -> None:
    one, other = entry_about(1, 0), entry_about(1, 1)
    elsewhere = type(other)(
        id=other.id, event="e", arrived_ms=0, tries=1, change=change_of(1, account="acct_1")
    )
    agenda.add(one, 0.0)
    agenda.add(elsewhere, 0.0)
    assert len(agenda.begin(0.0, 10)) == 2


class Course:
    """An agenda, what is in the air, and which entries are owed."""

    def __init__(self) -> None:
        self.agenda = Agenda(Patience(most_tries=4))
        self.now = 0.0
        self.sequence = 0
        self.air: list[HandOver] = []
        self.owed: set[str] = set()

    def add(self, number: int) -> None:
        self.sequence += 1
        entry = entry_about(number, self.sequence)
        assert self.agenda.add(entry, self.now)
        self.owed.add(entry.id)

    def begin(self, number: int) -> None:
        self.air += self.agenda.begin(self.now, number)

    def _one(self, number: int) -> Iterator[HandOver]:
        if self.air:
            yield self.air.pop(number % len(self.air))

    def succeed(self, number: int) -> None:
        for one in self._one(number):
            self.owed -= set(self.agenda.succeeded(one, self.now))

    def fail(self, number: int) -> None:
        for one in self._one(number):
            self.owed -= {entry.id for entry in self.agenda.failed(one, self.now, 0, 0.5)}

    def postpone(self, number: int) -> None:
        for one in self._one(number):
            self.agenda.postponed(one, self.now)

    def end(self) -> None:
        """All is begun and succeeds."""
        self.now = 1e9
        self.begin(10)
        while self.air:
            self.succeed(0)
            self.begin(10)


STEP = st.sampled_from([Course.add, Course.begin, Course.succeed, Course.fail, Course.postpone])


@given(st.lists(st.tuples(STEP, st.integers(0, 3)), max_size=60))
def test_whatever_happens_nothing_is_forgotten_and_nothing_is_twice_in_the_air(
    steps: list[tuple[Callable[[Course, int], None], int]],
) -> None:
    course = Course()
    for step, number in steps:
        course.now += 1.0
        step(course, number)
        assert course.agenda.held == course.owed
        assert len({one.change.object for one in course.air}) == len(course.air)
    course.end()
    assert not course.owed
    assert (len(course.agenda), course.agenda.next_due()) == (0, None)

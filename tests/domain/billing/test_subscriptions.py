from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.billing.applied import Applied
from seatwarden.domain.billing.calls import (
    CancelSubscription,
    ChangeSubscription,
    CreateCheckout,
    CreateSubscription,
    ExpireCheckout,
)
from seatwarden.domain.billing.facts import Collection, PageState, StripeStatus, SubscriptionFacts
from seatwarden.domain.billing.subscriptions import Seen, is_alive, plan, subscription_farewell
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Cancel, CollectionMethod, Downgrade, DriftPolicy
from seatwarden.resources.tenant import DeletionPolicy
from tests.domain.billing.stripe_account import (
    CHEAPER,
    MONTH,
    MONTHLY,
    YEARLY,
    Charge,
    Refused,
    StripeAccount,
)
from tests.domain.billing.wishes import (
    CLUSTER,
    NOON,
    OWNER,
    account_with,
    begun,
    converge,
    subscription,
    wish,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PAGE = {"collection": CollectionMethod.CHECKOUT}


def only(account: StripeAccount) -> SubscriptionFacts:
    """The one subscription that is alive."""
    (found,) = account.alive()
    return found


def test_it_begins_with_what_the_spec_says_and_is_charged_once() -> None:
    account, _ = begun()

    found = only(account)
    assert (found.quantity, found.price.id, found.owner, found.cluster) == (5, MONTHLY.id, OWNER, CLUSTER)
    assert account.charges == [Charge(found.id, "period", 5)]
    assert account.calls == 1


def test_what_is_as_wished_is_left_alone() -> None:
    account, wanted = begun()
    step = plan(wanted, account.seen(), account.now)
    assert (step.call, step.drift, step.problem) == (None, (), None)


def test_a_creation_has_one_key_whatever_it_begins_with_so_that_it_cannot_be_doubled() -> None:
    account = StripeAccount(now=NOON)
    first = plan(wish(seats=5), account.seen(), NOON).call
    second = plan(wish(seats=7), account.seen(), NOON + HOUR).call

    assert isinstance(first, CreateSubscription)
    assert isinstance(second, CreateSubscription)
    assert first.key == second.key
    account.call(first)
    with pytest.raises(Refused):
        account.call(second)
    converge(account, wish(seats=7))
    assert only(account).quantity == 7


def test_a_refused_creation_is_tried_again_under_another_key() -> None:
    keys = {plan(wish(refusals=number), Seen(), NOON).call.key for number in range(3)}  # type: ignore[union-attr]
    assert len(keys) == 3


def test_owners_and_clusters_do_not_share_keys() -> None:
    keys = {
        plan(wish(owner=owner, cluster=cluster), Seen(), NOON).call.key  # type: ignore[union-attr]
        for owner, cluster in [("a", "bc"), ("ab", "c"), ("a", "b"), ("b", "a")]
    }
    assert len(keys) == 4


def test_after_a_day_the_look_up_finds_what_the_key_has_forgotten() -> None:
    account, wanted = begun()
    account.pass_until(NOON + 2 * DAY)
    assert plan(wanted, account.seen(), account.now).call is None


def test_up_and_down_and_up_again_within_a_day_is_three_changes() -> None:
    account, wanted = begun(downgrade=Downgrade.IMMEDIATELY)
    for seats in (10, 5, 10, 5, 10):
        converge(account, replace(wanted, seats=seats))
        assert only(account).quantity == seats


@pytest.mark.parametrize("policy", DriftPolicy)
def test_every_call_may_be_repeated(policy: DriftPolicy) -> None:
    account = StripeAccount(now=NOON)
    for seats, price in ((5, MONTHLY), (9, MONTHLY), (3, MONTHLY), (12, YEARLY), (2, CHEAPER)):
        converge(account, wish(seats=seats, price=price, drift_policy=policy), twice=True)
        assert (only(account).quantity, only(account).price) == (seats, price)


def test_more_seats_are_charged_at_once_for_the_rest_of_the_period() -> None:
    account, wanted = begun()
    account.pass_until(NOON + 10 * DAY)
    converge(account, replace(wanted, seats=8))

    assert account.charges[1:] == [Charge(only(account).id, "proration", 3)]
    assert only(account).paid_seats is None


def test_fewer_seats_are_billed_from_the_next_period_and_kept_until_then() -> None:
    account, wanted = begun()
    account.pass_until(NOON + 10 * DAY)
    end = only(account).period_end
    converge(account, replace(wanted, seats=2))

    found = only(account)
    assert (found.quantity, found.paid_seats, found.paid_until) == (2, 5, end)
    assert account.charges[1:] == []
    account.pass_until(end)
    assert account.charges[1:] == [Charge(found.id, "period", 2)]


def test_seats_that_are_paid_for_come_back_for_nothing() -> None:
    account, wanted = begun()
    for seats in (2, 4, 5, 1, 5):
        converge(account, replace(wanted, seats=seats))
    found = only(account)
    assert (found.quantity, found.paid_seats) == (5, None)
    assert account.charges[1:] == []


def test_only_what_goes_beyond_the_paid_seats_is_charged() -> None:
    account, wanted = begun()
    converge(account, replace(wanted, seats=2))
    converge(account, replace(wanted, seats=9))

    assert account.charges[1:] == [Charge(only(account).id, "proration", 4)]
    assert (only(account).quantity, only(account).paid_seats) == (9, None)


def test_paid_seats_of_a_period_that_is_over_are_nothing_worth() -> None:
    account, wanted = begun()
    converge(account, replace(wanted, seats=2))
    account.pass_until(NOON + MONTH)
    converge(account, replace(wanted, seats=5))

    assert account.charges[2:] == [Charge(only(account).id, "proration", 3)]


def test_fewer_seats_at_once_are_credited() -> None:
    account, wanted = begun(downgrade=Downgrade.IMMEDIATELY)
    converge(account, replace(wanted, seats=2))

    assert account.charges[1:] == [Charge(only(account).id, "credit", -3)]
    assert (only(account).quantity, only(account).paid_seats) == (2, None)


@pytest.mark.parametrize("seats", [2, 9])
def test_in_a_trial_nothing_is_charged_credited_or_kept(seats: int) -> None:
    account, wanted = begun(trial_end=NOON + 14 * DAY)
    converge(account, replace(wanted, seats=seats))

    assert (only(account).quantity, only(account).paid_seats) == (seats, None)
    assert account.charges == []


@pytest.mark.parametrize(
    ("before", "after", "downgrade", "reasons"),
    [
        (CHEAPER, MONTHLY, Downgrade.AT_PERIOD_END, ["proration"]),
        (MONTHLY, CHEAPER, Downgrade.AT_PERIOD_END, []),
        (MONTHLY, CHEAPER, Downgrade.IMMEDIATELY, ["proration"]),
        (MONTHLY, YEARLY, Downgrade.AT_PERIOD_END, ["proration"]),
        (YEARLY, MONTHLY, Downgrade.AT_PERIOD_END, ["proration"]),
    ],
)
def test_a_dearer_price_and_another_interval_count_at_once(
    before: Any, after: Any, downgrade: Downgrade, reasons: list[str]
) -> None:
    account, wanted = begun(price=before, downgrade=downgrade)
    converge(account, replace(wanted, price=after))

    assert only(account).price == after
    assert [charge.reason for charge in account.charges[1:]] == reasons


def test_of_a_price_without_one_amount_nobody_knows_whether_it_is_cheaper() -> None:
    tiered = replace(MONTHLY, id="price_cheap", unit_amount=None)
    account, wanted = begun()
    call = plan(replace(wanted, price=tiered), account.seen(), NOON).call
    assert isinstance(call, ChangeSubscription)
    assert call.change.proration.value == "always_invoice"


def test_price_and_seats_change_one_after_the_other() -> None:
    account, wanted = begun()
    converge(account, replace(wanted, price=YEARLY, seats=3))

    found = only(account)
    assert (found.price, found.quantity, found.paid_seats) == (YEARLY, 3, 5)
    assert account.calls == 3


def test_an_end_with_the_period_is_asked_for_and_taken_back() -> None:
    account, wanted = begun()
    converge(account, replace(wanted, cancel=Cancel.AT_PERIOD_END))
    assert only(account).cancel_at_period_end
    converge(account, wanted)
    assert not only(account).cancel_at_period_end
    account.pass_until(NOON + 2 * MONTH)
    assert only(account).status is StripeStatus.ACTIVE


def test_what_ended_as_the_spec_says_begins_anew_when_the_spec_takes_that_back() -> None:
    account, wanted = begun()
    converge(account, replace(wanted, cancel=Cancel.AT_PERIOD_END))
    account.pass_until(NOON + MONTH)
    assert account.alive() == []
    assert converge(account, replace(wanted, cancel=Cancel.AT_PERIOD_END)).call is None

    converge(account, wanted)
    assert only(account).created == NOON + MONTH


def test_an_end_now_is_written_down_first() -> None:
    account, wanted = begun()
    ending = replace(wanted, cancel=Cancel.IMMEDIATELY)
    first = plan(ending, account.seen(), NOON).call
    assert isinstance(first, ChangeSubscription)
    assert first.change.cancel_at_period_end
    converge(account, ending)
    assert account.alive() == []
    converge(account, wanted)
    assert len(account.alive()) == 1


def test_an_end_now_before_the_first_payment() -> None:
    account, wanted = StripeAccount(now=NOON, card_works=False), wish()
    converge(account, wanted)
    assert only(account).status is StripeStatus.INCOMPLETE
    converge(account, replace(wanted, cancel=Cancel.IMMEDIATELY))
    assert account.alive() == []


def test_nothing_changes_before_the_first_payment_and_all_does_after_it() -> None:
    account, wanted = StripeAccount(now=NOON, card_works=False), wish()
    converge(account, wanted)
    converge(account, replace(wanted, seats=8))
    assert only(account).quantity == 5
    account.pay_what_is_open()
    converge(account, replace(wanted, seats=8))
    assert only(account).quantity == 8


@pytest.mark.parametrize("policy", DriftPolicy)
def test_what_ended_at_stripe_is_not_begun_again_by_itself(policy: DriftPolicy) -> None:
    account, wanted = begun(drift_policy=policy)
    account.end_in_dashboard("sub_1")

    step = converge(account, wanted)
    assert account.alive() == []
    assert step.subscription is not None
    assert not is_alive(step.subscription)


def test_what_ended_at_stripe_begins_again_after_the_spec_has_acknowledged_the_end() -> None:
    account, wanted = begun()
    account.end_in_dashboard("sub_1")
    converge(account, replace(wanted, cancel=Cancel.IMMEDIATELY))
    converge(account, wanted)
    assert only(account).id == "sub_2"


def test_a_page_is_offered_after_an_end_at_stripe_only_where_drift_is_healed() -> None:
    for policy, is_offered in ((DriftPolicy.HEAL, True), (DriftPolicy.ADOPT, False)):
        account = StripeAccount(now=NOON)
        wanted = wish(drift_policy=policy, **PAGE)
        converge(account, wanted)
        account.pay_on_page()
        account.end_in_dashboard("sub_1")
        step = converge(account, wanted)
        assert (step.page is not None) is is_offered
        assert account.alive() == []


def test_nothing_begins_that_is_to_end() -> None:
    account = StripeAccount(now=NOON)
    converge(account, wish(cancel=Cancel.AT_PERIOD_END))
    assert account.calls == 0


def test_a_page_is_open_until_the_customer_pays_on_it() -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    step = converge(account, wanted)
    assert step.page is not None
    assert converge(account, wanted).page == step.page
    account.pay_on_page()
    step = converge(account, wanted)
    assert step.page is None
    assert step.subscription == only(account)
    assert account.calls == 1


def test_an_expired_page_is_followed_by_another_also_at_the_hour_at_which_keys_are_forgotten() -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    for number in range(1, 6):
        step = converge(account, wanted)
        assert step.page is not None
        assert step.page.id == f"cs_{number}"
        account.pass_until(step.page.expires_at)


@pytest.mark.parametrize("changes", [{"seats": 8}, {"price": YEARLY}])
def test_a_page_for_something_else_is_closed_before_another_is_opened(changes: dict[str, Any]) -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    converge(account, wanted)
    call = plan(replace(wanted, **changes), account.seen(), NOON).call
    assert call == ExpireCheckout(checkout="cs_1")
    step = converge(account, replace(wanted, **changes))
    open_pages = [page.id for page, _ in account.pages.values() if page.state is PageState.OPEN]
    assert step.page is not None
    assert open_pages == [step.page.id] == ["cs_2"]


def test_a_page_on_which_was_paid_while_it_was_being_closed_is_believed() -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    converge(account, wanted)
    call = plan(replace(wanted, seats=8), account.seen(), NOON).call
    account.pay_on_page()
    assert isinstance(call, ExpireCheckout)
    account.call(call)
    converge(account, replace(wanted, seats=8))
    assert only(account).quantity == 8
    assert len(account.pages) == 1


def test_a_page_that_is_paid_whose_subscription_is_not_to_be_seen_yet_is_waited_for() -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    converge(account, wanted)
    account.pay_on_page()
    hidden = replace(account.seen(), subscriptions=())
    assert plan(wanted, hidden, NOON).call is None


@pytest.mark.parametrize(
    "changes", [{"cancel": Cancel.AT_PERIOD_END}, {"collection": CollectionMethod.SEND_INVOICE}]
)
def test_a_page_that_is_not_wanted_any_more_is_closed(changes: dict[str, Any]) -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    converge(account, wanted)
    converge(account, replace(wanted, **changes))
    assert [page.state for page, _ in account.pages.values()] == [PageState.EXPIRED]


def test_beside_a_subscription_no_page_is_open() -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    converge(account, wanted)
    account.subscriptions["sub_x"] = subscription(owner=OWNER, cluster=CLUSTER)
    converge(account, wanted)
    assert [page.state for page, _ in account.pages.values()] == [PageState.EXPIRED]


def test_a_trial_lasts_as_long_as_the_spec_says() -> None:
    account, _ = begun(trial_end=NOON + 14 * DAY)
    found = only(account)
    assert (found.status, found.trial_end) == (StripeStatus.TRIALING, NOON + 14 * DAY)
    account.pass_until(NOON + 14 * DAY)
    assert only(account).status is StripeStatus.ACTIVE


@pytest.mark.parametrize(
    ("earlier", "tried"),
    [
        ({"trial_end": NOON - DAY}, False),
        ({"trial_end": NOON - DAY, "owner": "somebody else", "cluster": "another"}, False),
        ({"trial_end": NOON - DAY, "price": YEARLY}, True),
        ({"trial_end": None}, True),
    ],
)
def test_a_customer_has_one_trial_of_a_price(earlier: dict[str, Any], tried: bool) -> None:
    account = account_with(subscription(status=StripeStatus.CANCELED, **earlier))
    converge(account, wish(trial_end=NOON + 14 * DAY))
    assert (only(account).trial_end is not None) is tried


@pytest.mark.parametrize(
    ("left", "collection", "tried"),
    [
        (timedelta(0), CollectionMethod.CHARGE_AUTOMATICALLY, False),
        (HOUR, CollectionMethod.CHARGE_AUTOMATICALLY, True),
        (48 * HOUR, CollectionMethod.CHECKOUT, False),
        (49 * HOUR, CollectionMethod.CHECKOUT, True),
    ],
)
def test_a_trial_that_is_as_good_as_over_does_not_begin(
    left: timedelta, collection: CollectionMethod, tried: bool
) -> None:
    call = plan(wish(trial_end=NOON + left, collection=collection), Seen(), NOON).call
    assert isinstance(call, CreateSubscription | CreateCheckout)
    assert (call.wish.trial_end is not None) is tried


def test_a_trial_is_moved_by_the_spec_and_left_where_somebody_moved_it_in_the_dashboard() -> None:
    account, wanted = begun(trial_end=NOON + 14 * DAY)
    converge(account, replace(wanted, trial_end=NOON + 20 * DAY))
    assert only(account).trial_end == NOON + 20 * DAY
    account.edit("sub_1", trial_end=NOON + 40 * DAY)
    assert converge(account, replace(wanted, trial_end=NOON + 20 * DAY)).drift == ()
    assert only(account).trial_end == NOON + 40 * DAY


def test_an_end_of_a_trial_that_has_passed_already_is_not_asked_for() -> None:
    account, wanted = begun(trial_end=NOON + 14 * DAY)
    account.pass_until(NOON + 5 * DAY)
    converge(account, replace(wanted, trial_end=NOON + 4 * DAY))
    assert only(account).trial_end == NOON + 14 * DAY


def test_taking_the_trial_out_of_the_spec_charges_nobody_before_its_end() -> None:
    account, wanted = begun(trial_end=NOON + 14 * DAY)
    converge(account, replace(wanted, trial_end=None))
    assert only(account).trial_end == NOON + 14 * DAY
    assert account.charges == []


def test_a_coupon_is_applied_once_and_may_be_used_up() -> None:
    account, wanted = begun()
    offered = replace(wanted, discount="retention-20")
    converge(account, offered)
    assert only(account).discount == "retention-20"
    account.edit("sub_1", discount=None)
    assert converge(account, offered).drift == ()
    assert only(account).discount is None
    converge(account, replace(wanted, discount="promo_2"))
    assert only(account).discount == "promo_2"
    converge(account, wanted)
    assert only(account).discount is None


def test_collection_follows_the_spec() -> None:
    account, wanted = begun()
    converge(account, replace(wanted, collection=CollectionMethod.SEND_INVOICE, days_until_due=14))
    assert only(account).collection is Collection.SEND_INVOICE
    converge(account, replace(wanted, collection=CollectionMethod.CHECKOUT))
    assert only(account).collection is Collection.CHARGE_AUTOMATICALLY


@pytest.mark.parametrize(
    ("edit", "what", "both"),
    [
        ({"quantity": 3}, "seats", ("3", "5")),
        ({"quantity": 8}, "seats", ("8", "5")),
        ({"price": CHEAPER}, "the price", (CHEAPER.id, MONTHLY.id)),
        ({"cancel_at_period_end": True}, "the end", ("asked for", "not asked for")),
        ({"cancel_at": NOON + 3 * DAY}, "the end", ("asked for", "not asked for")),
        ({"collection_paused": True}, "the collection of payments", ("paused", "not paused")),
    ],
)
@pytest.mark.parametrize("policy", DriftPolicy)
def test_what_somebody_changed_at_stripe_is_told_with_both_values(
    edit: dict[str, Any], what: str, both: tuple[str, str], policy: DriftPolicy
) -> None:
    account, wanted = begun(drift_policy=policy)
    before = only(account)
    account.edit("sub_1", **edit)

    step = plan(wanted, account.seen(), account.now)
    assert [(each.what, each.at_stripe, each.in_spec) for each in step.drift] == [(what, *both)]
    assert (step.call is not None) is (policy is DriftPolicy.HEAL)
    step = converge(account, wanted)
    if policy is DriftPolicy.HEAL:
        assert step.drift == ()
        unpaid = {"applied": None, "paid_seats": None, "paid_until": None}
        assert replace(only(account), **unpaid) == replace(before, **unpaid)  # type: ignore[arg-type]
    else:
        assert only(account) == replace(before, **edit)
        assert len(step.drift) == 1


@pytest.mark.parametrize("policy", DriftPolicy)
def test_a_spec_that_changes_wins_over_what_somebody_changed_before(policy: DriftPolicy) -> None:
    account, wanted = begun(drift_policy=policy)
    account.edit("sub_1", quantity=3)
    step = converge(account, replace(wanted, seats=7))
    assert only(account).quantity == 7
    assert step.drift == ()


def test_a_spec_that_follows_stripe_ends_the_drift_and_later_changes_there_are_drift_again() -> None:
    account, wanted = begun(drift_policy=DriftPolicy.REPORT)
    account.edit("sub_1", quantity=8)
    assert converge(account, replace(wanted, seats=8)).drift == ()
    account.edit("sub_1", quantity=6)
    assert len(converge(account, replace(wanted, seats=8)).drift) == 1
    assert only(account).quantity == 6


def test_healing_the_same_twice_within_a_day_works_twice() -> None:
    account, wanted = begun(drift_policy=DriftPolicy.HEAL)
    for _ in range(3):
        account.edit("sub_1", cancel_at_period_end=True)
        converge(account, wanted)
        assert not only(account).cancel_at_period_end


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"price": 5}', '{"rev": "x"}', "null", "7"])
def test_metadata_that_somebody_broke_lets_the_spec_win(text: str) -> None:
    account, wanted = begun()
    account.edit("sub_1", applied=text, quantity=3)
    converge(account, wanted)
    assert only(account).quantity == 5
    assert Applied.of(only(account)) is not None


def test_a_subscription_of_nobody_at_the_price_is_taken_over_instead_of_paid_twice() -> None:
    account = account_with(subscription(quantity=3))
    converge(account, wish())
    found = only(account)
    assert (found.id, found.owner, found.quantity) == ("sub_x", OWNER, 5)


def test_of_several_that_could_be_it_none_is_taken_and_none_is_begun() -> None:
    account = account_with(subscription("sub_a"), subscription("sub_b"))
    step = converge(account, wish())
    assert step.problem is not None
    assert step.problem[0] is Reason.SEVERAL_SUBSCRIPTIONS
    assert "sub_a, sub_b" in step.problem[1]
    assert account.calls == 0


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "uid-other", "cluster": CLUSTER},
        {"owner": OWNER, "cluster": "cluster-2"},
        {"price": YEARLY},
        {"status": StripeStatus.CANCELED},
    ],
)
def test_a_subscription_of_others_or_for_something_else_is_left_alone(other: dict[str, Any]) -> None:
    foreign = subscription(**other)
    account = account_with(foreign)
    converge(account, wish())
    assert account.subscriptions["sub_x"] == foreign
    assert len(account.subscriptions) == 2


def test_of_two_that_are_its_own_the_better_and_older_stays() -> None:
    own = {"owner": OWNER, "cluster": CLUSTER}
    account = account_with(
        subscription("sub_a", status=StripeStatus.INCOMPLETE, created=NOON - 3 * DAY, **own),
        subscription("sub_b", created=NOON - DAY, **own),
        subscription("sub_c", created=NOON - 2 * DAY, **own),
    )
    first = plan(wish(), account.seen(), NOON).call
    assert first == CancelSubscription(subscription="sub_a", duplicate=True)
    converge(account, wish())
    assert only(account).id == "sub_c"


def test_without_a_price_nothing_begins_and_what_is_there_goes_on() -> None:
    problem = (Reason.INVALID_PRICE, "There is no such price.")
    broken = wish(price=None, price_problem=problem)
    assert plan(broken, Seen(), NOON).problem == problem
    account, _ = begun()
    step = converge(account, replace(broken, seats=7))
    assert step.problem == problem
    assert (only(account).quantity, only(account).price) == (7, MONTHLY)
    converge(account, replace(broken, cancel=Cancel.IMMEDIATELY))
    assert account.alive() == []


def test_a_subscription_that_is_retained_belongs_to_nobody_and_is_found_by_the_next() -> None:
    account, wanted = begun()
    # All within a day, and each under a key of its own.
    for owner in ("uid-second", "uid-third", "uid-fourth"):
        while (
            call := subscription_farewell(wanted, DeletionPolicy.RETAIN, account.seen(), NOON)
        ) is not None:
            account.call(call)
        assert only(account).owner is None
        wanted = replace(wanted, owner=owner)
        converge(account, wanted)
        assert only(account).owner == owner
    assert len(account.subscriptions) == 1


def test_a_subscription_that_is_deleted_ends_and_so_does_its_page() -> None:
    account, wanted = StripeAccount(now=NOON), wish(**PAGE)
    converge(account, wanted)
    account.subscriptions["sub_x"] = subscription(owner=OWNER, cluster=CLUSTER)
    account.subscriptions["sub_y"] = subscription("sub_y")
    for _ in range(3):
        call = subscription_farewell(wanted, DeletionPolicy.DELETE, account.seen(), NOON)
        if call is not None:
            account.call(call)
    assert [each.id for each in account.alive()] == ["sub_y"]
    assert all(page.state is PageState.EXPIRED for page, _ in account.pages.values())


def facts() -> st.SearchStrategy[SubscriptionFacts]:
    """Any subscription of the customer."""
    written = st.builds(
        Applied,
        price=st.sampled_from([MONTHLY.id, YEARLY.id]),
        seats=st.integers(0, 9),
        collection=st.sampled_from(Collection),
        cancel=st.booleans(),
        revision=st.integers(0, 3),
    ).map(Applied.written)
    return st.builds(
        subscription,
        owner=st.sampled_from([None, OWNER, OWNER, "uid-other"]),
        cluster=st.sampled_from([CLUSTER, CLUSTER, "cluster-2"]),
        status=st.sampled_from(StripeStatus),
        price=st.sampled_from([MONTHLY, MONTHLY, YEARLY, CHEAPER]),
        quantity=st.integers(0, 9),
        created=st.integers(1, 50).map(lambda days: NOON - days * DAY),
        collection=st.sampled_from(Collection),
        cancel_at_period_end=st.booleans(),
        collection_paused=st.booleans(),
        paid_seats=st.none() | st.integers(0, 9),
        paid_until=st.none() | st.sampled_from([NOON - DAY, NOON + DAY]),
        applied=st.none() | written | st.just("broken"),
    )


def wishes() -> st.SearchStrategy[Any]:
    """Anything that may be wanted."""
    return st.builds(
        wish,
        price=st.sampled_from([MONTHLY, YEARLY]),
        seats=st.integers(0, 9),
        collection=st.sampled_from(CollectionMethod),
        trial_end=st.none() | st.just(NOON + 14 * DAY),
        cancel=st.none() | st.none() | st.sampled_from(Cancel),
        downgrade=st.sampled_from(Downgrade),
        drift_policy=st.sampled_from(DriftPolicy),
        discount=st.none() | st.just("spring"),
    )


@given(st.lists(facts(), max_size=4), wishes(), st.booleans())
def test_from_whatever_is_there_one_is_left_or_a_conflict_is_told(
    found: list[SubscriptionFacts], wanted: Any, twice: bool
) -> None:
    named = [replace(each, id=f"sub_x{number}") for number, each in enumerate(found)]
    account = account_with(*named)
    foreign = {
        each.id: each
        for each in named
        if each.owner is not None and (each.owner, each.cluster) != (OWNER, CLUSTER)
    }

    step = converge(account, wanted, twice=twice)

    own = [each for each in account.alive() if (each.owner, each.cluster) == (OWNER, CLUSTER)]
    assert len(own) <= 1
    assert {name: account.subscriptions[name] for name in foreign} == foreign
    assert plan(wanted, account.seen(), account.now).call is None
    open_pages = [page for page, _ in account.pages.values() if page.state is PageState.OPEN]
    assert len(open_pages) + len(own) <= 1
    had = [each for each in named if (each.owner, each.cluster) == (OWNER, CLUSTER)]
    if wanted.cancel is Cancel.IMMEDIATELY:
        assert own == []
    elif wanted.cancel is None and not own and not open_pages:
        assert step.problem is not None or had
    if own and own[0].status is not StripeStatus.INCOMPLETE and not step.drift:
        assert own[0].quantity == wanted.seats
        assert own[0].price == wanted.price

"""The permissions that docs/billing.md lists for Stripe's key are those that the operator needs."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"(?:GET|POST|DELETE) /v1/[a-z_/{}]+")


def test_every_call_of_stripe_is_covered_by_a_listed_permission_and_no_other_is_listed() -> None:
    made = CALL.findall((ROOT / "operator/seatwarden/backends/stripe_billing.py").read_text())
    page = (ROOT / "docs/billing.md").read_text()
    table = page.partition("| Permission of the key |")[2].partition("\n\n")[0]
    assert made
    assert set(CALL.findall(table)) == set(made)


def test_the_options_that_the_page_names_are_there() -> None:
    settings = (ROOT / "docs/reference/settings.md").read_text()
    page = (ROOT / "docs/billing.md").read_text()
    named = set(re.findall(r"--stripe-[a-z-]+", page))
    assert named >= {"--stripe-key-file", "--stripe-return-url", "--stripe-resync"}
    assert all(f"`{option}`" in settings for option in named)

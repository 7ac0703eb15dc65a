"""Customers and their means of payment: https://docs.stripe.com/api/customers."""

from tests.stripe.account import DECLINED_CARD, Account, Thing, with_metadata
from tests.stripe.pages import PAGE, page, within
from tests.stripe.refusals import StripeRefusal, missing
from tests.stripe.routes import Given, serves
from tests.stripe.subscription_ends import end_subscription

_FIELDS = "name email description phone metadata.* metadata invoice_settings.default_payment_method"
_TEST_CARDS = {"pm_card_visa", "pm_card_mastercard", DECLINED_CARD}


@serves("POST /v1/customers", f"{_FIELDS} test_clock payment_method")
def create_customer(account: Account, given: Given) -> Thing:
    """A new customer."""
    clock = given.get("test_clock")
    if clock is not None:
        account.find("test_helpers.test_clock", clock, "test_clock", status=400)
    identity = account.new_id("customer")
    customer: Thing = {
        "id": identity,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": account.clock_of({"test_clock": clock}).now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "email": None,
        "invoice_prefix": f"SW{identity[-6:]}",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": clock,
    }
    account.tables["customer"][identity] = customer
    try:
        if "payment_method" in given:
            attach(account, given["payment_method"], customer)
        customer.update(_wanted(account, customer, given))
    except StripeRefusal:
        del account.tables["customer"][identity]
        raise
    return account.add(customer, "customer.created")


@serves("POST /v1/customers/{customer}", _FIELDS)
def change_customer(account: Account, given: Given, identity: str) -> Thing:
    """The customer with what is given; the rest stays."""
    customer = living_customer(account, identity)
    return account.edit(customer, "customer.updated", _wanted(account, customer, given))


def _wanted(account: Account, customer: Thing, given: Given) -> Thing:
    wanted: Thing = {
        name: given[name] or None for name in ("name", "email", "description", "phone") if name in given
    }
    wanted["metadata"] = with_metadata(customer["metadata"], given.get("metadata"))
    method = given.get("invoice_settings", {}).get("default_payment_method")
    if method is not None:
        found = _method_of(account, customer, method)["id"]
        wanted["invoice_settings"] = customer["invoice_settings"] | {"default_payment_method": found}
    return wanted


def living_customer(account: Account, identity: str, param: str = "id", *, status: int = 404) -> Thing:
    """The customer, unless it was deleted."""
    customer = account.find("customer", identity, param, status=status)
    if customer.get("deleted"):
        raise missing("customer", identity, param, status=status)
    return customer


@serves("GET /v1/customers/{customer}")
def read_customer(account: Account, _given: Given, identity: str) -> Thing:
    """The customer; of a deleted one only that it is."""
    return account.find("customer", identity)


@serves("DELETE /v1/customers/{customer}")
def delete_customer(account: Account, _given: Given, identity: str) -> Thing:
    """Gone, and its subscriptions end."""
    customer = living_customer(account, identity)
    for subscription in account.all("subscription"):
        if subscription["customer"] == identity:
            end_subscription(account, subscription)
    account.tell("customer.deleted", customer)
    gone = {"id": identity, "object": "customer", "deleted": True}
    account.tables["customer"][identity] = gone
    return gone


@serves("GET /v1/customers", f"{PAGE} email created.* created test_clock")
def list_customers(account: Account, given: Given) -> Thing:
    """Those that were not deleted. Customers of a test clock are shown only where it is named."""
    living = [one for one in account.all("customer") if not one.get("deleted")]
    wanted = [
        one
        for one in living
        if given.get("email", one["email"]) == one["email"]
        and one["test_clock"] == given.get("test_clock")
        and within(one["created"], given.get("created"))
    ]
    return page(wanted, given, "/v1/customers")


@serves("POST /v1/payment_methods/{payment_method}/attach", "customer")
def attach_payment_method(account: Account, given: Given, identity: str) -> Thing:
    """A test card becomes one of the customer's: pm_card_visa pays, pm_card_chargeCustomerFail is declined when charged."""
    return attach(account, identity, living_customer(account, given["customer"], "customer", status=400))


def attach(account: Account, test_card: str, customer: Thing) -> Thing:
    """A payment method of the customer's, made from a test card."""
    if test_card not in _TEST_CARDS:
        raise missing("PaymentMethod", test_card, "payment_method", status=400)
    method: Thing = {
        "id": account.new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "created": account.clock_of(customer).now,
        "customer": customer["id"],
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    account.cards[method["id"]] = test_card
    return account.add(method, "payment_method.attached")


def _method_of(account: Account, customer: Thing, named: str) -> Thing:
    """The customer's payment method with that id, or the last one that was made from the test card with that name."""
    for method in account.all("payment_method"):
        if named in {method["id"], account.cards[method["id"]]} and method["customer"] == customer["id"]:
            return method
    raise missing("PaymentMethod", named, "invoice_settings[default_payment_method]", status=400)

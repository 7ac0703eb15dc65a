"""What can be bought: https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices."""

from tests.stripe.account import Account, Thing, with_metadata
from tests.stripe.pages import PAGE, page
from tests.stripe.refusals import StripeRefusal
from tests.stripe.routes import Given, serves

_RECURRING = "recurring.interval recurring.interval_count"


@serves("POST /v1/products", "name active metadata metadata.* description")
def create_product(account: Account, given: Given) -> Thing:
    """A new product."""
    product: Thing = {
        "id": account.new_id("product"),
        "object": "product",
        "active": given.get("active", True),
        "created": account.clock.now,
        "default_price": None,
        "description": given.get("description"),
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": with_metadata({}, given.get("metadata")),
        "name": given["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "unit_label": None,
        "updated": account.clock.now,
        "url": None,
    }
    return account.add(product, "product.created")


@serves(
    "POST /v1/prices",
    f"product currency unit_amount lookup_key transfer_lookup_key nickname active metadata metadata.* {_RECURRING}",
)
def create_price(account: Account, given: Given) -> Thing:
    """A new price; amount and interval never change."""
    account.find("product", given["product"], "product", status=400)
    if "unit_amount" not in given:
        raise StripeRefusal("You must pass unit_amount.", code="parameter_missing", param="unit_amount")
    recurring = given.get("recurring")
    price: Thing = {
        "id": account.new_id("price"),
        "object": "price",
        "active": given.get("active", True),
        "billing_scheme": "per_unit",
        "created": account.clock.now,
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": _lookup_key(account, given),
        "metadata": with_metadata({}, given.get("metadata")),
        "nickname": given.get("nickname"),
        "product": given["product"],
        "recurring": recurring
        and {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": given["unit_amount"],
        "unit_amount_decimal": str(given["unit_amount"]),
    }
    return account.add(price, "price.created")


def _lookup_key(account: Account, given: Given) -> str | None:
    key: str | None = given.get("lookup_key")
    for other in account.all("price"):
        if key is not None and other["lookup_key"] == key:
            if not given.get("transfer_lookup_key"):
                raise StripeRefusal(f"A price already uses the lookup key {key}.", param="lookup_key")
            account.edit(other, "price.updated", {"lookup_key": None})
    return key


@serves("POST /v1/prices/{price}", "active nickname lookup_key transfer_lookup_key metadata metadata.*")
def change_price(account: Account, given: Given, identity: str) -> Thing:
    """The price with another name or key, or taken out of sale."""
    price = account.find("price", identity)
    wanted: Thing = {name: given[name] for name in ("active", "nickname") if name in given}
    wanted["metadata"] = with_metadata(price["metadata"], given.get("metadata"))
    if given.get("lookup_key", price["lookup_key"]) != price["lookup_key"]:
        wanted["lookup_key"] = _lookup_key(account, given)
    return account.edit(price, "price.updated", wanted)


@serves("GET /v1/prices/{price}")
def read_price(account: Account, _given: Given, identity: str) -> Thing:
    """The price."""
    return account.find("price", identity)


@serves("GET /v1/prices", f"{PAGE} lookup_keys active product type")
def list_prices(account: Account, given: Given) -> Thing:
    """The newest first."""
    wanted = [
        one
        for one in account.all("price")
        if all(given.get(name, one[name]) == one[name] for name in ("active", "product", "type"))
        and one["lookup_key"] in given.get("lookup_keys", [one["lookup_key"]])
    ]
    return page(wanted, given, "/v1/prices")

"""What `fondaco up` says when everything runs: addresses, the demo logins, and one curl that buys a code."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from fondaco_core.config import Settings
from fondaco_ops.sandbox.places import GATEWAY_KEY, sandbox_url

TIMEOUT_S = 10.0

_PURCHASE = """mutation($listing: ID!) { placeOrder(input: {lines: [{listingId: $listing}]}) {
  __typename ... on PlaceOrderSuccess { order { code state total { amount currency } allocations(first: 1) { nodes { id maskedCode } } } }
  ... on Failure { code message } } }"""


def demo_file(settings: Settings) -> Path:
    """Where the demo world is written down."""
    return settings.data_dir / "demo.json"


def addresses(settings: Settings) -> dict[str, str]:
    """Where this installation answers."""
    base = settings.public_url
    return {"base_url": base, "graphql_url": f"{base}/graphql", "token_url": f"{base}/oauth/token"}


def write_demo(settings: Settings, demo: dict[str, Any]) -> None:
    """Writes demo.json for ourselves only: it holds credentials."""
    path = demo_file(settings)
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(demo, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def greet(settings: Settings) -> str:
    """The greeting of a running installation; empty when it has no demo world. Brings demo.json's addresses up to date."""
    path = demo_file(settings)
    if not path.exists():
        return ""
    demo = json.loads(path.read_text(encoding="utf-8"))
    demo |= addresses(settings)
    if settings.sandbox_port is not None:
        demo["gateways"] = [{"key": GATEWAY_KEY, "url": sandbox_url(settings)}]
    write_demo(settings, demo)
    merchant = next(tenant for tenant in demo["tenants"] if tenant["state"] == "ACTIVE")
    owner, admin, buyer = merchant["members"][0], demo["admins"][0], merchant["buyers"][0]
    return "\n".join(
        [
            "",
            f"  GraphQL      {demo['graphql_url']}   (open it in a browser to try queries)",
            f"  A store      {merchant['store']['name']}, slug {merchant['store']['slug']}",
            f"  Merchant     {owner['email']}   {owner['password']}",
            f"  Admin        {admin['email']}   {admin['password']}",
            f"  Buyer        {buyer['email']}   {buyer['password']}",
            *_over_others(demo),
            f"  Everything   {path}",
            "",
            "  Buy a code (the token is good for an hour):",
            "",
            first_purchase(demo, merchant, buyer),
            "",
            "",
        ]
    )


def _over_others(demo: dict[str, Any]) -> list[str]:
    """A shop that sells what other merchants have; none in a demo world of before there were such."""
    shop = next((tenant for tenant in demo["tenants"] if tenant.get("role") == "SHOP"), None)
    if shop is None:
        return []
    owner = shop["members"][0]
    return [
        f"  A reseller   {owner['email']}   {owner['password']}",
        f"               {shop['name']} has no codes of its own; {' and '.join(shop['supplied_by'])} supply it",
    ]


def first_purchase(demo: dict[str, Any], merchant: dict[str, Any], buyer: dict[str, Any]) -> str:
    """A token of the demo buyer, kept in the shell, and one curl that buys a code with it."""
    listing = merchant["listings"][0]
    body = json.dumps({"query": " ".join(_PURCHASE.split()), "variables": {"listing": listing["id"]}})
    token = access_token(demo, buyer["api_client"]) or "<token>"
    return (
        f"  TOKEN={token}\n"
        f"  curl -s {demo['graphql_url']} -H 'Content-Type: application/json' \\\n"
        f"    -H \"Authorization: Bearer $TOKEN\" \\\n    -d '{body}'"
    )


def access_token(demo: dict[str, Any], client: dict[str, str]) -> str | None:
    """An access token of a demo API client, asked for as any client would; None when nobody answers."""
    secret = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - our own address
        demo["token_url"],
        data=urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
        headers={"Authorization": f"Basic {secret}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    with (
        suppress(urllib.error.URLError, TimeoutError, ValueError),
        urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer,  # noqa: S310 - as above
    ):
        return str(json.loads(answer.read())["access_token"])
    return None

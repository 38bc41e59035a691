"""The part of `fondaco demo` in which guests buy, pay at the sandbox gateway's page as a person would, and get their codes.

Nothing is paid here: the page is pressed, the gateway tells Fondaco, Fondaco asks the gateway, and the order is fulfilled.
"""

import http.client
import secrets
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fondaco_core.errors import SettingError
from fondaco_ops.demo_client import Client, expect
from fondaco_ops.sandbox.places import GATEWAY_KEY

GUESTS = 20
GUESTS_MAX = 50
PAID_SECONDS = 60.0
AT_ONCE = 8

BUY = """mutation($listing: ID!, $contact: String!, $key: String!) {
  placeOrder(idempotencyKey: $key, input: {lines: [{listingId: $listing}], payBy: LATER, guest: {contact: $contact}}) { __typename
    ... on PlaceOrderSuccess { order { id state } guestToken } ... on Failure { refused: code message } } }"""
PAY = """mutation($order: ID!, $gateway: String!, $key: String!) {
  startPayment(idempotencyKey: $key, input: {orderId: $order, gateway: $gateway}) { __typename
    ... on StartPaymentSuccess { payment { state payUrl } } ... on Failure { refused: code message } } }"""
ORDER = "query($id: ID!) { node(id: $id) { ... on Order { state allocations(first: 1) { nodes { id } } } } }"
REVEAL = """mutation($unit: ID!) { revealCode(input: {allocationId: $unit}) { __typename
  ... on RevealCodeSuccess { code { plaintext } } ... on Failure { refused: code message } } }"""


def guests_pay(demo: dict[str, Any], listings: list[str], count: int) -> list[str]:
    """So many guests buy a code each and pay at the gateway; the codes they got."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda number: _guest(demo, listings[number % len(listings)]), range(count)))


def _guest(demo: dict[str, Any], listing: str) -> str:
    guest = Client(demo)
    contact = f"guest-{secrets.token_hex(8)}@demo.fondaco.example"
    placed = guest(BUY, listing=listing, contact=contact, key=secrets.token_hex(16))
    expect(placed.get("order", {}).get("state"), "PENDING_PAYMENT", f"a guest's order ({placed.get('message')})")
    guest.use_token(placed["guestToken"])
    order = placed["order"]["id"]
    started = guest(PAY, order=order, gateway=GATEWAY_KEY, key=secrets.token_hex(16))
    expect(started.get("payment", {}).get("state"), "PENDING", f"a payment ({started.get('message')})")
    _press_pay(started["payment"]["payUrl"])
    unit = _wait_until_fulfilled(guest, order)
    shown = guest(REVEAL, unit=unit)
    expect(shown["__typename"], "RevealCodeSuccess", f"reveal ({shown.get('message')})")
    return str(shown["code"]["plaintext"])


def _press_pay(page: str) -> None:
    """Presses "pay" on the gateway's page."""
    address = urllib.parse.urlsplit(page)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PAID_SECONDS)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", address.path, b"press=pay", headers)
        expect(connection.getresponse().status, http.client.SEE_OTHER, "the answer to a press on the gateway's page")
    except OSError as error:
        msg = f"The sandbox gateway does not answer at {page} ({type(error).__name__})."
        raise SettingError(msg) from error
    finally:
        connection.close()


def _wait_until_fulfilled(guest: Client, order: str) -> str:
    """The unit of an order that was paid, once it is fulfilled."""
    deadline = time.monotonic() + PAID_SECONDS
    while time.monotonic() < deadline:
        found = guest(ORDER, id=order)
        if found["state"] == "FULFILLED":
            return str(found["allocations"]["nodes"][0]["id"])
        time.sleep(0.05)
    msg = f"An order that was paid at the gateway is not fulfilled after {PAID_SECONDS:.0f} s."
    raise SettingError(msg)

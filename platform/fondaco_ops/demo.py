"""`fondaco demo`: plays the main job against the running system, through HTTP only, and says what happened and how fast.

Ten thousand codes of three shapes come in by upload, with planted duplicates and lines that are no codes; two hundred buyers
buy at once; codes are revealed; one that nobody saw is refunded; guests pay at the sandbox gateway. What does not come out as it
must ends it with an error.
"""

import argparse
import json
import random
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fondaco_core.config import read_settings
from fondaco_core.errors import SettingError
from fondaco_ops.demo_client import Client, expect
from fondaco_ops.demo_guests import GUESTS, GUESTS_MAX, guests_pay
from fondaco_ops.seed.goods import card_and_pin, link, sixteen
from fondaco_ops.seed.greeting import demo_file

CODES = 10_000
BUYERS = 200
# One of a hundred lines is planted: the same code again, or no code at all.
PLANTED_EVERY = 100
IMPORT_SECONDS = 120.0

IMPORT = """mutation($input: ImportCodesInput!) { importCodes(input: $input) { __typename
  ... on ImportCodesSuccess { batch { id } } ... on Failure { refused: code message } } }"""
BATCH = """query($id: ID!) { node(id: $id) { ... on CodeBatch { state lines accepted duplicates rejected } } }"""
BUY = """mutation($listing: ID!, $key: String!) { placeOrder(idempotencyKey: $key, input: {lines: [{listingId: $listing}]}) { __typename
  ... on PlaceOrderSuccess { order { id state allocations(first: 1) { nodes { id maskedCode } } } } ... on Failure { refused: code message } } }"""
REVEAL = """mutation($unit: ID!) { revealCode(input: {allocationId: $unit}) { __typename
  ... on RevealCodeSuccess { code { plaintext pin maskedCode revealCount } } ... on Failure { refused: code message } } }"""
REFUND = """mutation($order: ID!) { refundOrder(input: {orderId: $order, reason: "demo: bought by mistake"}) { __typename
  ... on RefundOrderSuccess { units amount { amount currency } order { state } } ... on Failure { refused: code message } } }"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How large the play is."""
    parser.add_argument("--codes", type=int, default=CODES, help=f"how many lines are imported ({CODES})")
    parser.add_argument("--buyers", type=int, default=BUYERS, help=f"how many buyers buy at once ({BUYERS})")
    parser.add_argument("--guests", type=int, default=GUESTS, help=f"how many guests pay at the gateway ({GUESTS})")


def run(args: argparse.Namespace) -> int:
    """Plays everything; 0 when all came out as it must."""
    settings = read_settings()
    path = demo_file(settings)
    if not path.exists():
        msg = f"There is no {path}; start the system with `make run` first, and leave it running."
        raise SettingError(msg)
    return _Play(
        json.loads(path.read_text(encoding="utf-8")), codes=args.codes, buyers=args.buyers, guests=args.guests
    ).run()


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of codes, and of which good of the demo world they are."""

    title: str
    sku: str
    make: Callable[[], str]
    format: str


SHAPES = (
    Shape("16 letters and digits", "steam-50-cny", sixteen, "TXT"),
    Shape("card number and PIN", "jd-ecard-100", card_and_pin, "CSV"),
    Shape("redemption link", "spotify-3m", link, "TXT"),
)


class _Play:
    """The play: what it has so far, and what it says."""

    def __init__(self, demo: dict[str, Any], *, codes: int, buyers: int, guests: int) -> None:
        self._demo = demo
        self._merchant = next(tenant for tenant in demo["tenants"] if tenant["state"] == "ACTIVE")
        self._count = codes
        self._buyers = buyers
        self._guests = min(guests, GUESTS_MAX)
        self._back_office = Client(demo, self._merchant["api_client"])
        self._imported: set[str] = set()

    def run(self) -> int:
        """Every step in order."""
        listings = [self._sell(shape, self._count // 3 + (n < self._count % 3)) for n, shape in enumerate(SHAPES)]
        with self._step(f"{self._buyers} buyers made, each with credentials and money"):
            parts = [self._buyers // 8 + (n < self._buyers % 8) for n in range(8)]
            with ThreadPoolExecutor(8) as pool:
                buyers = [buyer for made in pool.map(self._make_buyers, parts) for buyer in made]
        bought = self._buy(buyers, listings)
        self._reveal(bought)
        self._refund(buyers[0], listings[0])
        self._pay(listings)
        print("Everything came out as it must.")
        return 0

    @contextmanager
    def _step(self, said: str) -> Generator[None]:
        began = time.monotonic()
        yield
        print(f"{time.monotonic() - began:8.2f} s  {said}", flush=True)

    def _sell(self, shape: Shape, count: int) -> str:
        """A new pool with a listing on it, filled by an upload; answers with the listing."""
        entitlement = next(e["id"] for e in self._demo["entitlements"] if e["sku"] == shape.sku)
        pool = self._do("createPool", "pool { id }", entitlementId=entitlement, name=f"Demo: {shape.title}")["pool"][
            "id"
        ]
        listing = self._do(
            "createListing", "listing { id version }", storeId=self._merchant["store"]["id"], entitlementId=entitlement,
            title=f"Demo: {shape.title}", price={"amount": "10.00", "currency": "CNY"}, orderMax=100,
        )["listing"]  # fmt: skip
        self._do("addSource", "source { id }", listingId=listing["id"], poolId=pool)
        self._do("publishListing", "listing { id }", id=listing["id"], version=listing["version"])
        text, good, repeated, broken = plant(shape, count)
        with self._step(f"{count} lines uploaded and imported: {shape.title}"):
            batch = self._import(pool, text, shape)
        expect(batch["accepted"], len(good), "accepted")
        expect(batch["duplicates"], repeated, "duplicates")
        expect(batch["rejected"], broken, "rejected")
        print(f"            {len(good)} accepted, {repeated} duplicates and {broken} lines that are no codes found")
        self._imported |= good
        return str(listing["id"])

    def _do(self, name: str, wanted: str, client: Client | None = None, /, **given: Any) -> dict[str, Any]:
        """A mutation of the back office that must succeed."""
        capital = name[0].upper() + name[1:]
        answer = (client or self._back_office)(
            f"mutation($input: {capital}Input!) {{ {name}(input: $input) {{ __typename ... on {capital}Success {{ {wanted} }} "
            "... on Failure { refused: code message } } }", input=given,
        )  # fmt: skip
        if "message" in answer:
            msg = f"{name} was refused: {answer['message']}"
            raise SettingError(msg)
        return answer

    def _import(self, pool: str, text: str, shape: Shape) -> dict[str, Any]:
        answer = self._back_office(IMPORT, input={
            "poolId": pool, "uploadId": self._back_office.upload(text), "format": shape.format, "origin": "demo",
            "unitCost": {"amount": "8.00", "currency": "CNY"},
        })  # fmt: skip
        if "batch" not in answer:
            msg = f"The import was refused: {answer['message']}"
            raise SettingError(msg)
        deadline = time.monotonic() + IMPORT_SECONDS
        while time.monotonic() < deadline:
            batch = self._back_office(BATCH, id=answer["batch"]["id"])
            if batch["state"] != "IMPORTING":
                return batch
            time.sleep(0.02)
        msg = f"The import is not done after {IMPORT_SECONDS:.0f} s."
        raise SettingError(msg)

    def _make_buyers(self, count: int) -> list[Client]:
        """Some buyers, one after the other over one connection."""
        office = Client(self._demo, self._merchant["api_client"])
        return [self._make_buyer(office) for _ in range(count)]

    def _make_buyer(self, office: Client) -> Client:
        contact = f"demo-{secrets.token_hex(8)}@demo.fondaco.example"
        customer = self._do("createCustomer", "customer { id }", office, contact=contact)["customer"]["id"]
        made = self._do(
            "createApiClient", "apiClient { clientId } secret", office, name="Demo buyer", customerId=customer,
            scopes=["buyer.order", "buyer.read", "buyer.reveal"],
        )  # fmt: skip
        self._do(
            "creditWallet", "amount { amount }", office, customerId=customer, reason="demo",
            amount={"amount": "100.00", "currency": "CNY"},
        )  # fmt: skip
        return Client(self._demo, {"client_id": made["apiClient"]["clientId"], "client_secret": made["secret"]})

    def _buy(self, buyers: Sequence[Client], listings: Sequence[str]) -> list[tuple[Client, str]]:
        def buy(numbered: tuple[int, Client]) -> tuple[Client, str, float]:
            number, buyer = numbered
            began = time.monotonic()
            answer = buyer(BUY, listing=listings[number % len(listings)], key=secrets.token_hex(16))
            expect(answer.get("order", {}).get("state"), "FULFILLED", f"order ({answer.get('message')})")
            return buyer, answer["order"]["allocations"]["nodes"][0]["id"], time.monotonic() - began

        with (
            self._step(f"{len(buyers)} concurrent buyers bought a code each, paid and fulfilled in the answer"),
            ThreadPoolExecutor(len(buyers)) as pool,
        ):
            done = list(pool.map(buy, enumerate(buyers)))
        times = sorted(seconds for *_, seconds in done)
        print(f"            half of them within {times[len(times) // 2]:.2f} s, the last after {times[-1]:.2f} s")
        return [(buyer, unit) for buyer, unit, _ in done]

    def _reveal(self, bought: Sequence[tuple[Client, str]]) -> None:
        def reveal(pair: tuple[Client, str]) -> str:
            buyer, unit = pair
            answer = buyer(REVEAL, unit=unit)
            expect(answer["__typename"], "RevealCodeSuccess", f"reveal ({answer.get('message')})")
            return str(answer["code"]["plaintext"])

        with self._step(f"{len(bought)} codes revealed to their buyers"), ThreadPoolExecutor(len(bought)) as pool:
            seen = list(pool.map(reveal, bought))
        expect(len(set(seen)), len(seen), "different codes")
        expect(len(set(seen) - self._imported), 0, "codes that were never imported")
        print("            every one of them different, every one of them imported just now")

    def _refund(self, buyer: Client, listing: str) -> None:
        with self._step("a code that nobody saw refunded: back in stock, money back"):
            order = buyer(BUY, listing=listing, key=secrets.token_hex(16))["order"]
            done = self._back_office(REFUND, order=order["id"])
            expect(done.get("order", {}).get("state"), "REFUNDED", f"refund ({done.get('message')})")
        with self._step("a code that was seen not refunded"):
            order = buyer(BUY, listing=listing, key=secrets.token_hex(16))["order"]
            buyer(REVEAL, unit=order["allocations"]["nodes"][0]["id"])
            expect(
                self._back_office(REFUND, order=order["id"]).get("refused"),
                "CODE_ALREADY_REVEALED",
                "refund of a seen code",
            )

    def _pay(self, listings: Sequence[str]) -> None:
        if not self._demo.get("gateways"):
            print("            no sandbox gateway here: nobody pays at one")
            return
        with self._step(
            f"{self._guests} guests bought, paid at the sandbox gateway's page, were fulfilled and saw their codes"
        ):
            seen = guests_pay(self._demo, list(listings), self._guests)
        expect(len(set(seen) & self._imported), self._guests, "different codes of this import")


def plant(shape: Shape, count: int) -> tuple[str, set[str], int, int]:
    """A file of so many lines: its text, the codes in it, and how many lines repeat one or are none."""
    lines = [shape.make() for _ in range(count)]
    repeated = broken = 0
    for at in range(PLANTED_EVERY - 1, count, PLANTED_EVERY):
        if at // PLANTED_EVERY % 2:
            lines[at] = "x" * 5_000 if shape.format == "TXT" else "," * 9
            broken += 1
        else:
            lines[at] = lines[random.randrange(at - PLANTED_EVERY + 1, at)]  # noqa: S311 - no secret
            repeated += 1
    good = {line.split(",")[0] for line in lines if not line.startswith(("xxx", ",,,"))}
    header = ["code,pin"] if shape.format == "CSV" else []
    return "\n".join([*header, *lines]) + "\n", good, repeated, broken

"""What people do with an installation beyond its own walls: mails, messages, a gateway, a workbook, a second factor, a gift."""

import io
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pyzipper
from pyotp.totp import TOTP

from fondaco_core import clock
from fondaco_core.secret import Secret
from fondaco_tenants import payments
from fondaco_tenants.payments import GatewayDetails
from tests.support.factories.codes import some_codes
from tests.support.factories.files import make_workbook
from tests.support.factories.identity import admin_ctx
from tests.support.receiver import Receiver
from tests.support.sandbox import SECRET, Sandbox
from tests.support.smtp import Post
from tests.support.town import read
from tests.support.trade import COST, Trade
from tests.support.waiting import until
from tests.support.world import PASSWORD, node_id

# Everything here is one process asking another, on a machine that may be busy with others.
PATIENCE_S = 60.0
# What stands behind the sharp of an address in a mail: it never reaches a server by itself.
FRAGMENT = re.compile(r"#([\w.%=&-]{16,})")
PASSPHRASE = "query ($id: ID!) { result: node(id: $id) { ... on Order { state deliveryPassphrase } } }"
STATE = "query ($id: ID!) { result: node(id: $id) { ... on Order { state } } }"
IMPORTED = "query ($id: ID!) { result: node(id: $id) { ... on CodeBatch { state accepted } } }"


@dataclass(slots=True)
class Dealings:
    """Somebody who deals with the world outside, and what came of it."""

    trade: Trade
    post: Post
    hooks: Receiver
    sandbox: Sandbox
    # Codes that were found inside a file that only its passphrase opens.
    enclosed: set[str] = field(default_factory=set)
    gateway: str = field(default_factory=lambda: f"sandbox-{uuid4().hex[:8]}")

    async def do(self, mutation: str, shown: str, token: str | None, **given: Any) -> Any:
        """What a mutation answers that must succeed."""
        name = mutation[0].upper() + mutation[1:]
        key = "" if token is None else f', idempotencyKey: "{uuid4()}"'
        document = (
            f"mutation ($i: {name}Input!) {{ result: {mutation}(input: $i{key}) {{ __typename "
            f"... on {name}Success {{ {shown} }} ... on Failure {{ code message }} }} }}"
        )
        found = await self.trade.asked.ask(document, token, i=given)
        assert found["__typename"] == f"{name}Success", found
        return found

    async def open(self) -> None:
        """The merchant's own system listens, and the platform has a gateway."""
        made = await self.do(
            "createWebhookEndpoint", "secret", self.trade.owner, url=self.hooks.url, eventTypes=["order.fulfilled"]
        )
        self.trade.secrets |= {"second webhook secret": made["secret"], "gateway secret": SECRET}
        details = GatewayDetails("沙盒", "Sandbox", ("CNY",), self.sandbox.url)
        admin = admin_ctx()
        async with payments.sealing_gateways(admin) as tx:
            await payments.add_gateway(
                tx, admin, key=self.gateway, kind="SANDBOX", details=details, secret=Secret(SECRET)
            )

    async def import_a_workbook(self) -> None:
        """Codes with PINs out of a workbook."""
        trade = self.trade
        texts, pins = some_codes(2), some_codes(2)
        trade.secrets |= {f"code in a workbook {place}": text for place, text in enumerate(texts)}
        trade.secrets |= {f"pin in a workbook {place}": text for place, text in enumerate(pins)}
        sent = await trade.asked.http.post(
            "/uploads", content=make_workbook([("code", "pin"), *zip(texts, pins, strict=True)]),
            headers={"authorization": f"Bearer {trade.owner}", "x-filename": "codes.xlsx"},
        )  # fmt: skip
        pool = node_id("Pool", trade.world.pool.id)
        made = await self.do(
            "importCodes", "batch { id }", trade.owner,
            poolId=pool, unitCost=COST, uploadId=sent.json()["uploadId"], format="XLSX",
        )  # fmt: skip

        async def is_ready() -> bool:
            found = await trade.asked.ask(IMPORTED, trade.owner, id=made["batch"]["id"])
            return bool(found == {"state": "READY", "accepted": len(texts)})

        await until(is_ready, seconds=PATIENCE_S)

    async def order(self, **more: Any) -> str:
        """The buyer orders one unit; the id of the order."""
        lines = [{"listingId": node_id("Listing", await self.trade.listing()), "quantity": 1}]
        placed = await self.do("placeOrder", "order { id }", self.trade.buyer, lines=lines, **more)
        return str(placed["order"]["id"])

    async def be_mailed_a_link(self) -> None:
        """What was bought comes as a link."""
        before = len(self.mails_to(self.trade.world.contact))
        await self.order(payBy="WALLET")
        await until(lambda: self._more_than(before), seconds=PATIENCE_S)

    async def be_mailed_a_file(self) -> None:
        """What was bought comes in a file that a passphrase opens, which shows at the order alone."""
        await self.do(
            "updateDeliverySettings", "settings { form }", self.trade.owner, version=1, form="ZIP", linkOpensMax=4
        )
        order = await self.order(payBy="WALLET")

        await until(lambda: self.is_mailed(order, self.trade.world.contact, self.trade.buyer), seconds=PATIENCE_S)

    async def is_mailed(self, order: str, contact: str, buyer: str) -> bool:
        """Whether an order has come in a file that its passphrase opens; what is in it is noted."""
        passphrase = (await self.trade.asked.ask(PASSPHRASE, buyer, id=order))["deliveryPassphrase"]
        if passphrase is None:
            return False
        self.trade.secrets[f"passphrase of {order}"] = passphrase
        files = [file for each in self.mails_to(contact) for file in each.iter_attachments()]
        return any(self._opens(file, passphrase) for file in files)

    def _opens(self, file: EmailMessage, passphrase: str) -> bool:
        """Whether a file opens with a passphrase; what is in it is noted."""
        archive = pyzipper.AESZipFile(io.BytesIO(file.get_content()))
        archive.setpassword(passphrase.encode())
        try:
            text = archive.read("codes.txt").decode("utf-8-sig")
        except RuntimeError:
            return False
        self.enclosed |= {secret for secret in self.trade.secrets.values() if secret in text}
        return True

    async def _more_than(self, before: int) -> bool:
        return len(self.mails_to(self.trade.world.contact)) > before

    async def give(self) -> None:
        """A gift for somebody else, who is mailed."""
        contact = f"gift-{self.trade.world.tag}@example.com"
        self.trade.secrets["contact of gift"] = contact
        await self.order(payBy="WALLET", giftTo={"contact": contact, "name": "Somebody", "message": "All the best"})

        async def has_come() -> bool:
            return bool(self.mails_to(contact))

        await until(has_come, seconds=PATIENCE_S)

    async def forget_a_password(self) -> None:
        """The buyer asks for a new one by mail."""
        before = len(self.mails_to(self.trade.world.contact))
        given = {"store": self.trade.world.store_slug, "contact": self.trade.world.contact}
        await self.do("askForCustomerPassword", "__typename", None, **given)
        await until(lambda: self._more_than(before), seconds=PATIENCE_S)

    async def pay_at_the_gateway(self) -> None:
        """An order that is paid from outside."""
        order = await self.order(payBy="LATER")
        await self.do("startPayment", "payment { id }", self.trade.buyer, orderId=order, gateway=self.gateway)
        payment_id: UUID = await read(
            "SELECT p.id FROM payment p JOIN gateway g ON g.id = p.gateway_id WHERE g.key = $1 ORDER BY p.id DESC LIMIT 1",
            self.gateway,
        )
        await self.sandbox.press(payment_id)

        async def is_fulfilled() -> bool:
            return bool((await self.trade.asked.ask(STATE, self.trade.buyer, id=order))["state"] == "FULFILLED")

        await until(is_fulfilled, seconds=PATIENCE_S)

    async def prove_twice(self) -> None:
        """The owner has a second factor, with codes for paper."""
        owner = self.trade.owner
        begun = await self.do("beginSecondFactor", "secret", owner, password=PASSWORD.reveal())
        code = TOTP(begun["secret"]).at(clock.now())
        done = await self.do("confirmSecondFactor", "recoveryCodes", owner, code=code)
        self.trade.secrets["second factor"] = begun["secret"]
        self.trade.secrets |= {f"recovery code {place}": each for place, each in enumerate(done["recoveryCodes"])}

    async def was_told(self) -> bool:
        """Whether the merchant's system heard of an order."""
        return any(b"order.fulfilled" in each.body for each in self.hooks.received)

    def mails_to(self, contact: str) -> list[EmailMessage]:
        """The mails to somebody."""
        return [each for each in self.post.mails if contact in str(each["to"])]

    def mailed(self) -> bytes:
        """Every mail as it travelled and as it is read, without the files in it, which are sealed."""
        parts = [*self.post.raw]
        for place, each in enumerate(self.post.mails):
            for part in each.walk():
                if part.get_content_maintype() == "text":
                    text = str(part.get_content())
                    found = enumerate(sorted(set(FRAGMENT.findall(text))))
                    self.trade.secrets |= {f"mailed {place}-{number}": secret for number, secret in found}
                    parts.append(text.encode())
                elif not part.is_multipart():
                    parts.append(part.get_payload(decode=True))  # type: ignore[arg-type]
        return b"\n".join(parts)

    def received(self) -> bytes:
        """Every message to the merchant's system, headers and all."""
        return b"\n".join(str(each.headers).encode() + each.body for each in self.hooks.received)

    def evidence_of_the_gateway(self) -> bytes:
        """The gateway's books and log; its half of the secret is a file of its own."""
        folder = self.sandbox.folder
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "secret"]
        return b"\n".join(path.read_bytes() for path in files)

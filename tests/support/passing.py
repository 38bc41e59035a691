"""An order whose codes pass over three merchants of an installation, and what the merchants on the way get hold of."""

from dataclasses import dataclass, field
from uuid import uuid4

from fondaco_core.db import transaction
from fondaco_tenants import codes
from tests.support.breaking import token_of
from tests.support.dealings import PATIENCE_S, Dealings
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import Chain, make_chain_for
from tests.support.factories.codes import MadePool, make_codes, some_codes
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.delivery import fund
from tests.support.waiting import until
from tests.support.world import node_id

UNITS = 3
# What a merchant sees of what it sold to others and bought of them, and everything about each unit that it may ask for.
TRADE = "id quantity unitPrice { amount } partner { id name } endCustomer units { maskedCode state }"
TRADES = f"""query {{ result: merchant {{
  supplySales(first: 20) {{ nodes {{ {TRADE} offer {{ id title }} }} }}
  supplyPurchases(first: 20) {{ nodes {{ {TRADE} supplierOffer {{ id title }} }} }}
  auditLog(first: 50) {{ nodes {{ action subjectId details {{ name value }} }} }}
  orders(first: 20) {{ nodes {{ id code customer {{ id }} allocations(first: 5) {{ nodes {{ id maskedCode state }} }} }} }}
  pools(first: 5) {{ nodes {{ id codes(first: 20) {{ nodes {{ id maskedCode state }} }} }} }} }} }}"""
SHOWN = "codes { plaintext }"


@dataclass(slots=True)
class Passing:
    """A chain of merchants on an installation, what its buyer was shown, and what everybody else was answered."""

    dealings: Dealings
    chain: Chain
    buyer: str
    contact: str
    shown: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)

    async def sell(self) -> None:
        """Codes of the first merchant's are bought in the last one's shop, mailed in a file, and looked at by their buyer."""
        lines = [{"listingId": node_id("Listing", self.chain.shop.listing_id), "quantity": UNITS}]
        placed = await self.dealings.do(
            "placeOrder",
            "order { id state allocations(first: 5) { nodes { id } } }",
            self.buyer,
            lines=lines,
            payBy="WALLET",
        )
        assert placed["order"]["state"] == "FULFILLED"
        order = placed["order"]["id"]
        await until(lambda: self.dealings.is_mailed(order, self.contact, self.buyer), seconds=PATIENCE_S)
        found = await self.dealings.do("revealOrder", SHOWN, self.buyer, orderId=order)
        self.shown |= {each["plaintext"] for each in found["codes"]}
        unit = placed["order"]["allocations"]["nodes"][0]["id"]
        why = "a buyer says that it does not work"
        for merchant in (self.chain.c, self.chain.b, self.chain.a):
            await self._look_around(await token_of(merchant.owner), order, unit, why)

    async def _look_around(self, token: str, order: str, unit: str, why: str) -> None:
        """Everything by which a merchant might learn what is the buyer's, or another's."""
        asked = self.dealings.trade.asked
        answer = await asked.post({"query": TRADES}, token)
        assert "errors" not in answer.json(), answer.text
        self.answers.append(answer.text)
        for mutation, given in (
            ("revealCode", {"allocationId": unit}),
            ("revealOrder", {"orderId": order}),
            ("createDeliveryLink", {"orderId": order, "reason": why}),
            ("makeUnitEvidence", {"allocationId": unit, "reason": why}),
        ):
            name = mutation[0].upper() + mutation[1:]
            key = f', idempotencyKey: "{uuid4()}"'
            document = f"mutation ($i: {name}Input!) {{ result: {mutation}(input: $i{key}) {{ __typename ... on Failure {{ code message }} }} }}"
            self.answers.append((await asked.post({"query": document, "variables": {"i": given}}, token)).text)


async def pass_on(dealings: Dealings) -> Passing:
    """Three merchants that supply each other, and a buyer of the last one's, with their secrets noted."""
    chain = await make_chain_for(await make_entitlement(), codes=0)
    async with transaction(chain.a.owner) as tx:
        (pool,) = await codes.list_pools(tx, chain.a.owner)
    made = MadePool(pool.id, chain.a.tenant_id, chain.entitlement_id, chain.a.owner)
    texts, contact = some_codes(2 * UNITS + 1), f"passed-{uuid4().hex}@example.com"
    await make_codes(made, len(texts), texts=texts)
    dealings.trade.secrets |= {f"code passed {place}": text for place, text in enumerate(texts)}
    dealings.trade.secrets["contact of passed"] = contact
    buyer = await make_customer_ctx(chain.shop.tenant_id, contact=contact)
    assert buyer.customer_id is not None
    await fund(chain.shop.tenant_id, buyer.customer_id)
    token = await token_of(buyer)
    dealings.trade.secrets["session of passed"] = token
    await dealings.do(
        "updateDeliverySettings",
        "settings { form }",
        await token_of(chain.shop.owner),
        version=0,
        form="ZIP",
        linkOpensMax=4,
    )
    passing = Passing(dealings, chain, token, contact)
    await passing.sell()
    return passing

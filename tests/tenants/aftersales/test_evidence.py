"""An evidence file tells a code's whole path, proves it to who has no database, and shows no code."""

import json
from pathlib import Path
from typing import Any

import pytest

from fondaco_core import notary
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.errors import NotAllowed, NotFound
from fondaco_core.identity import MemberRole
from fondaco_core.ids import CodeId
from fondaco_ops import audit as command
from fondaco_tenants import aftersales, delivery
from tests.support.factories.delivery import Sale, make_sale, opener
from tests.support.factories.identity import make_member_ctx
from tests.support.notary import seal_all

pytestmark = pytest.mark.usefixtures("database")

NOTARY = system_ctx("notary", permissions=frozenset({"system.run", "audit.read"}))


async def code_of(sale: Sale) -> CodeId:
    async with transaction(sale.owner) as tx:
        return CodeId(await tx.fetchval("SELECT code_id FROM allocation WHERE id = $1", sale.allocations[0]))


async def evidence_of(sale: Sale, ctx: Ctx | None = None) -> aftersales.Evidence:
    ctx = ctx or sale.owner
    code_id = await code_of(sale)
    async with transaction(ctx) as tx:
        return await aftersales.make_evidence(tx, ctx, code_id=code_id, reason="the buyer says it never came")


async def sold_and_seen() -> Sale:
    sale = await make_sale()
    async with transaction(sale.buyer) as tx:
        await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])
    await seal_all()
    return sale


def checked(document: bytes, folder: Path, **how: Any) -> int:
    file = folder / "evidence.json"
    file.write_bytes(document)
    return command.check(file, how.get("trusted"))


async def test_the_path_of_a_code_is_told_from_its_import_to_the_look_at_it_and_holds_offline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sale = await sold_and_seen()

    made = await evidence_of(sale)

    told = [row["entry"]["action"] for row in json.loads(made.document)["entries"]]
    assert told.index("batch.imported") < told.index("order.placed") < told.index("code.revealed")
    assert checked(made.document, tmp_path) == 0
    assert "0 false" in capsys.readouterr().out


async def test_no_code_is_in_the_file() -> None:
    sale = await sold_and_seen()

    made = await evidence_of(sale)

    assert sale.codes[0].encode() not in made.document


async def test_that_it_was_made_is_on_the_record_with_its_digest() -> None:
    sale = await sold_and_seen()

    made = await evidence_of(sale)

    async with governing(NOTARY) as tx:
        row = await tx.fetchrow(
            "SELECT reason, detail FROM audit_entry WHERE tenant_id = $1 AND action = 'evidence.made'", sale.tenant_id
        )
    assert row is not None
    assert (row["reason"], row["detail"]["sha256"]) == ("the buyer says it never came", made.sha256)


@pytest.mark.parametrize(
    "forge",
    [
        lambda file: file["entries"][0]["entry"].update(reason="another"),
        lambda file: file["entries"][-1]["entry"].update(happened_at="2026-11-01T00:00:00.000000Z"),
        lambda file: file["entries"][0].update(index=file["entries"][0]["index"] + 1),
        lambda file: file["entries"][0]["path"].pop(),
        lambda file: file["checkpoint"].update(size=file["checkpoint"]["size"] + 1),
        lambda file: file["checkpoint"].update(root=file["checkpoint"]["signature"][:44]),
        lambda file: file.update(public_key="A" * 43 + "="),
    ],
)
async def test_a_file_that_was_changed_anywhere_does_not_hold(forge: Any, tmp_path: Path) -> None:
    made = await evidence_of(await sold_and_seen())
    file = json.loads(made.document)

    forge(file)

    assert checked(json.dumps(file).encode(), tmp_path) == 1


async def test_a_file_signed_by_another_key_does_not_hold_for_who_knows_the_right_one(tmp_path: Path) -> None:
    made = await evidence_of(await sold_and_seen())

    assert checked(made.document, tmp_path, trusted={"0123456789abcdef": b"k" * 32}) == 1


async def test_what_happened_a_moment_ago_is_refused_by_name_until_it_is_sealed() -> None:
    sale = await sold_and_seen()
    async with transaction(sale.buyer) as tx:
        await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])

    with pytest.raises(notary.NotSealedYet):
        await evidence_of(sale)

    await seal_all()
    assert (await evidence_of(sale)).entries > 0


async def test_who_opened_a_link_is_part_of_the_path() -> None:
    sale = await make_sale()
    ctx = sale.owner
    async with transaction(ctx) as tx:
        link = await delivery.create_link(tx, ctx, order_id=sale.order_id, reason="the buyer asked for one")
    async with transaction(opener(sale)) as tx:
        await delivery.open_link(
            tx, opener(sale), store_slug=sale.store.slug, link_id=link.id, secret=delivery.secret_of(link.id)
        )
    await seal_all()

    told = [row["entry"]["action"] for row in json.loads((await evidence_of(sale)).document)["entries"]]

    assert "delivery_link.opened" in told


async def test_another_merchant_learns_nothing_and_support_may_not() -> None:
    sale, other = await sold_and_seen(), await make_sale()
    support = await make_member_ctx(sale.tenant_id, role=MemberRole.SUPPORT)

    with pytest.raises(NotFound):
        await evidence_of(sale, other.owner)
    with pytest.raises(NotAllowed):
        await evidence_of(sale, support)

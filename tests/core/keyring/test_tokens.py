"""What is derived and not kept is the same today as when it was mailed: every shape of it, by its definition."""

import base64
import hmac
from uuid import UUID

import pytest

from fondaco_core import identity
from fondaco_core.db import transaction
from fondaco_core.identity.derived import derived_bytes, derived_token, read_derived
from fondaco_core.ids import LinkId, OrderId, TenantId
from fondaco_core.keyring import derived, derived_text, keyring
from fondaco_tenants import delivery
from fondaco_tenants.delivery.service.letters import passphrase_of
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant

pytestmark = pytest.mark.usefixtures("database")

ID = UUID("01990000-0000-7000-8000-00000000abcd")
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def defined(text: str) -> bytes:
    """HMAC-SHA-256 under the platform's look-up key, as it was from the first row on."""
    return hmac.digest(keyring().lookup_key.reveal(), b"v1|" + text.encode(), "sha256")


def in_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_what_is_derived_is_a_keyed_hash_of_its_purpose_and_of_what_it_belongs_to() -> None:
    assert derived("some-purpose", "a row").reveal() == defined("some-purpose|a row")
    assert derived_text("some-purpose", "a row").reveal() == in_base64(defined("some-purpose|a row"))
    assert derived_text("some-purpose", "a row", size=16).reveal() == in_base64(defined("some-purpose|a row")[:16])
    assert "a row" not in repr(derived("some-purpose", "a row"))


@pytest.mark.parametrize("kind", ["invite", "reset"])
def test_a_mailed_token_is_the_rows_id_and_what_belongs_to_it(kind: str) -> None:
    token = derived_token(kind, ID)

    expected = base64.urlsafe_b64encode(ID.bytes + defined(f"{kind}-token|{ID.hex}")).decode()
    assert token.reveal() == f"fd_{kind}_{expected}"
    assert derived_bytes(kind, ID) == defined(f"{kind}-token|{ID.hex}")
    assert read_derived(kind, token) == ID
    assert read_derived("another", token) is None


def test_a_links_secret_and_an_enclosures_passphrase_are_what_they_were() -> None:
    raw = int.from_bytes(defined(f"delivery-passphrase|{ID}")[:10], "big")
    symbols = "".join(SYMBOLS[raw >> shift & 31] for shift in range(0, 80, 5))

    assert delivery.secret_of(LinkId(ID)).reveal() == in_base64(defined(f"delivery-link|{ID}"))
    assert passphrase_of(OrderId(ID)).reveal() == "-".join(symbols[place : place + 4] for place in range(0, 16, 4))


async def test_a_merchants_signing_key_is_what_it_was() -> None:
    ctx = await make_member_ctx(await make_tenant())

    async with transaction(ctx) as tx:
        shown = await delivery.show_link_key(tx, ctx, reason="the shop asks for it")

    assert shown.reveal() == in_base64(defined(f"link-signing|{ctx.tenant}"))


def test_a_guests_token_ends_in_what_belongs_to_all_before_it() -> None:
    token = identity.new_order_token(tenant_id=TenantId(ID), order_id=ID, version=3).reveal().removeprefix("fd_order_")

    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert raw[-32:] == defined(f"order-token|{raw[:-32].hex()}")

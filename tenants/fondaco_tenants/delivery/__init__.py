"""delivery: how a bought code reaches its buyer.

Owns     delivery_link.
Promises a code is shown to its buyer, to a guest with the order's token, or to who holds a link and its secret, and to
         nobody else; every showing is on record with who, when and from where; a link opens as often as it says, never
         once more, and looking at its page opens nothing; only a hash of a link's secret is stored.
Stands on orders and codes.
"""

from fondaco_tenants.delivery.errors import LinkExpired, LinkRevoked, LinkSpent, LinkUnknown, NotDelivered, TooManyLinks
from fondaco_tenants.delivery.rules import Link, LinkState
from fondaco_tenants.delivery.service import (
    OpenedLink,
    OrderPage,
    Reveal,
    RevealedUnit,
    create_link,
    find_link_address,
    find_links,
    get_order_page,
    get_store_name,
    list_links,
    list_reveals,
    open_link,
    reveal_code,
    reveal_order,
    revoke_link,
    secret_of,
)

__all__ = [
    "Link",
    "LinkExpired",
    "LinkRevoked",
    "LinkSpent",
    "LinkState",
    "LinkUnknown",
    "NotDelivered",
    "OpenedLink",
    "OrderPage",
    "Reveal",
    "RevealedUnit",
    "TooManyLinks",
    "create_link",
    "find_link_address",
    "find_links",
    "get_order_page",
    "get_store_name",
    "list_links",
    "list_reveals",
    "open_link",
    "reveal_code",
    "reveal_order",
    "revoke_link",
    "secret_of",
]

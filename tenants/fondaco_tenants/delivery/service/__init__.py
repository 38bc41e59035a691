"""Use cases of delivery: links and showing codes; what is sent, and how it went; templates; keys; unusual showings."""

from fondaco_tenants.delivery.service.links import (
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
    "OpenedLink",
    "OrderPage",
    "Reveal",
    "RevealedUnit",
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

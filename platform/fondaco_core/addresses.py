"""Network addresses as they are counted: by household, since one subscriber has 2^64 addresses of the newer kind."""

import ipaddress


def neighbourhood(ip: str | None) -> str:
    """The network that an address is rented or handed out with: 256 addresses, or 2^16 households of the newer kind."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))  # noqa: PLR2004


def household(ip: str | None) -> str:
    """An IPv4 address, or the 64 bits of an IPv6 address that a provider gives to one; `unknown` for what is neither."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))

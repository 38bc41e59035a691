"""Network addresses as they are counted: by household, since one subscriber has 2^64 addresses of the newer kind."""

import ipaddress


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

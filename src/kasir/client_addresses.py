"""IP addresses of clients: their canonical form, and the network that belongs to one customer."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

#: Network providers assign at least a /64 of IPv6 addresses to each customer.
_CUSTOMER_PREFIX_BITS: Final = 64
_IPV6_BITS: Final = 128


def parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """Parse an IP address; None where the text is not an IP address.

    A socket for IPv4 and IPv6 shows an IPv4 address as an IPv4-mapped IPv6 address. It is returned
    as IPv4.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def canonical_address(host: str) -> str:
    """Return an IP address in its canonical form; any other text is returned unchanged."""
    return str(parse_address(host) or host)


def customer_network(host: str) -> str:
    """Return the network of one customer, so that its requests can be counted together.

    It is the address itself for IPv4, and the /64 network for IPv6. Any other text is returned
    unchanged.
    """
    address = parse_address(host)
    if isinstance(address, IPv6Address):
        return f"{int(address) >> (_IPV6_BITS - _CUSTOMER_PREFIX_BITS):x}::"
    return str(address or host)

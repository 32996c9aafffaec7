"""Who is at an address, as far as an address tells: what limits count."""

import ipaddress
from typing import Final

__all__ = ["network_of", "place_of"]

# A subscriber has all addresses of an IPv6 subnet (RFC 4291 §2.5.4), and as a
# rule several of those; a /56 is what RFC 6177 §2 gives for an example.
_PLACE_BITS: Final = {4: 32, 6: 64}
_NETWORK_BITS: Final = {4: 24, 6: 56}


def place_of(address: str) -> str:
    """One client's: of IPv4 the address itself, of IPv6 its /64.

    An IPv4 address that is written as one of IPv6 is the IPv4 address; what is
    no address at all stands for itself.
    """
    return _cut(address, _PLACE_BITS)


def network_of(address: str) -> str:
    """That of clients who may be one: of IPv4 the /24, of IPv6 the /56."""
    return _cut(address, _NETWORK_BITS)


def _cut(address: str, bits: dict[int, int]) -> str:
    known: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        known = known.ipv4_mapped or known
    kept = bits[known.version]
    if kept == known.max_prefixlen:
        return str(known)
    return str(ipaddress.ip_network((int(known), kept), strict=False))

"""The settings of the desk: whether it is served, and the proxy that may sign people in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from kasir.client_addresses import parse_address
from kasir.errors import SettingError

_HEADER: Final = "KASIR_DESK_PROXY_HEADER"
_ADDRESSES: Final = "KASIR_DESK_PROXY_ADDRESSES"
#: The name of an HTTP header.
_TOKEN: Final = re.compile(r"[A-Za-z0-9-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeskSettings:
    """The settings of the desk.

    Attributes:
        is_on: Whether the desk is served.
        proxy_header: The header in which a trusted proxy names the person; empty without a proxy.
        proxy_networks: The addresses of the trusted proxies.
    """

    is_on: bool = True
    proxy_header: str = ""
    proxy_networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def trusts(self, host: str) -> bool:
        """Whether a connection from this address is one of a trusted proxy."""
        address = parse_address(host)
        return address is not None and any(address in network for network in self.proxy_networks)


def desk_from(env: Mapping[str, str]) -> DeskSettings:
    """Read the settings of the desk from the environment.

    Raises:
        SettingError: One of them is malformed, or one of the proxy's is missing.
    """
    is_on = env.get("KASIR_DESK") or "on"
    if is_on not in {"on", "off"}:
        raise SettingError("KASIR_DESK", f"{is_on!r} is not on or off")
    header, addresses = env.get(_HEADER, ""), env.get(_ADDRESSES, "")
    if bool(header) != bool(addresses):
        missing = _ADDRESSES if header else _HEADER
        raise SettingError(missing, "header and addresses are set together or not at all")
    if header and not _TOKEN.fullmatch(header):
        raise SettingError(_HEADER, f"{header!r} is not the name of a header")
    return DeskSettings(
        is_on=is_on == "on",
        proxy_header=header.lower(),
        proxy_networks=tuple(_network(text.strip()) for text in addresses.split(",") if text),
    )


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        cure = "give addresses or networks such as 10.0.0.5 or 10.0.0.0/24, separated by commas"
        raise SettingError(_ADDRESSES, f"{error}; {cure}") from None

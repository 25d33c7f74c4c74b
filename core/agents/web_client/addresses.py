"""Which addresses agents may connect to: public ones, and those that a setting allows."""

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from perdure.agents.steps.errors import InputError, TransientError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure; it looks public
            "169.254.169.254",  # AWS, Azure, Google, Oracle and others
            "169.254.170.2",  # containers on AWS
            "169.254.170.23",
            "192.0.0.192",  # Oracle
            "fd00:ec2::23",
            "fd00:ec2::254",
            "fd20:ce::254",  # Google
        ),
    )
)
_TRANSLATED: Final = ip_network("64:ff9b::/96")  # NAT64: an IPv4 address in its last 32 bits
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
# Not all versions of Python know these. Teredo, in 2001::/23, and 6to4, 2002::/16, carry an IPv4
# address too; nobody serves pages there any more.
_NOT_PUBLIC: Final = tuple(
    map(
        ip_network,
        (
            "100.64.0.0/10",
            "192.88.99.0/24",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3ffe::/16",
            "3fff::/20",
        ),
    )
)


def fault_of(address: Address) -> str | None:
    """Return what an address is, such as ``a loopback address``; ``None`` if it is public.

    An address that carries another, mapped or translated, is what that other is.
    """
    address = plain(address)
    if address in _TRANSLATED:
        address = IPv4Address(int(address) & 0xFFFF_FFFF)
    kinds = (
        ("an address of a cloud's metadata service", address in _METADATA),
        ("the unspecified address", address.is_unspecified),
        ("a loopback address", address.is_loopback),
        ("a link-local address", address.is_link_local),
        ("a multicast address", address.is_multicast),
        ("a private or reserved address", not _is_public(address)),
    )
    return next((kind for kind, is_that in kinds if is_that), None)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped one is to the system; any other as it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a setting allows beside public addresses.

    Attributes:
        names: Host names, in lower case, whatever their addresses are.
        networks: Networks; a single address is one of its own.
        setting: The name of the setting.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    setting: str = "PERDURE_WEB_ALLOW"

    @classmethod
    def from_setting(cls, entries: Iterable[str], setting: str = "PERDURE_WEB_ALLOW") -> "Allowed":
        """Read host names, addresses and networks.

        Raises:
            InputError: One is none of these.
        """
        names: set[str] = set()
        networks: list[Network] = []
        for entry in entries:
            try:
                networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                if not entry or set(entry) & set("/:@*[]% "):
                    raise InputError(
                        f"{setting} has {entry!r} in it: give host names, addresses and"
                        " networks such as 10.1.0.0/16, without scheme or port"
                    ) from None
                names.add(_normal(entry))
        return cls(frozenset(names), tuple(networks), setting)

    def allows(self, host: str, address: Address) -> bool:
        """Say whether a host, or an address that it has, is among these."""
        if _normal(host) in self.names:
            return True
        return any(plain(address) in network or address in network for network in self.networks)


def _normal(host: str) -> str:
    return host.rstrip(".").lower()


async def checked_addresses(host: str, port: int, allowed: Allowed) -> list[str]:
    """Resolve a host, once, and return its addresses, which are all good to connect to.

    Any form that the system takes for an address is resolved to it: ``2130706433``, ``0x7f.1``.

    Raises:
        InputError: One of its addresses is neither public nor allowed, or it is no host name.
        HostUnknown: It has no address now.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise HostUnknown(
            f"host {host} has no address ({error.strerror}): look at its name and at the worker's"
            " network"
        ) from error
    except UnicodeError as error:
        raise InputError(f"{host!r} is no host name ({error}): give another URL") from error
    texts = dict.fromkeys(str(entry[4][0]) for entry in found)
    for text in texts:
        address = ip_address(text)
        fault = fault_of(address)
        if fault is not None and not allowed.allows(host, address):
            at = "is" if host == text else f"is at {text},"
            raise InputError(
                f"host {host} {at} {fault}, where agents may not go: give another URL, or allow it"
                f" in {allowed.setting} where the worker runs"
            )
    return list(texts)


class HostUnknown(TransientError):
    """A host name has no address now: some systems say so of any name while they are offline."""

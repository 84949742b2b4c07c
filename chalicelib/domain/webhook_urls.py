"""
Where a webhook may lead: the form of its URL, and which addresses are the public internet's.

A URL is judged when an owner gives it, and again at each attempt; the addresses of its name only then, by whoever
resolves it. The text is taken apart by one strict grammar, never by one that repairs what it reads: two readers who
understand a text differently are how a guarded address is reached.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from chalicelib.domain.errors import InvalidInput

Address = IPv4Address | IPv6Address

URL_MAX_CHARACTERS: Final = 2048
NAME_MAX_CHARACTERS: Final = 253
"""Source: RFC 1035 section 2.3.4, without the dot and the length byte at the end."""

PORTS: Final = {"https": 443, "http": 80}
"""The schemes there are, each with its own port."""

PORT_MAX: Final = 65_535

LOCAL_NAMES: Final = frozenset({"localhost", "localdomain", "local", "internal", "home.arpa"})
"""
Names that, with all below them, no public name server answers for.

Source: RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of .internal, which clouds use for their own machines.
"""

UNICAST_6: Final = IPv6Network("2000::/3")
"""Of IPv6, what has been assigned to the internet. Source: IANA, Internet Protocol Version 6 Address Space."""

NAT64: Final = IPv6Network("64:ff9b::/96")
"""Stands for the whole of IPv4 where a network has only IPv6. Source: RFC 6052 section 2.1."""

ISATAP_PREFIXES: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""The first half of an interface identifier whose second is an IPv4 address. Source: RFC 5214 section 6.1."""

NOT_PUBLIC_4: Final = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, which are no more
    IPv4Network("224.0.0.0/4"),  # multicast
)
"""What some version of `ipaddress` takes for global. Source: IANA's IPv4 special-purpose address registry."""

NOT_PUBLIC_6: Final = (
    IPv6Network("2001::/23"),  # protocol assignments, Teredo's tunnels among them
    IPv6Network("2002::/16"),  # 6to4: a tunnel to the IPv4 address that follows
    IPv6Network("3fff::/20"),  # documentation
)
"""As `NOT_PUBLIC_4`, of what is within `UNICAST_6`."""

_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<target>.*)")
_AUTHORITY: Final = re.compile(r"(?:\[(?P<in_brackets>[^\[\]]*)\]|(?P<bare>[^:\[\]]+))(?::(?P<port>[1-9][0-9]{0,4}))?")
_TARGET: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that makes resolvers take the whole host for an IPv4 address, be it written in whatever way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUrl:
    """
    A URL that may be called.

    ``host`` is in lower case: a DNS name, or an address without brackets. ``target`` is the path with the query, as the
    request line has it.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the Host header says: the port only if it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parsed_webhook_url(text: str, *, to_anywhere: bool, pointer: str = "#") -> WebhookUrl:
    """
    Return the parts of a URL that events may be sent to.

    Args:
        text: What an owner gave.
        to_anywhere: Allow http, every port, and hosts that are not public, as on a laptop. The rest holds all the same.
        pointer: Where in the request the text stands, for the error.

    Raises:
        InvalidInput: It is none; the detail says what to change.
    """
    try:
        return _parsed(text, to_anywhere=to_anywhere)
    except _Wrong as wrong:
        raise InvalidInput(str(wrong), pointer=pointer) from None


def is_public(address: Address) -> bool:
    """
    Tell whether an address is a machine's on the public internet, and stands for no other that is not.

    Of the forms of IPv6 that hold an IPv4 address, the mapped, the compatible, 6to4, Teredo and the NAT64 of a local
    network (64:ff9b:1::/48) are never public; NAT64's own prefix and ISATAP are if what they hold is.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in NOT_PUBLIC_4)
    number = int(address)
    low = IPv4Address(number & 0xFFFF_FFFF)
    if address in NAT64:
        return is_public(low)
    if (number >> 32) & 0xFFFF_FFFF in ISATAP_PREFIXES and not is_public(low):
        return False
    return address in UNICAST_6 and address.is_global and not any(address in network for network in NOT_PUBLIC_6)


class _Wrong(Exception):
    """The message is the detail."""


def _parsed(text: str, *, to_anywhere: bool) -> WebhookUrl:
    if len(text) > URL_MAX_CHARACTERS:
        detail = f"a URL has at most {URL_MAX_CHARACTERS} characters"
        raise _Wrong(detail)
    if not all("!" <= character <= "~" for character in text):
        detail = (
            "a URL has no spaces, no control characters, and ASCII only: write a name of other letters as xn--…, "
            "and percent-encode them elsewhere"
        )
        raise _Wrong(detail)
    if "#" in text:
        detail = "leave out the fragment, from # on: it is never sent"
        raise _Wrong(detail)
    parts = _URL.fullmatch(text)
    scheme = parts["scheme"].lower() if parts else ""
    if parts is None or scheme not in (PORTS if to_anywhere else {"https"}):
        detail = "the URL must begin with http:// or https://" if to_anywhere else "the URL must begin with https://"
        raise _Wrong(detail)
    host, port = _host_and_port(parts["authority"], scheme=scheme, to_anywhere=to_anywhere)
    target = parts["target"]
    if not _TARGET.fullmatch(target):
        detail = "percent-encode what is not allowed in a path or query; a % has two hexadecimal digits after it"
        raise _Wrong(detail)
    return WebhookUrl(scheme=scheme, host=host, port=port, target=target if target.startswith("/") else f"/{target}")


def _host_and_port(authority: str, *, scheme: str, to_anywhere: bool) -> tuple[str, int]:
    if "@" in authority:
        detail = "leave out the user and password before @: the signature tells who sends"
        raise _Wrong(detail)
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        detail = "after // there must be a host: a DNS name, an IPv4 address, or an IPv6 address in brackets"
        raise _Wrong(detail)
    if parts["bare"] is None:
        host = _address_6(parts["in_brackets"].lower(), to_anywhere=to_anywhere)
    elif _NUMBER.fullmatch(parts["bare"].lower().rpartition(".")[2]):
        host = _address_4(parts["bare"], to_anywhere=to_anywhere)
    else:
        host = _name(parts["bare"].lower(), to_anywhere=to_anywhere)
    port = int(parts["port"] or PORTS[scheme])
    if not (port <= PORT_MAX if to_anywhere else port == PORTS[scheme]):
        detail = f"a port is a number up to {PORT_MAX}" if to_anywhere else "leave out the port: only 443 is called"
        raise _Wrong(detail)
    return host, port


def _address_6(text: str, *, to_anywhere: bool) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        address = None
    if address is None or address.scope_id is not None or str(address) != text:
        detail = "in brackets there must be an IPv6 address in its shortest form (RFC 5952), without a zone"
        raise _Wrong(detail)
    return _allowed(address, to_anywhere=to_anywhere)


def _address_4(text: str, *, to_anywhere: bool) -> str:
    try:
        address = IPv4Address(text)
    except ValueError:
        detail = "an IPv4 address is four decimal numbers up to 255 without leading zeros, as 203.0.113.7"
        raise _Wrong(detail) from None
    return _allowed(address, to_anywhere=to_anywhere)


def _allowed(address: Address, *, to_anywhere: bool) -> str:
    if not to_anywhere and not is_public(address):
        detail = "the address is not one of the public internet"
        raise _Wrong(detail)
    return str(address)


def _name(text: str, *, to_anywhere: bool) -> str:
    labels = text.split(".")
    if len(text) > NAME_MAX_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        detail = (
            "the host must be a DNS name: labels of up to 63 letters, digits and inner hyphens with one dot between "
            f"two, none at the end, and {NAME_MAX_CHARACTERS} characters in all"
        )
        raise _Wrong(detail)
    if not to_anywhere and (len(labels) == 1 or any(f".{text}".endswith(f".{name}") for name in LOCAL_NAMES)):
        detail = "the host must be the full name of a public machine"
        raise _Wrong(detail)
    return text

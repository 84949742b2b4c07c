"""Which URLs a webhook may have, and which addresses its name may resolve to."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.webhook_urls import URL_MAX_CHARACTERS, WebhookUrl, is_public, parsed_webhook_url
from tests.ssrf import ADDRESSES, NAMES, PUBLIC_ADDRESSES, URLS

LAPTOP_ALLOWS = {
    "http": "http://example.com/",
    "another port": "https://example.com:8443/",
    "the highest port": "https://example.com:65535/",
    "localhost": "http://localhost:8080/hook",
    "one label": "https://receiver/",
    "loopback": "http://127.0.0.1:9000/",
    "loopback of IPv6": "http://[::1]:9000/",
    "metadata": "http://169.254.169.254/",
    "a local name": "https://host.docker.internal/",
}


def in_url(address: str) -> str:
    return f"https://[{address}]/" if ":" in address else f"https://{address}/"


def detail_of(text: str, *, to_anywhere: bool = False) -> str:
    with pytest.raises(InvalidInput) as refused:
        parsed_webhook_url(text, to_anywhere=to_anywhere, pointer="#/url")
    assert refused.value.pointer == "#/url"
    return str(refused.value)


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize("text", URLS, ids=lambda text: URLS[text])
def test_a_disguise_is_refused_by_its_text(text: str) -> None:
    detail = detail_of(text)
    assert detail.isprintable(), "what the owner wrote is not repeated"


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_is_not_public_is_refused_in_a_url_and_anywhere_else(address: str) -> None:
    assert not is_public(ip_address(address))
    assert detail_of(in_url(str(ip_address(address)))) == "the address is not one of the public internet"
    detail_of(in_url(address))


def test_the_corpus_is_large() -> None:
    assert len(URLS) + len(ADDRESSES) + len(NAMES) > 300


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(ip_address(address))
    assert parsed_webhook_url(in_url(address), to_anywhere=False).host == address


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_not_refused_for_what_it_resolves_to(name: str) -> None:
    assert parsed_webhook_url(f"https://{name}/", to_anywhere=False).host == name


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("https://hooks.example.com", "/"),
        ("https://hooks.example.com/", "/"),
        ("https://hooks.example.com:443/a", "/a"),
        ("https://hooks.example.com?a=b", "/?a=b"),
        ("HTTPS://HOOKS.Example.COM/A?B=C", "/A?B=C"),
        ("https://hooks.example.com/a/../b//c;d=e,f?g=h&i=@:/?'()*", "/a/../b//c;d=e,f?g=h&i=@:/?'()*"),
        ("https://hooks.example.com/%E2%82%ac~-._!$+", "/%E2%82%ac~-._!$+"),
    ],
)
def test_a_url_is_taken_apart_and_sent_as_it_is_written(text: str, target: str) -> None:
    expected = WebhookUrl(scheme="https", host="hooks.example.com", port=443, target=target)
    assert parsed_webhook_url(text, to_anywhere=False) == expected


@pytest.mark.parametrize("text", LAPTOP_ALLOWS.values(), ids=LAPTOP_ALLOWS)
def test_a_laptop_may_call_itself(text: str) -> None:
    parsed_webhook_url(text, to_anywhere=True)
    detail_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://user@localhost/",
        "https://localhost/#a",
        "https://localhost./",
        "https://[::1%25lo]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://local host/",
        "https://localhost:0/",
        "https://localhost:65536/",
        "ftp://localhost/",
        "file:///etc/passwd",
        f"https://localhost/{'a' * 2048}",
    ],
)
def test_the_form_of_a_url_is_the_same_on_a_laptop(text: str) -> None:
    detail_of(text, to_anywhere=True)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("http://example.com/", "the URL must begin with https://"),
        ("https://example.com:8443/", "leave out the port: only 443 is called"),
        ("https://u:p@example.com/", "leave out the user and password before @: the signature tells who sends"),
        ("https://example.com/#a", "leave out the fragment, from # on: it is never sent"),
        ("https://localhost/", "the host must be the full name of a public machine"),
        ("https://127.1/", "an IPv4 address is four decimal numbers up to 255 without leading zeros, as 203.0.113.7"),
        ("https://", "after // there must be a host: a DNS name, an IPv4 address, or an IPv6 address in brackets"),
        (
            "https://[::01]/",
            "in brackets there must be an IPv6 address in its shortest form (RFC 5952), without a zone",
        ),
        (
            "https://münchen.example/",
            (
                "a URL has no spaces, no control characters, and ASCII only: write a name of other letters as xn--…, "
                "and percent-encode them elsewhere"
            ),
        ),
        (
            "https://a_b.example/",
            (
                "the host must be a DNS name: labels of up to 63 letters, digits and inner hyphens with one dot "
                "between two, none at the end, and 253 characters in all"
            ),
        ),
        (
            "https://example.com/%",
            "percent-encode what is not allowed in a path or query; a % has two hexadecimal digits after it",
        ),
        (f"https://example.com/{'a' * 2048}", "a URL has at most 2048 characters"),
    ],
)
def test_a_refusal_says_what_to_change(text: str, detail: str) -> None:
    assert detail_of(text) == detail


def test_on_a_laptop_a_refusal_says_what_is_allowed_there() -> None:
    assert detail_of("ftp://localhost/", to_anywhere=True) == "the URL must begin with http:// or https://"
    assert detail_of("https://localhost:65536/", to_anywhere=True) == "a port is a number up to 65535"


def test_the_largest_of_each_part_is_allowed() -> None:
    longest_url = "https://example.com/".ljust(URL_MAX_CHARACTERS, "a")
    assert parsed_webhook_url(longest_url, to_anywhere=False).target == longest_url[len("https://example.com") :]
    name = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}"
    assert len(name) == 253
    assert parsed_webhook_url(f"https://{name}/", to_anywhere=False).host == name
    detail_of(f"https://{name}d/")


def test_a_name_that_only_looks_local_is_allowed() -> None:
    for name in [
        "notlocalhost.com",
        "localhost.example.com",
        "my-local.com",
        "internal.example.com",
        "a.notlocal",
        "a1.b2.c3",
    ]:
        assert parsed_webhook_url(f"https://{name}/", to_anywhere=False).host == name


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("https://example.com/", "example.com"),
        ("https://EXAMPLE.com:443/", "example.com"),
        ("http://example.com:80/", "example.com"),
        ("http://example.com:443/", "example.com:443"),
        ("https://localhost:8443/", "localhost:8443"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
    ],
)
def test_the_host_header_has_the_port_only_if_it_is_not_the_schemes(text: str, authority: str) -> None:
    assert parsed_webhook_url(text, to_anywhere=True).authority == authority


PIECES = st.sampled_from(
    [
        *"a1.-:/@?#%[]\\ \t\r\n\0é\u3002\uff10",
        "https",
        "http",
        "://",
        "//",
        "example.com",
        "127.0.0.1",
        "::1",
        "localhost",
        "443",
        "xn--",
    ]
)
ANY_URL = st.one_of(
    st.text(),
    st.lists(PIECES).map("".join),
    st.lists(PIECES).map(lambda pieces: "https://" + "".join(pieces)),
    st.lists(PIECES).map(lambda pieces: "https://example.com" + "".join(pieces)),
)


@given(text=ANY_URL, to_anywhere=st.booleans())
@example(text="https://example.com/a", to_anywhere=False)
def test_what_is_allowed_is_understood_alike_by_other_readers(text: str, *, to_anywhere: bool) -> None:
    try:
        url = parsed_webhook_url(text, to_anywhere=to_anywhere)
    except InvalidInput:
        return
    other = urlsplit(text)
    assert (other.scheme, other.hostname, other.port or url.port) == (url.scheme, url.host, url.port)
    assert (other.username, other.password, other.fragment) == (None, None, "")
    assert re.fullmatch(r"/[!-~]*", url.target)
    assert url.host.encode("idna") == url.host.encode("ascii"), "resolver and TLS are asked for this very name"
    assert parsed_webhook_url(f"{url.scheme}://{url.authority}{url.target}", to_anywhere=to_anywhere) == url
    if not to_anywhere:
        assert (url.scheme, url.port) == ("https", 443)
        assert "." in url.host or ":" in url.host


@given(number=st.integers(0, 2**32 - 1))
def test_no_number_is_taken_for_an_ipv4_address(number: int) -> None:
    octets = str(IPv4Address(number)).split(".")
    last_three = number & 0xFFFFFF
    for host in [
        f"{number}",
        f"0x{number:x}",
        f"0{number:o}",
        f"{octets[0]}.{last_three}",
        f"{octets[0]}.{octets[1]}.{number & 0xFFFF}",
        ".".join(f"0x{int(octet):x}" for octet in octets),
        ".".join(f"0{int(octet):o}" for octet in octets),
        ".".join(octet.zfill(4) for octet in octets),
    ]:
        detail_of(f"https://{host}/", to_anywhere=True)


@given(address=st.ip_addresses(v=4))
def test_of_ipv4_what_is_public_is_global_and_no_form_of_ipv6_hides_what_is_not(address: IPv4Address) -> None:
    low = int(address)
    high = low << 80
    if is_public(address):
        assert address.is_global
        assert not any([address.is_multicast, address.is_reserved, address.is_private])
    else:
        assert not is_public(IPv6Address((0x2606_4700 << 96) | (0x5EFE << 32) | low)), "ISATAP"
        assert not is_public(IPv6Address((0x2606_4700 << 96) | (0x200_5EFE << 32) | low)), "ISATAP"
    assert is_public(IPv6Address((0x64_FF9B << 96) | low)) == is_public(address), "NAT64"
    for name, number in {
        "compatible": low,
        "mapped": (0xFFFF << 32) | low,
        "translated": (0xFFFF_0000 << 32) | low,
        "a local network's NAT64": (0x64_FF9B_0001 << 80) | low,
        "6to4": (0x2002 << 112) | high | 1,
        "Teredo, by its server": (0x2001_0000 << 96) | (low << 64),
        "Teredo, by its client": (0x2001_0000 << 96) | (low ^ 0xFFFF_FFFF),
    }.items():
        assert not is_public(IPv6Address(number)), name


@given(address=st.ip_addresses(v=6))
def test_of_ipv6_what_is_public_is_global_unicast(address: IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not any([address.is_multicast, address.is_private, address.is_link_local, address.is_site_local])
        assert address.ipv4_mapped is None
        assert address.sixtofour is None
        assert address.teredo is None


def test_a_zone_makes_no_address_public() -> None:
    assert not is_public(IPv6Address("fe80::1%eth0"))
    assert not is_public(IPv6Address("::1%lo"))

"""Users: their names and passwords."""

import hashlib
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from chalicelib.domain.errors import InvalidInput

UserId = NewType("UserId", str)
"""A random UUID; what tokens and jobs carry, so a name can be freed or changed."""

USER_ID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
USERNAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}"
PASSWORD_MIN_CHARACTERS = 8
PASSWORD_MAX_CHARACTERS = 128

PASSWORD_SENT_MAX_CHARACTERS = 4 * PASSWORD_MAX_CHARACTERS
"""A longer text is no password, and nothing else is done with it. In NFC one character comes of four at most."""

CONTEXT_WORDS = ("jobbackend",)
"""What an attacker of this very service would try first, in letters and digits only (ASVS 5.0, 6.1.2)."""

_USER_ID = re.compile(USER_ID_PATTERN)
_USERNAME = re.compile(USERNAME_PATTERN)
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")


ADDRESSES_KNOWN_MAX = 10
"""Addresses that an account remembers."""

ADDRESS_SEEN_AGAIN = timedelta(days=1)
"""After how long a known address is noted anew: not with every sign-in, which would be a write for each."""


class Role(StrEnum):
    """What a user may do beside what all may."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """
    A registered user.

    ``password_hash`` is the hasher's own text, parameters included. ``known_addresses`` are the digests of those that
    the right password lately came from, and when.
    """

    user_id: UserId
    username: str
    password_hash: str = field(repr=False)
    created_at: datetime
    role: Role = Role.USER
    is_disabled: bool = False
    known_addresses: Mapping[str, datetime] = field(default_factory=dict)

    def is_unchanged_since(self, seen: "User") -> bool:
        """Tell whether it is still the account that was seen, with the same password and the same rights."""
        return (self.user_id, self.password_hash, self.role, self.is_disabled) == (
            seen.user_id,
            seen.password_hash,
            seen.role,
            seen.is_disabled,
        )

    def signed_in_from(self, address: str, *, at: datetime) -> "User":
        """Return it with the address known; itself if it was noted lately."""
        of_address = address_digest(address)
        known = self.known_addresses.get(of_address)
        if known is not None and at - known < ADDRESS_SEEN_AGAIN:
            return self
        latest = sorted({**self.known_addresses, of_address: at}.items(), key=lambda each: each[1], reverse=True)
        return replace(self, known_addresses=dict(latest[:ADDRESSES_KNOWN_MAX]))

    def with_password(self, password_hash: str) -> "User":
        """Return it with another hash."""
        return replace(self, password_hash=password_hash)

    def administered(self, *, role: Role | None, is_disabled: bool | None) -> "User":
        """Return it as an administrator wants it; ``None`` leaves a thing as it is."""
        return replace(
            self,
            role=self.role if role is None else role,
            is_disabled=self.is_disabled if is_disabled is None else is_disabled,
        )


def address_digest(address: str) -> str:
    """
    Return what stands for a source address where none is to be read.

    Of IPv6 the first 64 bits: a single customer has all of the rest. A text that is no address stands for itself.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        network = address
    else:
        # Written in IPv6, all of IPv4 would be one network (RFC 4291, section 2.5.5.2).
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        is_single = isinstance(parsed, ipaddress.IPv4Address)
        network = str(parsed if is_single else ipaddress.IPv6Network((int(parsed), 64), strict=False))
    return hashlib.sha256(network.encode()).hexdigest()


def sign_in_holder(username: str, user: User | None, address: str) -> str:
    """
    Return whose limit an attempt to sign in counts against.

    That of the name, whether or not a user has it; but an address that the account knows has a limit of its own. So a
    stranger who uses up the attempts of a name keeps nobody out who has signed in from where he is.
    """
    of_address = address_digest(address)
    if user is not None and of_address in user.known_addresses:
        return hashlib.sha256(f"{username_key(username)}\n{of_address}".encode()).hexdigest()
    return username_digest(username)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordCheck:
    """Whether a password fits; ``better_hash``, only of one that does, is to be stored in place of the old hash."""

    fits: bool
    better_hash: str | None = field(default=None, repr=False)


def parsed_user_id(text: str) -> UserId | None:
    """Return the id when ``text`` is one in canonical form, else ``None``: no such user can exist."""
    return UserId(text) if _USER_ID.fullmatch(text) else None


def username_key(username: str) -> str:
    """Form in which a name is unique: two names that differ only by case are one."""
    return username.casefold()


def username_digest(username: str) -> str:
    """Return what stands for a name, whatever its case and whether or not a user has it, where no name may be kept."""
    return hashlib.sha256(username_key(username).encode()).hexdigest()


def is_username(text: str) -> bool:
    """
    Tell whether a user can have this name: whether it is of the form `USERNAME_PATTERN`.

    ASCII only, so that no two names look alike, and an e-mail address fits.
    """
    return _USERNAME.fullmatch(text) is not None


def checked_username(username: str) -> str:
    """
    Return the name as it is, fit for a new account.

    Raises:
        InvalidInput: It is not of the form `USERNAME_PATTERN`.
    """
    if not is_username(username):
        detail = "the username must be 3 to 64 of the characters A-Z a-z 0-9 . _ @ + - and begin with a letter or digit"
        raise InvalidInput(detail, pointer="#/username")
    return username


def checked_password(
    password: str, *, username: str, is_common: Callable[[str], bool], pointer: str = "#/password"
) -> str:
    """
    Return the password normalised, fit to be this user's new one.

    Any Unicode and no composition rules, as NIST SP 800-63B-4 (3.1.1.2) has it. What everybody tries first is refused.

    Args:
        password: As it was sent.
        username: Whose it is to be.
        is_common: Tells whether a normalised password is among those that many people have.
        pointer: Where it stands in the request.

    Raises:
        InvalidInput: It is shorter or longer than the bounds, in characters after normalisation, is no text, or is
            easily guessed; the message says what to change.
    """
    normal = normalised_password(password)
    if normal is None and len(password) <= PASSWORD_SENT_MAX_CHARACTERS and not _is_text(password):
        detail = "the password has half of a surrogate pair, which is no character; leave it out"
    elif normal is None or not PASSWORD_MIN_CHARACTERS <= len(normal) <= PASSWORD_MAX_CHARACTERS:
        detail = f"the password must have {PASSWORD_MIN_CHARACTERS} to {PASSWORD_MAX_CHARACTERS} characters"
    elif (guess := _easily_guessed(normal, username)) is not None:
        detail = guess
    elif is_common(normal):
        detail = "this password is one that many people have, and is tried first; choose another, such as a few words"
    else:
        return normal
    raise InvalidInput(detail, pointer=pointer)


def normalised_password(password: str) -> str | None:
    """
    Return the password in NFC, as every client's keyboard would have sent it; ``None`` if it is nobody's.

    NFC is what NIST SP 800-63B-4 and RFC 8265 name; NFKC would make one of passwords that look different. Characters
    that this Python's Unicode does not know yet are kept as they are: a new emoji makes a password too.
    """
    # The bound comes first: the work must not grow with what a stranger sends.
    if len(password) > PASSWORD_SENT_MAX_CHARACTERS or not _is_text(password):
        return None
    normal = unicodedata.normalize("NFC", password)
    return normal if len(normal) <= PASSWORD_MAX_CHARACTERS else None


def _is_text(password: str) -> bool:
    """Tell whether it has no lone surrogate, of which no hash can be made."""
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True


def _easily_guessed(normal: str, username: str) -> str | None:
    """Return what makes a password easy to guess for who knows its user and this product, and how to change it."""
    folded = normal.casefold()
    letters_and_digits = _NEITHER_LETTER_NOR_DIGIT.sub("", folded)
    if len(set(folded)) == 1:
        return "the password is one character again and again; use different ones"
    if username.casefold() in folded:
        return "the password contains the username; leave it out"
    if any(word in letters_and_digits for word in CONTEXT_WORDS):
        return "the password contains the name of this service; leave it out"
    return None

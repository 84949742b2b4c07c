"""Users: their names and passwords."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from chalicelib.domain.errors import InvalidInput

UserId = NewType("UserId", str)
"""A random UUID; what tokens and jobs carry, so a name can be freed or changed."""

USERNAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}"
PASSWORD_MIN_CHARACTERS = 8
PASSWORD_MAX_CHARACTERS = 128

_USERNAME = re.compile(USERNAME_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A registered user. ``password_hash`` is the hasher's own text, parameters included."""

    user_id: UserId
    username: str
    password_hash: str
    created_at: datetime


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


def checked_password(password: str) -> str:
    """
    Return the password normalised, fit for a new account.

    Any Unicode and no composition rules, as NIST SP 800-63B has it.

    Raises:
        InvalidInput: It is shorter or longer than the bounds, in characters after normalisation.
    """
    normal = normalised_password(password)
    if normal is None or len(normal) < PASSWORD_MIN_CHARACTERS:
        detail = f"the password must have {PASSWORD_MIN_CHARACTERS} to {PASSWORD_MAX_CHARACTERS} characters"
        raise InvalidInput(detail, pointer="#/password")
    return normal


def normalised_password(password: str) -> str | None:
    """Return the password in NFC, as every client's keyboard would have sent it; ``None`` if too long for anyone's."""
    # A bound before normalising too: the work must not grow with what a stranger sends.
    if len(password) > 4 * PASSWORD_MAX_CHARACTERS:
        return None
    normal = unicodedata.normalize("NFC", password)
    return normal if len(normal) <= PASSWORD_MAX_CHARACTERS else None

"""Accounts of a `World` as their users have them: registered, and signed in."""

from typing import Protocol

from chalicelib.domain.credentials import Caller
from chalicelib.domain.users import User
from chalicelib.services.accounts import AccountService
from chalicelib.services.authentication import Authentication
from chalicelib.services.sessions import Tokens

PASSWORD = "correct horse"
HOME = "203.0.113.7"
ELSEWHERE = "198.51.100.9"


class Container(Protocol):
    """Services that remember what one container does; `Services` are such."""

    @property
    def accounts(self) -> AccountService: ...
    @property
    def authentication(self) -> Authentication: ...


def registered(container: Container, username: str = "ada") -> User:
    return container.accounts.register(username, PASSWORD, address=HOME)


def logged_in(container: Container, username: str = "ada", *, password: str = PASSWORD, address: str = HOME) -> Tokens:
    return container.accounts.log_in(container.accounts.sign_in(username, address), password)


def caller_of(container: Container, tokens: Tokens) -> Caller:
    return container.authentication.caller(tokens.access_token, now=True)


def signed_in(container: Container, username: str = "ada") -> Caller:
    """Register a user and sign in."""
    registered(container, username)
    return caller_of(container, logged_in(container, username))

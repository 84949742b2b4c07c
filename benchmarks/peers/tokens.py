"""The peers' check of a bearer token."""

import os

import jwt

SECRET = os.environ["JWT_SECRET"]


class NotAuthenticated(Exception):
    """There is no token, or it does not hold."""


def owner_of(authorization: str) -> str:
    """Return whose the token in this header is."""
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.PyJWTError as error:
        raise NotAuthenticated from error
    owner_id: str = claims["sub"]
    return owner_id

"""Password hashing by passlib (as libpass), with argon2id."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passlib.context import CryptContext

NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$MYZwbu0dQ6h1jtF6r7XWug$cBq+mfRZOgOQuafuv48a1g9GdUN/ljOmTq5qy/gzPIg"
"""Of a random password that nobody kept, with the parameters of `PasslibPasswordHasher`."""


class PasslibPasswordHasher:
    """
    argon2id with 19 MiB, two passes and one lane.

    The parameters are those of the OWASP Password Storage Cheat Sheet. passlib is imported with the first use: a
    container that only serves jobs never loads it.
    """

    @cached_property
    def _context(self) -> "CryptContext":
        from passlib.context import CryptContext  # noqa: PLC0415 - see the class

        return CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=19_456,
            argon2__time_cost=2,
            argon2__parallelism=1,
        )

    def hash(self, password: str) -> str:
        """Return a salted argon2id hash in PHC form."""
        return str(self._context.hash(password))

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password fits; with ``None`` does the same work for `NOBODYS_HASH` and returns false."""
        fits = bool(self._context.verify(password, NOBODYS_HASH if password_hash is None else password_hash))
        return fits and password_hash is not None

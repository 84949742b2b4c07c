"""Password hashing by passlib (as libpass), with argon2id."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passlib.context import CryptContext


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
        """Tell whether the password fits, in the same time for ``None``."""
        if password_hash is None:
            self._context.dummy_verify()
            return False
        return bool(self._context.verify(password, password_hash))

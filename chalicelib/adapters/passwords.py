"""Password hashing by passlib (as libpass), with argon2id."""

import logging
import secrets
from base64 import b64encode
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.domain.users import PasswordCheck

if TYPE_CHECKING:
    from passlib.context import CryptContext

SALT_BYTES = 16
DIGEST_BYTES = 32

logger = logging.getLogger(__name__)


class PasslibPasswordHasher:
    """
    argon2id with the given parameters (RFC 9106).

    passlib is imported with the first use: a container that only serves jobs never loads it. While a user's hash still
    has other parameters than these, a wrong password takes another time than an unknown user does.
    """

    def __init__(self, *, memory_kib: int, passes: int, lanes: int) -> None:
        self._memory_kib = memory_kib
        self._passes = passes
        self._lanes = lanes
        self._nobodys_hash = self._made_up_hash()

    @cached_property
    def _context(self) -> "CryptContext":
        from passlib.context import CryptContext  # noqa: PLC0415 - see the class

        return CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=self._memory_kib,
            argon2__time_cost=self._passes,
            argon2__parallelism=self._lanes,
            argon2__salt_size=SALT_BYTES,
            argon2__digest_size=DIGEST_BYTES,
        )

    def hash(self, password: str) -> str:
        """Return a salted argon2id hash in PHC form."""
        return str(self._context.hash(password))

    def check(self, password: str, password_hash: str | None) -> PasswordCheck:
        """Tell whether the password fits, as the port has it."""
        if password_hash is not None:
            try:
                fits, better_hash = self._context.verify_and_update(password, password_hash)
                return PasswordCheck(fits=fits, better_hash=better_hash)
            except (ValueError, TypeError):
                # Without its cause, which may quote the hash.
                logger.error("a stored password hash cannot be read")  # noqa: TRY400
        self._context.verify_and_update(password, self._nobodys_hash)
        return PasswordCheck(fits=False)

    def _made_up_hash(self) -> str:
        """
        Return the hash of no password that anybody knows, with the parameters of all others.

        It costs nothing to make, so that the first attempt of a container to sign in as nobody takes no longer than
        any other; passlib's ``dummy_verify`` makes a real one then.
        """
        salt, digest = (
            b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (SALT_BYTES, DIGEST_BYTES)
        )
        return f"$argon2id$v=19$m={self._memory_kib},t={self._passes},p={self._lanes}${salt}${digest}"

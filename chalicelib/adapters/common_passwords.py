"""The shipped list of common passwords, taken from breaches; ``common_passwords.NOTICE.txt`` says from where."""

from functools import cached_property
from pathlib import Path

LIST = Path(__file__).with_name("common_passwords.txt")


class CommonPasswords:
    """The list, read with the first question: only who registers or changes a password asks one."""

    def contains(self, password: str) -> bool:
        """Tell whether the password is in the list, whatever its case."""
        return password.casefold() in self._passwords

    @cached_property
    def _passwords(self) -> frozenset[str]:
        return frozenset(LIST.read_text(encoding="utf-8").splitlines())

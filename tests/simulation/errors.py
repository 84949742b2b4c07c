"""Errors of the product's own code, which it catches and logs so that one job does not stop the others."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chalicelib.domain.errors import Unavailable

_PRODUCT = logging.getLogger("chalicelib")


class UnreadableRow(Exception):
    """A row of a form that nobody understands."""


EXPECTED = (Unavailable, UnreadableRow)
"""What the simulator itself makes happen; its crashes are no exceptions that the product could catch or log."""


def is_expected(error: BaseException) -> bool:
    """Tell whether an error comes from a simulated fault, and not from a mistake in the code."""
    return isinstance(error, EXPECTED)


class _Listener(logging.Handler):
    """Hears every exception that is logged; writes nothing."""

    def __init__(self, notice: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._notice = notice

    def handle(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not is_expected(error):
            self._notice(f"{error!r}, logged as: {record.getMessage()}")
        return True


@contextmanager
def listened(notice: Callable[[str], None]) -> Iterator[None]:
    """Have ``notice`` called for every unexpected exception that the product logs meanwhile."""
    listener = _Listener(notice)
    _PRODUCT.addHandler(listener)
    try:
        yield
    finally:
        _PRODUCT.removeHandler(listener)


def only_errors_logged() -> None:
    """Have the product log errors and nothing else, to nobody but a listener: what speed asks for."""
    _PRODUCT.setLevel(logging.ERROR)
    _PRODUCT.propagate = False

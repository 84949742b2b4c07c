"""The end of an account: everything that its user leaves is removed, in whatever state it is found."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from chalicelib.account_ports import CredentialRepository, Erasure, ErasureQueue, RowEraser, UserRepository

NEEDED = timedelta(seconds=10)
"""Time that must be left to an invocation for another page of rows; otherwise the rest is for the next one."""


class ErasureService:
    """
    Carries out orders to erase.

    Each step can be repeated, and an order that comes twice finds nothing left. A job that runs meanwhile ends without
    a trace: whatever is written to a row that is gone is refused. Audit events stay until their retention is over.

    ``rows`` are gone through in their order. Of each table at least one page is removed by every order that gets to it,
    however little time there is, so the rounds of orders end.
    """

    def __init__(
        self,
        *,
        users: UserRepository,
        credentials: CredentialRepository,
        rows: Sequence[RowEraser],
        queue: ErasureQueue,
    ) -> None:
        self._users = users
        self._credentials = credentials
        self._rows = rows
        self._queue = queue

    def erase(self, erasure: Erasure, time_left: Callable[[], timedelta]) -> None:
        """
        Remove the account, its credentials and its rows; what does not fit the time left is ordered anew.

        Raises:
            Unavailable: A store is away; the order is to come back.
        """
        self._users.remove(erasure.username, erasure.user_id)
        credentials = self._credentials.all_of(erasure.user_id)
        self._credentials.remove_all(erasure.user_id, [each.credential_id for each in credentials])
        for rows in self._rows:
            while rows.erase_some(erasure.user_id):
                if time_left() < NEEDED:
                    self._queue.send(erasure)
                    return

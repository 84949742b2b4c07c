"""What administrators do with other users' accounts; and how the first administrator comes about."""

from collections.abc import Sequence

from chalicelib.account_ports import AuditTrail, UserRepository
from chalicelib.domain.audit import OPERATOR, AuditAction, AuditEvent
from chalicelib.domain.credentials import Caller
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, NotFound, NotPermitted
from chalicelib.domain.users import Role, User, is_username
from chalicelib.services.accounts import AccountService
from chalicelib.services.auditing import Auditing
from chalicelib.services.schedules import ScheduleService
from chalicelib.services.sessions import SessionService


class Administration:
    """Accounts as administrators see them. Every look and every change is an audit event of both sides."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        accounts: AccountService,
        sessions: SessionService,
        schedules: ScheduleService,
        users: UserRepository,
        audit: AuditTrail,
        auditing: Auditing,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._schedules = schedules
        self._users = users
        self._audit = audit
        self._auditing = auditing

    def check(self, caller: Caller) -> None:
        """
        Pass an administrator, by the account as it is at this moment.

        Raises:
            NotPermitted: The caller is none.
            NotAuthenticated: The caller's account is gone.
        """
        if self._accounts.user_of(caller).role is not Role.ADMIN:
            detail = "this is for administrators"
            raise NotPermitted(detail)

    def user(self, caller: Caller, username: str, *, address: str) -> User:
        """
        Return the account of a name.

        Raises:
            NotFound: Nobody has it.
        """
        user = user_of_name(self._users, username)
        for event in self._both(AuditAction.USER_LOOKED_AT, AuditAction.USER_LOOKED_AT, user, caller, address, None):
            self._audit.record(event)
            self._auditing.log(event)
        return user

    def change(
        self, caller: Caller, username: str, *, role: Role | None, is_disabled: bool | None, address: str
    ) -> User:
        """
        Change another's role, or disable or enable the account; what is ``None`` stays.

        A disabled account can do nothing: its sessions end, its API keys are deleted, and its schedules are paused, for
        the user to resume once the account is enabled again.

        Raises:
            NotFound: Nobody has this name.
            Conflict: It is the caller's own account, or another request changed it at the same time.
        """
        user = user_of_name(self._users, username)
        if user.user_id == caller.user_id:
            detail = "this is your own account; another administrator can change it"
            raise Conflict(detail)
        to = user.administered(role=role, is_disabled=is_disabled)
        events: list[AuditEvent] = []
        if to.role is not user.role:
            detail = f"from {user.role} to {to.role}"
            events += self._both(AuditAction.ROLE_CHANGED, AuditAction.USER_CHANGED, user, caller, address, detail)
        if to.is_disabled is not user.is_disabled:
            action = AuditAction.ACCOUNT_DISABLED if to.is_disabled else AuditAction.ACCOUNT_ENABLED
            events += self._both(action, AuditAction.USER_CHANGED, user, caller, address, None)
        if to.is_disabled:
            # Before too: should the second time fail, no credential lives on that this change was to end.
            self._sessions.end_all_credentials(user.user_id)
        self._write(user, to, events)
        if to.is_disabled:
            self._sessions.end_all_credentials(user.user_id)
            self._schedules.pause_all(user.user_id)
        return to

    def make_admin(self, username: str) -> bool:
        """
        Make a user an administrator, on behalf of who has the deployment's AWS credentials.

        Returns:
            Whether it was none before; otherwise nothing is written.

        Raises:
            NotFound: Nobody has this name.
            Conflict: Another request changed the account at the same time.
        """
        user = user_of_name(self._users, username)
        if user.role is Role.ADMIN:
            return False
        to = user.administered(role=Role.ADMIN, is_disabled=None)
        detail = f"from {user.role} to {to.role}"
        event = self._auditing.event(AuditAction.ROLE_CHANGED, subject=user.user_id, actor=OPERATOR, detail=detail)
        self._write(user, to, [event])
        return True

    def _write(self, user: User, to: User, events: list[AuditEvent]) -> None:
        try:
            self._users.change(user, to, events=events)
        except ConcurrentUpdate as moved:
            detail = "the account was changed by another request; look at it and decide again"
            raise Conflict(detail) from moved
        self._auditing.log(*events)

    def _both(  # noqa: PLR0913, PLR0917 - the parts of two events
        self,
        action: AuditAction,
        administrators: AuditAction,
        user: User,
        caller: Caller,
        address: str,
        detail: str | None,
    ) -> Sequence[AuditEvent]:
        """Return the event of whom it concerns, and that of the administrator."""
        return self._auditing.both_sides(
            action,
            user_id=user.user_id,
            called=user.username,
            caller=caller,
            address=address,
            detail=detail,
            administrators=administrators,
        )


def user_of_name(users: UserRepository, username: str) -> User:
    """
    Return the account of a name.

    Raises:
        NotFound: Nobody has it.
    """
    user = users.find(username) if is_username(username) else None
    if user is None:
        detail = "there is no user of this name"
        raise NotFound(detail)
    return user

"""Accounts: registration, sign-in, the change of a password, and the end of an account."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.account_ports import AuditPage, AuditTrail, Erasure, ErasureQueue, UserRepository
from chalicelib.domain.audit import UNKNOWN, AuditAction, EventId
from chalicelib.domain.credentials import Caller
from chalicelib.domain.errors import ConcurrentUpdate, InvalidInput, NotAuthenticated
from chalicelib.domain.users import (
    User,
    checked_password,
    checked_username,
    is_username,
    normalised_password,
    sign_in_holder,
    username_digest,
)
from chalicelib.ports import Clock, IdSource, PasswordBlocklist, PasswordHasher
from chalicelib.services.auditing import Auditing
from chalicelib.services.authentication import require_recent
from chalicelib.services.sessions import SessionService, Tokens

ERASED_AGAIN_AFTER = timedelta(seconds=60)
"""
When an account is erased for the second time.

By then no container remembers its credentials (`authentication.REMEMBERED_FOR`), and no request that began while one
did is still being served: API Gateway gives it 29 s.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """
    An attempt to sign in, before the password is looked at.

    ``holder`` is whose limit it counts against, ``user`` who has the name, if anyone.
    """

    username: str
    address: str
    user: User | None
    holder: str


class AccountService:
    """Accounts of the deployment's users."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        users: UserRepository,
        audit: AuditTrail,
        passwords: PasswordHasher,
        blocklist: PasswordBlocklist,
        sessions: SessionService,
        erasures: ErasureQueue,
        auditing: Auditing,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._users = users
        self._audit = audit
        self._passwords = passwords
        self._blocklist = blocklist
        self._sessions = sessions
        self._erasures = erasures
        self._auditing = auditing
        self._clock = clock
        self._ids = ids

    def register(self, username: str, password: str, *, address: str) -> User:
        """
        Create a user.

        Raises:
            InvalidInput: The name or the password is not of the required form, or the password is easily guessed.
            Conflict: The name is taken, in whatever case.
        """
        name = checked_username(username)
        fit_password = checked_password(password, username=name, is_common=self._blocklist.contains)
        user = User(
            user_id=self._ids.new_user_id(),
            username=name,
            password_hash=self._passwords.hash(fit_password),
            created_at=self._clock.now(),
        )
        event = self._auditing.event(AuditAction.REGISTERED, subject=user.user_id, actor=name, address=address)
        self._users.add(user, event)
        self._auditing.log(event)
        return user

    def sign_in(self, username: str, address: str) -> SignIn:
        """Return an attempt that is yet to be counted, and then to be made with `log_in`."""
        user = self._users.find(username) if is_username(username) else None
        holder = sign_in_holder(username, user, address)
        return SignIn(username=username, address=address, user=user, holder=holder)

    def log_in(self, attempt: SignIn, password: str) -> Tokens:
        """
        Begin a session.

        What it does for a name that nobody has is the same as for a wrong password, and so takes the same time: a look
        at the user, a hash, and an event. A hash with other parameters than the settings' is replaced.

        Raises:
            NotAuthenticated: Unknown user, wrong password, or a disabled account, and nothing tells which.
        """
        user = attempt.user
        tokens = self._tried(attempt, user, password)
        if isinstance(tokens, User):
            # Changed since it was looked at, be it by another sign-in that renewed the hash: it is looked at once more.
            tokens = self._tried(attempt, tokens, password)
        if tokens is None or isinstance(tokens, User):
            raise self._failed(attempt)
        return tokens

    def _tried(self, attempt: SignIn, user: User | None, password: str) -> Tokens | User | None:
        """Begin a session; or return ``None`` for a wrong sign-in, and the user as it is now if it has changed."""
        normal = normalised_password(password)
        known_hash = None if user is None else user.password_hash
        check = None if normal is None else self._passwords.check(normal, known_hash)
        if user is None or check is None or not check.fits or user.is_disabled:
            return None
        session, tokens = self._sessions.begun(user, attempt.address)
        event = self._auditing.event(
            AuditAction.SIGNED_IN,
            subject=user.user_id,
            actor=user.username,
            address=attempt.address,
            credential_id=session.credential_id,
        )
        to = user.signed_in_from(attempt.address, at=self._clock.now())
        if check.better_hash is not None:
            to = to.with_password(check.better_hash)
        try:
            self._users.change(user, to, events=[event], credential=session)
        except ConcurrentUpdate as moved:
            return moved.current if isinstance(moved.current, User) else None
        self._sessions.stored(session)
        self._auditing.log(event)
        return tokens

    def user_of(self, caller: Caller) -> User:
        """
        Return the caller's account.

        Raises:
            NotAuthenticated: It is gone.
        """
        user = self._users.find(caller.username)
        if user is None or user.user_id != caller.user_id or user.is_disabled:
            detail = "the account of this token is gone"
            raise NotAuthenticated(detail)
        return user

    def change_password(self, caller: Caller, current: str, wanted: str, *, address: str) -> None:
        """
        Give the caller another password, and end the caller's other sessions.

        They end before and after: if a store goes away in between, none is left but what was begun in between.

        Raises:
            InvalidInput: The current password is wrong, or the wanted one not of the required form.
            NotAuthenticated: The account is gone, or was changed meanwhile.
        """
        user = self.user_of(caller)
        new_password = checked_password(
            wanted, username=user.username, is_common=self._blocklist.contains, pointer="#/new_password"
        )
        normal = normalised_password(current)
        if normal is None or not self._passwords.check(normal, user.password_hash).fits:
            event = self._auditing.event(
                AuditAction.PASSWORD_CHANGE_FAILED, subject=user.user_id, actor=user.username, address=address
            )
            self._audit.record(event)
            self._auditing.log(event)
            detail = "this is not your current password"
            raise InvalidInput(detail, pointer="#/current_password")
        self._sessions.end_others(caller.user_id, but=caller.credential_id)
        event = self._auditing.event(
            AuditAction.PASSWORD_CHANGED,
            subject=user.user_id,
            actor=user.username,
            address=address,
            credential_id=caller.credential_id,
        )
        try:
            self._users.change(user, user.with_password(self._passwords.hash(new_password)), events=[event])
        except ConcurrentUpdate as moved:
            detail = "the account was changed by another request; log in again"
            raise NotAuthenticated(detail) from moved
        self._auditing.log(event)
        self._sessions.end_others(caller.user_id, but=caller.credential_id)

    def delete(self, caller: Caller, *, address: str) -> None:
        """
        End the caller's account: no sign-in and no token of it works any more, and its jobs are being erased.

        The orders come first, so that whatever fails after them, all of it is done: `services.erasure` does everything.

        Raises:
            SignInTooOld: The session is older than `authentication.RECENT`.
        """
        require_recent(caller, self._clock)
        event = self._auditing.event(
            AuditAction.ACCOUNT_DELETED,
            subject=caller.user_id,
            actor=caller.username,
            address=address,
            credential_id=caller.credential_id,
        )
        self._audit.record(event)
        self._auditing.log(event)
        erasure = Erasure(user_id=caller.user_id, username=caller.username)
        for delay in (timedelta(), ERASED_AGAIN_AFTER):
            self._erasures.send(erasure, delay=delay)
        self._users.remove(caller.username, caller.user_id)
        self._sessions.end_all_credentials(caller.user_id)

    def events(self, caller: Caller, *, limit: int, after: EventId | None) -> AuditPage:
        """Return what the audit trail has of the caller, the newest first."""
        return self._audit.page(caller.user_id, at=self._clock.now(), limit=limit, after=after)

    def _failed(self, attempt: SignIn) -> NotAuthenticated:
        subject = username_digest(attempt.username) if attempt.user is None else attempt.user.user_id
        event = self._auditing.event(
            AuditAction.SIGN_IN_FAILED,
            subject=subject,
            # A name that nobody has may be a password in the wrong field.
            actor=UNKNOWN if attempt.user is None else attempt.user.username,
            address=attempt.address,
        )
        self._audit.record(event)
        self._auditing.log(event)
        return NotAuthenticated("the username or the password is wrong")

"""Registration, sign-in and the meaning of a token."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.errors import NotAuthenticated
from chalicelib.domain.users import User, UserId, checked_password, checked_username, is_username, normalised_password
from chalicelib.ports import Clock, IdSource, PasswordHasher, TokenCodec, UserRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A signed token and how long it holds from now."""

    token: str
    expires_in_s: int


class AccountService:
    """Accounts of the deployment's users."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        users: UserRepository,
        passwords: PasswordHasher,
        tokens: TokenCodec,
        clock: Clock,
        ids: IdSource,
        token_ttl: timedelta,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self._token_ttl = token_ttl

    def register(self, username: str, password: str) -> User:
        """
        Create a user.

        Raises:
            InvalidInput: The name or the password is not of the required form.
            Conflict: The name is taken, in whatever case.
        """
        name = checked_username(username)
        user = User(
            user_id=self._ids.new_user_id(),
            username=name,
            password_hash=self._passwords.hash(checked_password(password)),
            created_at=self._clock.now(),
        )
        self._users.add(user)
        return user

    def log_in(self, username: str, password: str) -> AccessToken:
        """
        Exchange a name and password for an access token.

        Raises:
            NotAuthenticated: Unknown user or wrong password, and nothing tells which.
        """
        user = self._users.find(username) if is_username(username) else None
        known_hash = None if user is None else user.password_hash
        normal = normalised_password(password)
        fits = normal is not None and self._passwords.verify(normal, known_hash)
        if user is None or not fits:
            detail = "the username or the password is wrong"
            raise NotAuthenticated(detail)
        now = self._clock.now()
        token = self._tokens.issue(
            user.user_id, token_id=self._ids.new_token_id(), at=now, expires_at=now + self._token_ttl
        )
        return AccessToken(token=token, expires_in_s=int(self._token_ttl.total_seconds()))

    def authenticate(self, token: str) -> UserId:
        """
        Return whose access token this is, without asking a table.

        Raises:
            NotAuthenticated: The token does not hold.
        """
        return self._tokens.verify(token)

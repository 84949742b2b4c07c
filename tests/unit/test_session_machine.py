"""Sessions against a model: an owner and a thief use whatever refresh tokens they have, in any order, at any time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import FAMILY_BYTES, GRACE, REFRESH_PREFIX, CredentialId, Presented, refresh_token
from chalicelib.domain.errors import NotAuthenticated, NotFound
from chalicelib.services.authentication import REMEMBERED_FOR
from chalicelib.services.sessions import Tokens
from tests.factories import World, make_session_limits
from tests.fakes import PlainTokens
from tests.sign_in import HOME, logged_in, registered

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=1)
TOKEN_TTL = timedelta(minutes=15)
ENDINGS = {AuditAction.SIGNED_OUT, AuditAction.SESSION_ENDED, AuditAction.REFRESH_TOKEN_REUSED}
CONTAINERS = 2
CHOICES = st.integers(0, 10**6)


@dataclass
class Modelled:
    """What must be true of one session."""

    session_id: CredentialId
    started_at: datetime
    expires_at: datetime
    refreshed_at: datetime
    refresh_tokens: list[str]
    access_tokens: list[str] = field(default_factory=list)
    ended_by: str | None = None
    ended_in: int | None = None
    ended_at: datetime | None = None

    def is_over(self, at: datetime) -> bool:
        return self.ended_by is not None or at >= self.expires_at


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(session_limits=make_session_limits(token_ttl=TOKEN_TTL, idle=IDLE, longest=LONGEST))
        self.containers = [self.world.services() for _ in range(CONTAINERS)]
        self.user = registered(self.containers[0])
        self.sessions: list[Modelled] = []

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    @rule(container=st.integers(0, CONTAINERS - 1))
    def sign_in(self, container: int) -> None:
        tokens = logged_in(self.containers[container])
        token = refresh_token(tokens.refresh_token)
        assert token is not None
        self.sessions.append(
            Modelled(
                session_id=token.credential_id,
                started_at=self.now,
                expires_at=self.now + IDLE,
                refreshed_at=self.now,
                refresh_tokens=[tokens.refresh_token],
                access_tokens=[tokens.access_token],
            )
        )

    @precondition(lambda self: self.sessions)
    @rule(which=CHOICES, container=st.integers(0, CONTAINERS - 1), age=st.integers(0, 3))
    def refresh(self, which: int, container: int, age: int) -> None:
        """By the owner or by the thief: who has a token may use it, however old it is."""
        session = self._chosen(which)
        age = min(age, len(session.refresh_tokens) - 1)
        text = session.refresh_tokens[-1 - age]
        tokens = self._refreshed(text, container)
        if session.is_over(self.now):
            assert tokens is None
        elif age == 0:
            assert tokens is not None
            assert tokens.refresh_token not in session.refresh_tokens
            session.refresh_tokens.append(tokens.refresh_token)
            session.refreshed_at = self.now
            session.expires_at = min(self.now + IDLE, session.started_at + LONGEST)
        elif age == 1 and self.now < session.refreshed_at + GRACE:
            assert tokens is not None
            assert tokens.refresh_token == session.refresh_tokens[-1]
        else:
            assert tokens is None
            self._ended(session, "reuse", container)
        if tokens is not None:
            self._check(session, tokens)
            session.access_tokens.append(tokens.access_token)

    @precondition(lambda self: self.sessions)
    @rule(which=CHOICES, container=st.integers(0, CONTAINERS - 1), secret=st.binary(min_size=48, max_size=48))
    def refresh_with_garbage(self, which: int, container: int, secret: bytes) -> None:
        session = self._chosen(which)
        real = refresh_token(session.refresh_tokens[-1])
        assert real is not None
        if secret[:FAMILY_BYTES] != real.secret[:FAMILY_BYTES]:
            shown = Presented(user_id=self.user.user_id, credential_id=session.session_id, secret=secret)
            assert self._refreshed(shown.text(REFRESH_PREFIX), container) is None
        assert self._refreshed(session.access_tokens[-1], container) is None

    @rule(seconds=st.one_of(st.sampled_from([1, 9, 10, 11]), st.integers(1, 2400)))
    def pass_by(self, seconds: int) -> None:
        self.world.clock.advance(seconds=seconds)

    @precondition(lambda self: self.sessions)
    @rule(which=CHOICES, container=st.integers(0, CONTAINERS - 1))
    def use(self, which: int, container: int) -> None:
        """Have the container remember the session, or what it remembers be used."""
        self._is_known(self._chosen(which).access_tokens[-1], container)

    @precondition(lambda self: self.sessions)
    @rule(which=CHOICES, container=st.integers(0, CONTAINERS - 1))
    def log_out(self, which: int, container: int) -> None:
        session = self._chosen(which)
        services = self.containers[container]
        try:
            caller = services.authentication.caller(session.access_tokens[-1], now=True)
        except NotAuthenticated:
            return
        services.sessions.log_out(caller, address=HOME)
        self._ended(session, "log out", container)

    @precondition(lambda self: self.sessions)
    @rule(which=CHOICES, other=CHOICES, container=st.integers(0, CONTAINERS - 1))
    def end_one(self, which: int, other: int, container: int) -> None:
        session, ended = self._chosen(which), self._chosen(other)
        services = self.containers[container]
        try:
            caller = services.authentication.caller(session.access_tokens[-1], now=True)
            services.sessions.end(caller, ended.session_id, address=HOME)
        except (NotAuthenticated, NotFound):
            return
        self._ended(ended, "ended", container)

    @precondition(lambda self: self.sessions)
    @rule(which=CHOICES, container=st.integers(0, CONTAINERS - 1))
    def log_out_everywhere(self, which: int, container: int) -> None:
        services = self.containers[container]
        try:
            caller = services.authentication.caller(self._chosen(which).access_tokens[-1], now=True)
        except NotAuthenticated:
            return
        services.sessions.log_out_everywhere(caller, address=HOME)
        for session in self.sessions:
            self._ended(session, "everywhere", container)

    @invariant()
    def an_ended_session_is_never_known_again(self) -> None:
        for session in self.sessions:
            for text in session.access_tokens[-3:]:
                for number in range(CONTAINERS):
                    if session.is_over(self.now) and not self._may_still_trust(session, number):
                        assert not self._is_known(text, number)

    @invariant()
    def the_rows_are_those_that_have_not_been_ended(self) -> None:
        rows = {credential_id for _, credential_id in self.world.credentials.rows}
        assert rows == {session.session_id for session in self.sessions if session.ended_by is None}

    @invariant()
    def every_end_has_exactly_one_event(self) -> None:
        told = [event.credential_id for event in self.world.audit.all() if event.action in ENDINGS]
        ended = [each.session_id for each in self.sessions if each.ended_by not in {None, "everywhere"}]
        assert sorted(map(str, told)) == sorted(map(str, ended))

    def _chosen(self, which: int) -> Modelled:
        return self.sessions[-1 - which % min(3, len(self.sessions))]

    def _refreshed(self, text: str, container: int) -> Tokens | None:
        try:
            return self.containers[container].sessions.refresh(text, address=HOME)
        except NotAuthenticated:
            return None

    def _is_known(self, token: str, container: int) -> bool:
        try:
            self.containers[container].authentication.caller(token)
        except NotAuthenticated:
            return False
        return True

    def _may_still_trust(self, session: Modelled, container: int) -> bool:
        """Only a container in which it was not ended, and not for long."""
        return (
            session.ended_at is not None
            and container != session.ended_in
            and self.now < min(session.ended_at + REMEMBERED_FOR, session.expires_at)
        )

    def _check(self, session: Modelled, tokens: Tokens) -> None:
        """An access token never lasts longer than its session."""
        until = PlainTokens(self.world.clock).verify(tokens.access_token).expires_at
        assert until <= min(self.now + TOKEN_TTL, session.expires_at)
        assert tokens.expires_in_s == (until - self.now).total_seconds()

    def _ended(self, session: Modelled, how: str, container: int) -> None:
        if session.ended_by is None:
            session.ended_by, session.ended_in, session.ended_at = how, container, self.now


SessionsTest = Sessions.TestCase
SessionsTest.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

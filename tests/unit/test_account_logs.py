"""What the log has of accounts: what happened, and no secret of anybody's."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from chalicelib.domain.audit import UNKNOWN
from chalicelib.domain.credentials import GRACE, ApiKey, Caller, Scope, Session
from chalicelib.domain.errors import JobBackendError
from chalicelib.domain.users import PasswordCheck, Role
from chalicelib.observability import JsonFormatter
from chalicelib.services.authentication import RECENT, USE_NOTED_EVERY
from tests.factories import World
from tests.sign_in import ELSEWHERE, HOME, PASSWORD, caller_of, logged_in, registered

WRONG = "incorrect horse"
ANOTHER = "another horse"
MADE_UP = "jbr_" + "A" * 107
NAMED_BY_MISTAKE = "hunter2hunter2"
"""A password in the field of the name."""


class Walk:
    """Every path through the services of accounts; ``secrets`` are all that were shown or kept on the way."""

    def __init__(self) -> None:
        self.world = World()
        self.services = self.world.services()
        self.secrets = {PASSWORD, WRONG, ANOTHER, MADE_UP, NAMED_BY_MISTAKE}

    def note_rows(self) -> None:
        for user in self.world.users.all():
            self.secrets.add(user.password_hash)
            self.secrets.update(user.known_addresses)
        for row in self.world.credentials.rows.values():
            if isinstance(row, Session):
                self.secrets |= {row.family_digest, row.current_digest, row.previous_digest or row.current_digest}
            elif isinstance(row, ApiKey):
                self.secrets.add(row.digest)

    def log_in(self, username: str = "ada", password: str = PASSWORD) -> tuple[Caller, str, str]:
        tokens = logged_in(self.services, username, password=password)
        self.secrets |= {tokens.access_token, tokens.refresh_token}
        self.note_rows()
        return caller_of(self.services, tokens), tokens.access_token, tokens.refresh_token

    def fails(self, call: Callable[[], object]) -> None:
        try:
            call()
        except JobBackendError:
            self.note_rows()
        else:
            pytest.fail("this was to fail")

    def everything(self) -> None:
        world, services = self.world, self.services
        registered(services)
        registered(services, "root-of-all")
        self.fails(lambda: registered(services))
        self.fails(lambda: services.accounts.register("bob", "short", address=HOME))
        owner, access, refresh = self.log_in()
        for username, password in (("ada", WRONG), (NAMED_BY_MISTAKE, PASSWORD), ("bob", PASSWORD)):
            self.fails(lambda username=username, password=password: logged_in(services, username, password=password))  # type: ignore[misc]
        self._sessions(refresh)
        key = services.api_keys.create(
            owner, name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=9), address=HOME
        )
        self.secrets.add(key.text)
        self.note_rows()
        services.authentication.caller(key.text)
        self.fails(lambda: services.authentication.caller(key.text[:-9] + "AAAAAAAAA"))
        self.fails(lambda: services.authentication.caller(access + "/x"))
        self._away(key.text, owner)
        services.accounts.change_password(owner, PASSWORD, ANOTHER, address=HOME)
        self.note_rows()
        self.fails(lambda: services.accounts.change_password(owner, WRONG, PASSWORD, address=HOME))
        services.api_keys.delete(owner, key.key.credential_id, address=HOME)
        self.fails(lambda: services.api_keys.delete(owner, key.key.credential_id, address=HOME))
        self._administration()
        owner, _, _ = self.log_in(password=ANOTHER)
        services.sessions.log_out_everywhere(owner, address=HOME)
        world.clock.advance(seconds=RECENT.total_seconds() + 1)
        self.fails(lambda: services.accounts.delete(owner, address=HOME))
        owner, _, _ = self.log_in(password=ANOTHER)
        services.accounts.delete(owner, address=HOME)

    def _sessions(self, refresh: str) -> None:
        sessions = self.services.sessions
        caller, _, one = self.log_in()
        two = sessions.refresh(one, address=HOME).refresh_token
        self.secrets.add(two)
        self.note_rows()
        self.world.clock.advance(seconds=GRACE.total_seconds())
        self.fails(lambda: sessions.refresh(MADE_UP, address=ELSEWHERE))
        self.fails(lambda: sessions.refresh(one, address=ELSEWHERE))
        self.fails(lambda: sessions.end(caller, caller.credential_id, address=HOME))
        self.secrets.add(sessions.refresh(refresh, address=HOME).refresh_token)
        self.note_rows()
        caller, _, _ = self.log_in()
        sessions.log_out(caller, address=HOME)

    def _away(self, key: str, owner: Caller) -> None:
        """A key whose use cannot be noted; and every store away."""
        for _ in range(2):
            self.world.clock.advance(seconds=USE_NOTED_EVERY.total_seconds() - 1)
            self.services.authentication.caller(key)
            self.world.clock.advance(seconds=1)
            self.world.credentials.away = True
            with suppress(JobBackendError):
                self.services.authentication.caller(key)
            self.world.credentials.away = False
        for store in (self.world.users, self.world.audit, self.world.credentials):
            store.away = True
            self.fails(lambda: (logged_in(self.services, password=WRONG), self.services.sessions.all_of(owner)))
            store.away = False

    def _administration(self) -> None:
        administration = self.services.administration
        admin, _, _ = self.log_in("root-of-all")
        self.fails(lambda: administration.check(admin))
        administration.make_admin("root-of-all")
        administration.user(admin, "ada", address=HOME)
        for is_disabled in (True, False):
            administration.change(admin, "ada", role=Role.ADMIN, is_disabled=is_disabled, address=HOME)


def test_no_secret_is_in_any_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    walk = Walk()
    walk.everything()
    lines = [JsonFormatter().format(record) + repr(record.__dict__) for record in caplog.records]
    assert {record.message for record in caplog.records} == {
        "audit",
        "the last use of an API key could not be noted",
    }
    assert len(walk.secrets) > 20
    found = [(secret, line) for line in lines for secret in walk.secrets if secret in line]
    assert found == []


def test_the_log_tells_of_exactly_the_events_that_are_stored(caplog: pytest.LogCaptureFixture) -> None:
    """
    Not of a sign-in that came to nothing, nor of a name that was taken. Of what was typed for a name that nobody has,
    which may be a password, not even the digest.
    """
    caplog.set_level(logging.INFO)
    walk = Walk()
    walk.everything()
    logged = [record.__dict__ for record in caplog.records if record.message == "audit"]
    stored = walk.world.audit.all()
    assert [(each["event_id"], each["action"], each["subject"], each["address"]) for each in logged] == [
        (event.event_id, event.action, None if event.actor == UNKNOWN else event.subject, event.address)
        for event in stored
    ]
    assert UNKNOWN in {event.actor for event in stored}


def test_no_secret_is_in_the_repr_of_what_has_one() -> None:
    walk = Walk()
    registered(walk.services)
    tokens = logged_in(walk.services)
    caller = caller_of(walk.services, tokens)
    key = walk.services.api_keys.create(
        caller, name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=1), address=HOME
    )
    walk.secrets |= {tokens.access_token, tokens.refresh_token, key.text}
    (user,) = walk.world.users.all()
    walk.secrets.add(user.password_hash)
    for row in walk.world.credentials.rows.values():
        walk.secrets |= {row.digest} if isinstance(row, ApiKey) else {row.family_digest, row.current_digest}
    check = PasswordCheck(fits=True, better_hash=user.password_hash)
    text = repr([tokens, key, user, check, *walk.world.credentials.rows.values()])
    assert [secret for secret in walk.secrets if secret in text] == []

"""The services of accounts, wired over whatever they are to reach."""

from dataclasses import dataclass

from chalicelib.account_ports import AuditTrail, CredentialRepository, ErasureQueue, UserRepository
from chalicelib.domain.tokens import SessionLimits
from chalicelib.ports import (
    AccountIdSource,
    Clock,
    PasswordBlocklist,
    PasswordHasher,
    Succession,
    TokenCodec,
)
from chalicelib.services.accounts import AccountService
from chalicelib.services.administration import Administration
from chalicelib.services.api_keys import ApiKeyService
from chalicelib.services.auditing import Auditing
from chalicelib.services.authentication import Authentication
from chalicelib.services.schedules import ScheduleService
from chalicelib.services.sessions import SessionService


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountServices:
    """Those of the services that have to do with who the caller is."""

    authentication: Authentication
    accounts: AccountService
    sessions: SessionService
    api_keys: ApiKeyService
    administration: Administration


def wired_accounts(  # noqa: PLR0913 - each is a part
    *,
    users: UserRepository,
    credentials: CredentialRepository,
    audit: AuditTrail,
    erasures: ErasureQueue,
    passwords: PasswordHasher,
    blocklist: PasswordBlocklist,
    tokens: TokenCodec,
    succession: Succession,
    clock: Clock,
    ids: AccountIdSource,
    limits: SessionLimits,
    schedules: ScheduleService,
) -> AccountServices:
    """Wire the services of accounts, over whatever they are to reach."""
    auditing = Auditing(clock=clock, ids=ids)
    authentication = Authentication(credentials=credentials, tokens=tokens, clock=clock)
    sessions = SessionService(
        users=users,
        credentials=credentials,
        audit=audit,
        tokens=tokens,
        succession=succession,
        authentication=authentication,
        auditing=auditing,
        clock=clock,
        ids=ids,
        limits=limits,
    )
    accounts = AccountService(
        users=users,
        audit=audit,
        passwords=passwords,
        blocklist=blocklist,
        sessions=sessions,
        erasures=erasures,
        auditing=auditing,
        clock=clock,
        ids=ids,
    )
    return AccountServices(
        authentication=authentication,
        accounts=accounts,
        sessions=sessions,
        api_keys=ApiKeyService(
            accounts=accounts,
            users=users,
            credentials=credentials,
            authentication=authentication,
            auditing=auditing,
            clock=clock,
            ids=ids,
        ),
        administration=Administration(
            accounts=accounts, sessions=sessions, schedules=schedules, users=users, audit=audit, auditing=auditing
        ),
    )

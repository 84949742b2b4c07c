"""The services of accounts."""

from typing import TYPE_CHECKING

from chalicelib.wiring.once import made_once
from chalicelib.wiring.shared import SharedServices

if TYPE_CHECKING:
    from chalicelib.services.accounts import AccountService
    from chalicelib.services.api_keys import ApiKeyService
    from chalicelib.services.sessions import SessionService


class AccountServices(SharedServices):
    """What users do with their own account."""

    @made_once
    def sessions(self) -> "SessionService":
        """Sessions begin, go on and end."""
        from chalicelib.services.sessions import SessionService

        has = self.adapters
        return SessionService(
            users=has.users,
            credentials=has.credentials,
            audit=has.audit,
            tokens=has.tokens,
            succession=has.succession,
            authentication=self.authentication,
            auditing=self.auditing,
            clock=has.clock,
            ids=has.ids,
            limits=self.session_limits,
        )

    @made_once
    def accounts(self) -> "AccountService":
        """Accounts are made, entered, changed and ended."""
        from chalicelib.services.accounts import AccountService

        has = self.adapters
        return AccountService(
            users=has.users,
            audit=has.audit,
            passwords=has.passwords,
            blocklist=has.blocklist,
            sessions=self.sessions,
            erasures=has.erasure_queue,
            auditing=self.auditing,
            clock=has.clock,
            ids=has.ids,
        )

    @made_once
    def api_keys(self) -> "ApiKeyService":
        """API keys are made and taken back."""
        from chalicelib.services.api_keys import ApiKeyService

        has = self.adapters
        return ApiKeyService(
            accounts=self.accounts,
            users=has.users,
            credentials=has.credentials,
            authentication=self.authentication,
            auditing=self.auditing,
            clock=has.clock,
            ids=has.ids,
        )

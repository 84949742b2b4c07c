"""What several services share, and what every request meets: its credential and the limits."""

from typing import TYPE_CHECKING

from chalicelib.wiring.once import made_once

if TYPE_CHECKING:
    from chalicelib.ports import Clock, OperationCatalogue
    from chalicelib.services.acceptance import Acceptance
    from chalicelib.services.auditing import Auditing
    from chalicelib.services.authentication import Authentication
    from chalicelib.services.known_pauses import KnownPauses
    from chalicelib.services.rate_limiting import RateLimiter
    from chalicelib.wiring.adapters import Adapters


class SharedServices:
    """
    The base of all groups of services.

    The bounds are those of the settings. As all members, they can be assigned before what is made of them is asked for.
    """

    def __init__(self, adapters: "Adapters") -> None:
        self.adapters = adapters
        settings = adapters.settings
        self.submit_limit = settings.submit_limit
        self.read_limit = settings.read_limit
        self.sign_in_limit = settings.sign_in_limit
        self.sign_in_address_limit = settings.sign_in_address_limit
        self.registration_limit = settings.registration_limit
        self.intake_limit = settings.intake_limit
        self.body_max_bytes = settings.body_max_bytes
        self.job_limits = settings.job_limits
        self.session_limits = settings.session_limits

    @property
    def clock(self) -> "Clock":
        """The time of all that the services do."""
        return self.adapters.clock

    @property
    def operations(self) -> "OperationCatalogue":
        """What jobs can compute."""
        return self.adapters.operations

    @made_once
    def authentication(self) -> "Authentication":
        """Who calls."""
        from chalicelib.services.authentication import Authentication

        has = self.adapters
        return Authentication(credentials=has.credentials, tokens=has.tokens, clock=has.clock)

    @made_once
    def rate_limiter(self) -> "RateLimiter":
        """How often."""
        from chalicelib.services.rate_limiting import RateLimiter

        has = self.adapters
        return RateLimiter(has.limits, has.clock, has.ids)

    @made_once
    def acceptance(self) -> "Acceptance":
        """What is taken for a job."""
        from chalicelib.services.acceptance import Acceptance

        return Acceptance(
            operations=self.operations,
            limits=self.job_limits,
            webhooks_to_anywhere=self.adapters.settings.webhooks_to_anywhere,
        )

    @made_once
    def auditing(self) -> "Auditing":
        """What makes audit events."""
        from chalicelib.services.auditing import Auditing

        return Auditing(clock=self.adapters.clock, ids=self.adapters.ids)

    @made_once
    def known_pauses(self) -> "KnownPauses":
        """
        What is known of the pauses; without a table none.

        Jobs go on when a look at them fails, and must not wait long for it.
        """
        from chalicelib.services.known_pauses import KnownPauses

        has = self.adapters
        return KnownPauses(has.pauses_once.all if has.settings.pauses_table else tuple, clock=has.clock)

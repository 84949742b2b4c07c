"""The services of jobs, and of what makes jobs and tells of them."""

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.wiring.once import made_once
from chalicelib.wiring.shared import SharedServices

if TYPE_CHECKING:
    from chalicelib.domain.users import UserId
    from chalicelib.domain.webhooks import Webhook
    from chalicelib.ports import CursorSeal
    from chalicelib.services.jobs import JobService
    from chalicelib.services.schedules import ScheduleService
    from chalicelib.services.submission import SubmissionService
    from chalicelib.services.waiting import Waiting
    from chalicelib.services.webhook_deliveries import DeliveryService
    from chalicelib.services.webhooks import WebhookService


class JobServices(SharedServices):
    """What users do with their jobs, schedules and webhooks."""

    @made_once
    def submissions(self) -> "SubmissionService":
        """Jobs are submitted."""
        from chalicelib.services.submission import SubmissionService

        has = self.adapters
        return SubmissionService(
            jobs=has.jobs,
            submissions=has.submissions,
            queue=has.queue,
            acceptance=self.acceptance,
            callbacks_of=self.callbacks_of,
            clock=has.clock,
            ids=has.ids,
            worker=has.worker,
        )

    @made_once
    def jobs(self) -> "JobService":
        """Jobs are read, cancelled, retried and deleted."""
        from chalicelib.services.jobs import JobService

        has = self.adapters
        return JobService(
            jobs=has.jobs,
            lists=has.job_lists,
            queue=has.queue,
            clock=has.clock,
            ids=has.ids,
            limits=self.job_limits,
            worker=has.worker,
        )

    @made_once
    def waiting(self) -> "Waiting":
        """Requests wait for the end of a job."""
        from chalicelib.services.rate_limiting import RateLimiter
        from chalicelib.services.waiting import Waiting

        has = self.adapters
        return Waiting(
            # Its own of both: a look that fails ends the wait, and must not take long about it.
            jobs=has.jobs_once,
            clock=has.clock,
            pause=has.pause,
            rate_limiter=RateLimiter(has.limits_once, has.clock, has.ids),
            read_limit=self.read_limit,
        )

    @property
    def cursors(self) -> "CursorSeal":
        """What makes a place in a list one that only its reader can go on from."""
        return self.adapters.cursors

    @made_once
    def schedules(self) -> "ScheduleService":
        """Schedules are made, changed and ended."""
        from chalicelib.services.schedules import ScheduleService

        has = self.adapters
        return ScheduleService(
            schedules=has.schedules, timetable=has.timetable, acceptance=self.acceptance, clock=has.clock, ids=has.ids
        )

    @made_once
    def webhooks(self) -> "WebhookService":
        """Webhooks are made, changed and ended."""
        from chalicelib.services.webhooks import WebhookService

        has = self.adapters
        return WebhookService(
            webhooks=has.webhooks,
            audit=has.audit,
            auditing=self.auditing,
            clock=has.clock,
            ids=has.ids,
            to_anywhere=has.settings.webhooks_to_anywhere,
        )

    def callbacks_of(self, owner_id: "UserId") -> "Webhook":
        """Return the webhook of a user's callback URLs; only the first job that has one needs the service of it."""
        return self.webhooks.callbacks_of(owner_id)

    @made_once
    def webhook_deliveries(self) -> "DeliveryService":
        """What webhooks were told is read, and told again."""
        from chalicelib.services.webhook_deliveries import DeliveryService

        has = self.adapters
        return DeliveryService(
            webhooks=self.webhooks,
            deliveries=has.deliveries,
            queue=has.delivery_queue,
            clock=has.clock,
            ids=has.ids,
            source=f"/{has.settings.stack_name}/webhooks",
            retention=timedelta(days=has.settings.delivery_retention_days),
        )

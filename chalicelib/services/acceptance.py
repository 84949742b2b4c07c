"""Whether a wanted job is accepted, and the row that it becomes: the same for every way in which jobs come."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.domain.delivery import first_look
from chalicelib.domain.errors import InputTooLarge, InvalidInput
from chalicelib.domain.hints import no_such_operation
from chalicelib.domain.jobs import Act, Job, JobKey, JobLimits, ScheduledRun, submitted
from chalicelib.domain.webhook_urls import parsed_webhook_url
from chalicelib.ports import Operation, OperationCatalogue

DELAY_MAX = timedelta(days=366)
"""A year, be it a leap year, is as far ahead as a job can be submitted."""

RETENTION_DAYS_MAX = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedJob:
    """
    A job as its caller asks for it; ``None`` leaves a bound to operation and settings.

    ``data_json`` is JSON text of any kind, ``callback_url`` a URL as the caller wrote it. ``delay_s`` and ``run_at``
    exclude each other; an instant that has passed is now.
    """

    operation: str
    data_json: bytes
    delay_s: int | None = None
    run_at: datetime | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None
    retention_days: int | None = None
    tags: tuple[str, ...] = ()
    metadata_json: str | None = None
    callback_url: str | None = None


class Acceptance:
    """
    Checks wanted jobs against the operations of this deployment and its limits. Reaches nothing.

    ``webhooks_to_anywhere`` lets a job's callback URL have ``http``, any port, and addresses that are not public.
    """

    def __init__(self, *, operations: OperationCatalogue, limits: JobLimits, webhooks_to_anywhere: bool) -> None:
        self._operations = operations
        self._limits = limits
        self._webhooks_to_anywhere = webhooks_to_anywhere

    def job(self, key: JobKey, wanted: WantedJob, act: Act, *, scheduled: ScheduledRun | None = None) -> Job:
        """
        Return the job that is wanted, as it is to be stored under ``key``.

        ``scheduled`` is the due time of a schedule that it is made for.

        Raises:
            InvalidInput: There is no such operation, the data is not of its input type, an option is out of bounds, or
                the callback URL is none that may be called.
            InputTooLarge: The data is over the limit.
        """
        known = self._known_operation(wanted.operation)
        run_at = _run_at(wanted, act.at)
        return submitted(
            key,
            act,
            operation=wanted.operation,
            data_json=self._accepted_data(known, wanted.data_json),
            max_attempts=_within("max_attempts", wanted.max_attempts, default=known.policy.max_attempts),
            timeout=timedelta(seconds=_within("timeout_s", wanted.timeout_s, default=known.policy.timeout_s)),
            retention=self._retention(wanted.retention_days),
            run_at=run_at,
            due_at=first_look(run_at, at=act.at, resend_after=self._limits.resend_after),
            tags=tuple(dict.fromkeys(wanted.tags)),
            metadata_json=wanted.metadata_json,
            callback_url=self._accepted_callback_url(wanted.callback_url),
            scheduled=scheduled,
        )

    def _known_operation(self, operation: str) -> Operation:
        known = self._operations.find(operation)
        if known is None:
            detail = no_such_operation(operation, [each.name for each in self._operations.all()])
            raise InvalidInput(detail, pointer="#/operation")
        return known

    def _accepted_data(self, operation: Operation, data_json: bytes) -> str:
        data = operation.accepted_input(data_json)
        size = len(data.encode())
        if size > self._limits.data_max_bytes:
            detail = f"data takes {size} bytes as JSON, and a job may have {self._limits.data_max_bytes}"
            raise InputTooLarge(detail)
        return data

    def _accepted_callback_url(self, url: str | None) -> str | None:
        if url is not None:
            parsed_webhook_url(url, to_anywhere=self._webhooks_to_anywhere, pointer="#/callback_url")
        return url

    def _retention(self, wanted_days: int | None) -> timedelta:
        if wanted_days is None:
            return self._limits.retention
        if not 1 <= wanted_days <= RETENTION_DAYS_MAX:
            detail = f"retention_days must be from 1 to {RETENTION_DAYS_MAX}"
            raise InvalidInput(detail, pointer="#/retention_days")
        return timedelta(days=wanted_days)


def _within(name: str, wanted: int | None, *, default: int) -> int:
    """Return a job's own bound, which may not be wider than its operation's."""
    if wanted is None:
        return default
    if not 1 <= wanted <= default:
        detail = f"{name} must be from 1 to {default}, which is what the operation allows"
        raise InvalidInput(detail, pointer=f"#/{name}")
    return wanted


def _run_at(wanted: WantedJob, at: datetime) -> datetime:
    """Return when the job is to run, to the millisecond that rows keep."""
    if wanted.delay_s is not None and wanted.run_at is not None:
        detail = "give delay_s or run_at, not both"
        raise InvalidInput(detail, pointer="#/run_at")
    if wanted.delay_s is not None:
        if not 0 <= wanted.delay_s <= DELAY_MAX.total_seconds():
            detail = f"delay_s must be from 0 to {int(DELAY_MAX.total_seconds())}, which is {DELAY_MAX.days} days"
            raise InvalidInput(detail, pointer="#/delay_s")
        return at + timedelta(seconds=wanted.delay_s)
    if wanted.run_at is None or wanted.run_at <= at:
        return at
    if wanted.run_at > at + DELAY_MAX:
        detail = f"run_at must be within {DELAY_MAX.days} days from now"
        raise InvalidInput(detail, pointer="#/run_at")
    run_at = wanted.run_at.astimezone(UTC)
    return run_at.replace(microsecond=run_at.microsecond // 1000 * 1000)

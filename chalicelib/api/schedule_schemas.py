"""Bodies of requests and answers about schedules. The field names are the API's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec

from chalicelib.api.schemas import ErrorBody
from chalicelib.domain.schedules import MISSED_WITHIN, MISSED_WITHIN_MAX, RATE_MAX, RATE_MIN, Schedule
from chalicelib.fields import (
    Data,
    Instant,
    JobIdText,
    Metadata,
    MetadataGiven,
    Operation,
    Tags,
    TagsGiven,
    described,
    raw,
)
from chalicelib.services.acceptance import RETENTION_DAYS_MAX, WantedJob
from chalicelib.services.schedules import WantedSchedule

MISSED_WITHIN_S = int(MISSED_WITHIN.total_seconds())

EXAMPLE_SCHEDULE_ID = "019aa9f2-2d4c-7cc3-8f0e-3d4e5f607183"
ScheduleIdText = Annotated[str, described("", EXAMPLE_SCHEDULE_ID)]
Name = Annotated[str, msgspec.Meta(max_length=64, description="What you know it by.", examples=["nightly"])]
Cron = Annotated[
    str,
    described(
        "Minute, hour, day of the month, month and day of the week, as in crontab; not with rate_s.", "30 2 * * *"
    ),
]
RateS = Annotated[
    int,
    described(
        "Seconds from one due time to the next; not with cron.",
        3600,
        minimum=int(RATE_MIN.total_seconds()),
        maximum=int(RATE_MAX.total_seconds()),
    ),
]
TimeZone = Annotated[str, described("By whose clocks cron goes: a name of the IANA database.", "Europe/Zurich")]
MaxAttempts = Annotated[int, described("Attempts a job may take, at most what the operation has.", 3, minimum=1)]
TimeoutS = Annotated[
    int, described("Seconds an attempt of a job may take, at most what the operation has.", 60, minimum=1)
]
RetentionDays = Annotated[
    int, described("Days a job is kept after its time to begin.", 30, minimum=1, maximum=RETENTION_DAYS_MAX)
]
MissedWithinS = Annotated[
    int,
    described(
        "How many seconds late a due time may be made up. Two minutes are never too late.",
        MISSED_WITHIN_S,
        minimum=0,
        maximum=int(MISSED_WITHIN_MAX.total_seconds()),
    ),
]
IsPaused = Annotated[bool, described("Whether it rests.", False)]  # noqa: FBT003 - an example

Change = dict[str, Any]


class ScheduleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /schedules``: when, by ``cron`` or ``rate_s``, and the job that each due time makes."""

    operation: Operation
    data: Data
    name: Name = ""
    cron: Cron | None = None
    rate_s: RateS | None = None
    time_zone: TimeZone = "UTC"
    tags: Tags = ()
    metadata: Metadata = msgspec.field(default_factory=dict)
    max_attempts: MaxAttempts | None = None
    timeout_s: TimeoutS | None = None
    retention_days: RetentionDays | None = None
    missed_within_s: MissedWithinS = MISSED_WITHIN_S
    is_paused: IsPaused = False

    def wanted(self) -> WantedSchedule:
        """Return what the caller asks for."""
        return WantedSchedule(
            name=self.name,
            cron=self.cron,
            rate_s=self.rate_s,
            time_zone=self.time_zone,
            job=WantedJob(
                operation=self.operation,
                data_json=bytes(self.data),
                max_attempts=self.max_attempts,
                timeout_s=self.timeout_s,
                retention_days=self.retention_days,
                tags=self.tags,
                metadata_json=_metadata_json(self.metadata),
            ),
            missed_within_s=self.missed_within_s,
            is_paused=self.is_paused,
        )


class ScheduleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Body of ``PATCH /schedules/{schedule_id}``; what is left out stays as it is.

    ``cron`` takes the place of ``rate_s``, and the other way round. A bound that is null is the operation's again.
    """

    operation: Operation | msgspec.UnsetType = msgspec.UNSET
    data: Data | msgspec.UnsetType = msgspec.UNSET
    name: Name | msgspec.UnsetType = msgspec.UNSET
    cron: Cron | msgspec.UnsetType = msgspec.UNSET
    rate_s: RateS | msgspec.UnsetType = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType = msgspec.UNSET
    tags: Tags | msgspec.UnsetType = msgspec.UNSET
    metadata: Metadata | msgspec.UnsetType = msgspec.UNSET
    max_attempts: MaxAttempts | msgspec.UnsetType | None = msgspec.UNSET
    timeout_s: TimeoutS | msgspec.UnsetType | None = msgspec.UNSET
    retention_days: RetentionDays | msgspec.UnsetType | None = msgspec.UNSET
    missed_within_s: MissedWithinS | msgspec.UnsetType = msgspec.UNSET
    is_paused: IsPaused | msgspec.UnsetType = msgspec.UNSET

    def changed(self, wanted: WantedSchedule) -> WantedSchedule:
        """Return what the caller asks for from now on, of what was asked for so far."""
        of_schedule = self._given("name", "cron", "rate_s", "time_zone", "missed_within_s", "is_paused")
        if len(of_schedule.keys() & {"cron", "rate_s"}) == 1:
            of_schedule = {"cron": None, "rate_s": None} | of_schedule
        of_job = self._given("operation", "tags", "max_attempts", "timeout_s", "retention_days")
        if self.data is not msgspec.UNSET:
            of_job["data_json"] = bytes(self.data)
        if self.metadata is not msgspec.UNSET:
            of_job["metadata_json"] = _metadata_json(self.metadata)
        return replace(wanted, **of_schedule, job=replace(wanted.job, **of_job))

    def _given(self, *names: str) -> Change:
        return {name: value for name in names if (value := getattr(self, name)) is not msgspec.UNSET}


class WholeSchedule(msgspec.Struct, frozen=True):
    """Answer of ``GET /schedules/{schedule_id}``; instants are RFC 3339 in UTC, and null where there is none."""

    schedule_id: ScheduleIdText
    name: Name
    cron: Cron | None
    rate_s: RateS | None
    time_zone: TimeZone
    operation: Operation
    data: Data
    tags: TagsGiven
    metadata: MetadataGiven
    max_attempts: MaxAttempts | None
    timeout_s: TimeoutS | None
    retention_days: RetentionDays | None
    missed_within_s: MissedWithinS
    is_paused: IsPaused
    created_at: Instant
    next_run_at: Annotated[Instant | None, msgspec.Meta(description="The next due time; null while it is paused.")]
    last_run_at: Annotated[Instant | None, msgspec.Meta(description="The due time of the newest job.")]
    last_job_id: JobIdText | None
    skipped: Annotated[int, described("Due times that were too late to be made up.", 0)]
    last_error: Annotated[ErrorBody | None, described("Why the newest due time got no job.", None)]

    @classmethod
    def from_schedule(cls, schedule: Schedule) -> "WholeSchedule":
        """Return everything the owner may know of a schedule."""
        wanted = WantedSchedule.of(schedule)
        return cls(
            schedule_id=schedule.key.schedule_id,
            name=schedule.name,
            cron=wanted.cron,
            rate_s=wanted.rate_s,
            time_zone=wanted.time_zone,
            operation=schedule.operation,
            data=raw(schedule.data_json),
            tags=schedule.tags,
            metadata=msgspec.json.decode(schedule.metadata_json, type=dict[str, str]) if schedule.metadata_json else {},
            max_attempts=schedule.max_attempts,
            timeout_s=schedule.timeout_s,
            retention_days=schedule.retention_days,
            missed_within_s=wanted.missed_within_s,
            is_paused=schedule.is_paused,
            created_at=schedule.created_at,
            next_run_at=schedule.due_at,
            last_run_at=schedule.last_run_at,
            last_job_id=schedule.last_job_id,
            skipped=schedule.skipped,
            last_error=ErrorBody.from_error(schedule.last_error),
        )


class ScheduleList(msgspec.Struct, frozen=True):
    """Answer of ``GET /schedules``: newest first; ``next_cursor`` is null at the end."""

    schedules: Sequence[WholeSchedule]
    next_cursor: Annotated[str | None, described("The `cursor` of the next page; null on the last one.", None)]


def _metadata_json(metadata: Mapping[str, str]) -> str | None:
    return msgspec.json.encode(metadata).decode() if metadata else None

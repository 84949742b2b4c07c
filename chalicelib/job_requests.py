"""
A wanted job as JSON, the same wherever it comes from: over HTTP or in a message.

Tells who asks what is wrong with it, as the operations have it and before anything is stored.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.domain.errors import InvalidInput, RequestRefused
from chalicelib.domain.hints import no_such_operation
from chalicelib.fields import CallbackUrl, Data, Metadata, Operation, Tags, described
from chalicelib.ports import OperationCatalogue
from chalicelib.services.acceptance import DELAY_MAX, RETENTION_DAYS_MAX, WantedJob
from chalicelib.validation import decoded


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /jobs``; what ``data`` may be depends on the operation."""

    operation: Operation
    data: Data
    delay_s: (
        Annotated[
            int,
            described(
                "Seconds until it may begin; without it and run_at, it begins at once.",
                minimum=0,
                maximum=int(DELAY_MAX.total_seconds()),
            ),
        ]
        | None
    ) = None
    run_at: (
        Annotated[
            datetime,
            msgspec.Meta(
                tz=True,
                description=f"When it may begin, at most {DELAY_MAX.days} days ahead; not together with delay_s.",
            ),
        ]
        | None
    ) = None
    max_attempts: (
        Annotated[int, described("Attempts it may take, at most what the operation has.", minimum=1)] | None
    ) = None
    timeout_s: (
        Annotated[int, described("Seconds an attempt may take, at most what the operation has.", minimum=1)] | None
    ) = None
    retention_days: (
        Annotated[
            int,
            described(
                "Days it is kept after its time to begin; without it, as many as the operator has set.",
                minimum=1,
                maximum=RETENTION_DAYS_MAX,
            ),
        ]
        | None
    ) = None
    tags: Tags = ()
    metadata: Metadata = msgspec.field(default_factory=dict)
    callback_url: CallbackUrl | None = None

    def wanted(self) -> WantedJob:
        """Return what the caller asks for."""
        return WantedJob(
            operation=self.operation,
            data_json=bytes(self.data),
            delay_s=self.delay_s,
            run_at=self.run_at,
            max_attempts=self.max_attempts,
            timeout_s=self.timeout_s,
            retention_days=self.retention_days,
            tags=self.tags,
            metadata_json=msgspec.json.encode(self.metadata).decode() if self.metadata else None,
            callback_url=self.callback_url,
        )


class NamedOperation(msgspec.Struct, frozen=True):
    """Of a `JobRequest` that is not right, as much as tells which operation was meant."""

    operation: str


def wanted_job(body: bytes, operations: OperationCatalogue) -> WantedJob:
    """
    Return the job that a `JobRequest` as JSON text asks for.

    Raises:
        MalformedBody: It is not JSON.
        InvalidInput: It is JSON of another form. That there is no such operation comes first: it helps more than
            whatever else is wrong.
    """
    try:
        return decoded(body, JobRequest).wanted()
    except InvalidInput as wrong:
        unknown = _unknown_operation(body, operations)
        if unknown is None:
            raise
        raise unknown from wrong


def _unknown_operation(body: bytes, operations: OperationCatalogue) -> InvalidInput | None:
    """Return that there is no such operation, ``None`` if there is or none is named."""
    try:
        name = decoded(body, NamedOperation).operation
    except RequestRefused:
        return None
    if operations.find(name) is not None:
        return None
    detail = no_such_operation(name, [each.name for each in operations.all()])
    return InvalidInput(detail, pointer="#/operation")

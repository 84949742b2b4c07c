"""
Events: what is told of a job to the outside, as CloudEvents 1.0 (github.com/cloudevents/spec).

Each transition is an event of its own, whose id follows from the job and the transition's token: told twice, it has
the same id. Its JSON is a CloudEvent in structured mode and, as ``timestamp`` says what ``time`` does, also a body
after Standard Webhooks.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.users import UserId


class EventType(StrEnum):
    """What an event tells."""

    SUBMITTED = "job.submitted"
    STARTED = "job.started"
    RETRYING = "job.retrying"
    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    TEST = "webhook.test"


JOB_EVENTS = frozenset(EventType) - {EventType.TEST}
"""What a webhook can subscribe to."""

FINAL_EVENTS = frozenset({EventType.SUCCEEDED, EventType.FAILED, EventType.CANCELLED})
"""What the ``callback_url`` of a job is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """
    One event. ``subject`` is what it is about, a job's id but for a test; ``data_json`` is a JSON object.

    ``source`` and ``id`` together are unique (CloudEvents 1.0 section "REQUIRED Attributes").
    """

    id: str
    source: str
    type: EventType
    subject: str
    time: datetime
    owner_id: UserId
    data_json: str

    def to_json(self) -> str:
        """Return the event's JSON; the data is put in as it is, whatever its numbers."""
        time = rfc3339(self.time)
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": time,
            "timestamp": time,
            "datacontenttype": "application/json",
        }
        return f'{json.dumps(attributes, separators=(",", ":"))[:-1]},"data":{self.data_json}}}'


def rfc3339(at: datetime) -> str:
    """Return an instant as text, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

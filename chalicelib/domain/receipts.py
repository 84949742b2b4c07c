"""
Receipts: what is kept of a submission that came with an idempotency key, so that its repetition is answered, not done.

A receipt is written together with its jobs or not at all. It names what became of each job of the request, in order.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.errors import InvalidInput, RequestRefused
from chalicelib.domain.jobs import Act, Job, JobId, whole_second
from chalicelib.domain.users import UserId

KEPT = timedelta(hours=24)
"""How long a key is known."""

POINTER_MAX_CHARACTERS = 512
"""A pointer is made of names that the caller chose, and a hundred of them must fit a receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one job of a batch was refused; ``pointer`` is within the job, ``None`` when no one value is at fault."""

    code: str
    detail: str
    pointer: str | None = None

    @classmethod
    def of(cls, error: RequestRefused) -> "Refusal":
        """Return the refusal that an error is; a pointer that is too long ends at an enclosing value."""
        pointer = error.pointer if isinstance(error, InvalidInput) else None
        while pointer is not None and len(pointer) > POINTER_MAX_CHARACTERS:
            pointer = pointer.rpartition("/")[0]
        return cls(code=error.code, detail=str(error), pointer=pointer)


Outcome = JobId | Refusal
"""What became of one job of a request: the id it was accepted under, or why it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request with an idempotency key: digests of the key, and of all that a repetition must have in common."""

    key_digest: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """
    What is kept of one keyed submission.

    ``token`` is the writing act's, so that a lost response of one's own write is told from another's. ``expires_at`` is
    a whole second.
    """

    owner_id: UserId
    key_digest: str
    fingerprint: str
    token: str
    outcomes: tuple[Outcome, ...]
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, owner_id: UserId, request: KeyedRequest, act: Act, outcomes: tuple[Outcome, ...]) -> "Receipt":
        """Return the receipt of a submission."""
        return cls(
            owner_id=owner_id,
            key_digest=request.key_digest,
            fingerprint=request.fingerprint,
            token=act.token,
            outcomes=outcomes,
            created_at=act.at,
            expires_at=whole_second(act.at + KEPT),
        )

    def is_expired(self, at: datetime) -> bool:
        """Whether the key is free again. DynamoDB deletes such rows up to days late, so every write asks."""
        return self.expires_at <= at


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """
    What became of the jobs of a request, in order; as an earlier one was answered, when ``is_replay``.

    ``jobs`` are those that this very request has made.
    """

    outcomes: tuple[Outcome, ...]
    is_replay: bool = False
    jobs: tuple[Job, ...] = ()

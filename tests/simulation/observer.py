"""
The observer: its own record of every job, written from what happened, and the invariants checked against it.

Nothing here asks the product's predicates. A rule that the product breaks in code is thus not broken here as well.
Numbers are those of the invariants in the design; letters are about cost and promptness.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.jobs import Job, JobKey
from tests.fakes import NOON

if TYPE_CHECKING:
    from chalicelib.domain.users import UserId
    from tests.simulation.actor import Actor

EPOCH = NOON
_MILLISECOND = timedelta(milliseconds=1)

LEASE_MARGIN_MS = 15_000
TIMEOUT_MS = 60_000
MAX_ATTEMPTS = 8
EARLY_MS = 1_000
EVENTS_KEPT = 30
KEY_KEPT_MS = 24 * 3_600_000
STEPS_BOUND = 20_000
BACKOFF_BASE_MS = 2_000
BACKOFF_MAX_MS = 900_000
DELAY_MAX_MS = 900_000

PENDING, IN_PROGRESS, SUCCESS, FAILED, CANCELLED = "PENDING", "IN_PROGRESS", "SUCCESS", "FAILED", "CANCELLED"
FINAL = (SUCCESS, FAILED, CANCELLED)
DEAD_CODES = ("ATTEMPTS_EXHAUSTED", "DEAD_LETTERED")

TABLE = {
    (None, PENDING): {"submit": "SUBMIT", "sweep": "SUBMIT"},
    (PENDING, IN_PROGRESS): {"consume": "CLAIM"},
    (IN_PROGRESS, IN_PROGRESS): {"consume": "CLAIM"},
    (IN_PROGRESS, SUCCESS): {"consume": "FINISH"},
    (IN_PROGRESS, PENDING): {"consume": "RETRY"},
    (IN_PROGRESS, FAILED): {"consume": "FAIL", "bury": "FAIL"},
    (PENDING, FAILED): {"bury": "FAIL"},
    (PENDING, CANCELLED): {"cancel": "CANCEL"},
    (IN_PROGRESS, CANCELLED): {"cancel": "CANCEL"},
    (FAILED, PENDING): {"retry": "RETRY_BY_HAND", "redrive": "RETRY_BY_HAND"},
    (CANCELLED, PENDING): {"retry": "RETRY_BY_HAND"},
}
"""The transitions there are: from, to, and by which actor under which name. Written from the design, not the code."""


def ms(at: datetime) -> int:
    """Return an instant as virtual milliseconds."""
    return (at - EPOCH) // _MILLISECOND


def instant(at_ms: int) -> datetime:
    """Return virtual milliseconds as an instant."""
    return EPOCH + timedelta(milliseconds=at_ms)


def right_result(number: int) -> str:
    """Return what the operation makes of a number."""
    return str(number * number)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant: which, when, and what was seen."""

    invariant: str
    at_ms: int
    detail: str


@dataclass(slots=True, kw_only=True)
class JobRecord:
    """What the observer knows of one job."""

    key: JobKey
    number: int
    max_attempts: int
    timeout_ms: int
    run_at_ms: int
    expires_at_ms: int
    status: str = PENDING
    is_acknowledged: bool = False
    attempt: int = 0
    claims_in_set: int = 0
    claims_since_wait: int = 0
    claims: int = 0
    executions: int = 0
    commits: int = 0
    endings_in_set: int = 0
    lease_end_ms: int = 0
    holder: "Actor | None" = None
    last_ended_ms: int = -1
    waits_since_ms: int = 0
    result: str | None = None
    error_code: str | None = None
    transitions: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """What the observer knows of an idempotency key: who made which jobs under it, and until when it is known."""

    maker: "Actor"
    forgotten_ms: int
    keys: list[JobKey] = field(default_factory=list)


class Observer:
    """Keeps the record and collects violations; never raises, as the product would catch it."""

    def __init__(self, now_ms: Callable[[], int], *, prompt_ms: int | None = None) -> None:
        """With ``prompt_ms``, no job may wait longer than that after its time or its first attempt's lease."""
        self._now_ms = now_ms
        self._prompt_ms = prompt_ms
        self.happened: set[tuple[str | None, str, str]] = set()
        self.records: dict[JobKey, JobRecord] = {}
        self.requests: dict[tuple[UserId, str], RequestRecord] = {}
        self.violations: list[Violation] = []

    def broken(self, invariant: str, detail: str) -> None:
        """Note a violation."""
        self.violations.append(Violation(invariant, self._now_ms(), detail))

    def unexpected(self, detail: str) -> None:
        """Note an error that no fault explains."""
        self.broken("X no unexpected error", detail)

    def wrote(self, actor: "Actor", before: Job | None, after: Job) -> None:
        """Check one write that changed a row."""
        if before is None:
            self._submitted(actor, after)
            return
        record = self.records[after.key]
        actor.writes += 1
        if before.token == after.token and before.status is after.status:
            self._put_off(actor, before, after)
            return
        self._promptly(record)
        self._in_table(actor, record, after)
        self._attempts(record, after)
        self._events(actor, before, after)
        to = after.status.value
        if to != IN_PROGRESS and actor.must_write is record:
            actor.must_write = None
        if record.status in FINAL and actor.kind not in {"retry", "redrive"}:
            self.broken("3 final stays final", f"{record.status} became {to} by {actor.name}")
        if to == IN_PROGRESS:
            self._claimed(actor, record)
        elif to == PENDING:
            self._waiting(actor, record, after)
        else:
            self._ended(actor, record, after, to)
        record.status = to
        record.attempt = after.attempt
        record.run_at_ms = ms(after.run_at)
        record.expires_at_ms = ms(after.expires_at)

    def deleted(self, actor: "Actor", before: Job) -> None:
        """Check a row's removal by an actor; from now on the job is as one whose retention is over."""
        record = self.records[before.key]
        if actor.kind != "delete" or record.status not in FINAL:
            self.broken("1 acknowledged exists", f"{actor.name} deleted a {record.status} job")
        if before.key.owner_id != actor.owner:
            self.broken("11 nobody reaches another's job", f"{actor.name} deleted a job of {before.key.owner_id}")
        record.expires_at_ms = self._now_ms()

    def _submitted(self, actor: "Actor", row: Job) -> None:
        if not actor.planned or actor.kind not in TABLE[None, PENDING]:
            self.broken("13 transitions in the table", f"{actor.name} made a job")
            return
        job = actor.planned.popleft()
        if actor.request is not None:
            self._made_under_key(actor, actor.request, row.key)
        record = self.records[row.key] = JobRecord(
            key=row.key,
            number=job.number,
            max_attempts=job.max_attempts or MAX_ATTEMPTS,
            timeout_ms=1000 * job.timeout_s if job.timeout_s else TIMEOUT_MS,
            run_at_ms=actor.reading + 1000 * job.delay_s,
            expires_at_ms=ms(row.expires_at),
        )
        record.transitions.append(("SUBMIT", 0))
        self.happened.add((None, PENDING, actor.kind))
        record.waits_since_ms = actor.reading
        if (row.status.value, row.attempt, row.data_json) != (PENDING, 0, f"[{job.number}]"):
            self.broken("13 transitions in the table", f"submitted as {row.status} {row.attempt} {row.data_json}")
        if ms(row.run_at) != record.run_at_ms or row.last_attempt != record.max_attempts:
            self.broken("13 transitions in the table", "submitted with another time or number of attempts than asked")
        if row.key.owner_id != actor.owner:
            self.broken("11 nobody reaches another's job", f"{actor.name} submitted for {row.key.owner_id}")

    def _made_under_key(self, actor: "Actor", request: str, key: JobKey) -> None:
        """Check that a key makes jobs once: all of one write, until it is forgotten after a day."""
        made = self.requests.get((key.owner_id, request))
        if made is None or made.maker is not actor:
            if made is not None and actor.reading < made.forgotten_ms:
                self.broken("6 one key, one job", f"{actor.name} made {key.job_id} beside {made.keys[0].job_id}")
            forgotten_ms = -(-(actor.reading + KEY_KEPT_MS) // 1_000) * 1_000
            made = self.requests[key.owner_id, request] = RequestRecord(maker=actor, forgotten_ms=forgotten_ms)
        made.keys.append(key)

    def acknowledged(
        self, actor: "Actor", keys: list[JobKey], rows: dict[JobKey, Job], *, is_replay: bool = False
    ) -> None:
        """Note the answer to a submission: that it names stored jobs and, under a key, always the same ones."""
        for key in keys:
            record = self.records.get(key)
            # One that stood still may be told of a job whose retention has ended since.
            if record is None or (key not in rows and self._now_ms() < record.expires_at_ms):
                self.broken("1 acknowledged exists", "accepted without a row")
            else:
                record.is_acknowledged = True
        if actor.request is None:
            return
        made = self.requests.get((keys[0].owner_id, actor.request))
        if made is None or (made.keys != keys and actor.reading < made.forgotten_ms - KEY_KEPT_MS):
            return
        if made.keys != keys or is_replay is (made.maker is actor):
            self.broken("6 one key, one job", f"{actor.name} was told {keys[0].job_id} for {made.keys[0].job_id}")
        if is_replay and actor.reading >= made.forgotten_ms:
            self.broken("6 one key, one job", f"{actor.name} was told of a job of the day before")

    def _put_off(self, actor: "Actor", before: Job, after: Job) -> None:
        """The sweep moves its next look, and nothing else."""
        if actor.kind != "sweep" or before.is_final:
            self.broken("13 transitions in the table", f"{actor.name} moved the next look of a {before.status} job")
        if before.attempt != after.attempt or before.result_json != after.result_json or before.error != after.error:
            self.broken("3 final stays final", f"{actor.name} changed more than the next look")

    def _in_table(self, actor: "Actor", record: JobRecord, after: Job) -> None:
        by = TABLE.get((record.status, after.status.value), {})
        name = by.get(actor.kind)
        if name is None:
            self.broken("13 transitions in the table", f"{record.status} became {after.status} by {actor.kind}")
        else:
            record.transitions.append((name, after.attempt))
            self.happened.add((record.status, after.status.value, actor.kind))
        if actor.owner is not None and after.key.owner_id != actor.owner:
            self.broken("11 nobody reaches another's job", f"{actor.name} wrote a job of {after.key.owner_id}")

    def _promptly(self, record: JobRecord) -> None:
        """
        Check how long a job that now goes on has waited for that.

        Of the leases, the first after the job began to wait: each attempt that is lost after it makes the sweep's looks
        rarer.
        """
        if self._prompt_ms is None or record.status in FINAL:
            return
        if record.status == IN_PROGRESS and record.claims_since_wait > 1:
            return
        since_ms = record.run_at_ms if record.status == PENDING else record.lease_end_ms
        if self._now_ms() - since_ms > self._prompt_ms:
            self.broken(
                "2 goes on promptly", f"{record.status} for {(self._now_ms() - since_ms) / 1000:.0f} s too long"
            )

    def _attempts(self, record: JobRecord, after: Job) -> None:
        if after.attempt < record.attempt:
            self.broken("8 attempt never decreases", f"from {record.attempt} to {after.attempt}")
        moves = after.status.value in {IN_PROGRESS, CANCELLED}
        if after.attempt != record.attempt + moves:
            self.broken("8 attempt counts transitions", f"{record.attempt} became {after.attempt} ({after.status})")

    def _events(self, actor: "Actor", before: Job, after: Job) -> None:
        record = self.records[after.key]
        name, attempt = record.transitions[-1]
        last = after.events[-1]
        if len(after.events) > EVENTS_KEPT + MAX_ATTEMPTS:
            self.broken("E log is bounded", f"{len(after.events)} events")
        is_kept = after.events[:-1] == before.events or len(before.events) >= EVENTS_KEPT
        if not is_kept or (last.transition.value, last.attempt, last.worker) != (name, attempt, actor.name):
            self.broken("E log tells what happened", f"{last} for {name} of attempt {attempt} by {actor.name}")

    def _claimed(self, actor: "Actor", record: JobRecord) -> None:
        if record.status == PENDING and actor.reading + EARLY_MS < record.run_at_ms:
            self.broken("13 claim when due", f"{record.run_at_ms - actor.reading} ms early by its own clock")
        if record.status == IN_PROGRESS and actor.reading < record.lease_end_ms:
            self.broken("13 claim when lease is over", f"{record.lease_end_ms - actor.reading} ms before its end")
        if actor.reading >= record.expires_at_ms:
            self.broken("13 claim within retention", "an expired job was claimed")
        if actor.time_left_ms < record.timeout_ms + LEASE_MARGIN_MS:
            self.broken("T claim with time to end", f"{actor.time_left_ms} ms left for {record.timeout_ms} ms")
        record.claims += 1
        record.claims_in_set += 1
        record.claims_since_wait += 1
        if record.claims_in_set > record.max_attempts:
            self.broken("7 attempts within the maximum", f"attempt {record.claims_in_set} of {record.max_attempts}")
        record.holder = actor
        record.lease_end_ms = actor.reading + record.timeout_ms + LEASE_MARGIN_MS
        actor.holds = record
        actor.verdict = None

    def _waiting(self, actor: "Actor", record: JobRecord, after: Job) -> None:
        run_at_ms = ms(after.run_at)
        record.waits_since_ms = actor.reading
        record.claims_since_wait = 0
        if record.status == IN_PROGRESS:
            self._by_holder(actor, record, "retried")
            if actor.verdict is None or actor.verdict[0] != "retryable":
                self.broken("13 retry after a retryable error", f"its attempt ended as {actor.verdict}")
            if record.claims_in_set >= record.max_attempts:
                self.broken("7 attempts within the maximum", f"retried after {record.claims_in_set} attempts")
            most = min(BACKOFF_BASE_MS * 2 ** (record.claims_in_set - 1), BACKOFF_MAX_MS)
            if not actor.reading <= run_at_ms <= actor.reading + most:
                self.broken("B back-off by attempt", f"waits {run_at_ms - actor.reading} of at most {most} ms")
        else:
            if actor.kind == "redrive" and record.error_code not in DEAD_CODES:
                self.broken("13 redrive of dead jobs", f"{actor.name} retried a job that failed by {record.error_code}")
            record.claims_in_set = 0
            record.endings_in_set = 0
            if after.last_attempt != after.attempt + record.max_attempts or after.error is not None:
                self.broken("7 attempts within the maximum", "a retry by hand began no fresh set of attempts")
        record.holder = None

    def _ended(self, actor: "Actor", record: JobRecord, after: Job, to: str) -> None:
        record.endings_in_set += 1
        record.last_ended_ms = self._now_ms()
        if record.endings_in_set > 1:
            self.broken("4 one commit", f"ending {record.endings_in_set} of one set of attempts")
        if to == SUCCESS:
            record.commits += 1
            self._by_holder(actor, record, "finished")
            record.result = after.result_json
            if after.result_json != right_result(record.number):
                self.broken("5 right result", f"{after.result_json} of {record.number}")
        elif to == FAILED:
            self._failed(actor, record, after)
        if after.due_at is not None:
            self.broken("13 transitions in the table", f"{to}, and still due at {ms(after.due_at)}")
        record.holder = None

    def _failed(self, actor: "Actor", record: JobRecord, after: Job) -> None:
        code = record.error_code = after.error.code if after.error else None
        if record.holder is actor and actor.verdict is not None:
            kind, own_code = actor.verdict
            if code != own_code:
                self.broken("5 right error", f"{code} instead of {own_code}")
            if kind != "final" and record.claims_in_set < record.max_attempts:
                self.broken("13 fail when final or exhausted", f"after attempt {record.claims_in_set}")
            return
        if record.status == IN_PROGRESS and actor.reading < record.lease_end_ms:
            self.broken("13 fail when lease is over", f"{actor.name} failed a job that is held")
        if actor.kind == "consume" and record.claims_in_set < record.max_attempts:
            self.broken("13 fail when final or exhausted", f"after attempt {record.claims_in_set}")
        if record.status == PENDING and actor.letter_sent_ms < record.waits_since_ms:
            self.broken("10 letter of the present try", "it was sent before the job began to wait")
        if record.status == PENDING and actor.reading + EARLY_MS < record.run_at_ms:
            self.broken("13 bury when due", f"{actor.name} failed a job that waits for later")

    def _by_holder(self, actor: "Actor", record: JobRecord, verb: str) -> None:
        if record.holder is not actor:
            holder = record.holder.name if record.holder else "nobody"
            self.broken("13 only the holder ends it", f"{actor.name} {verb} what {holder} holds")

    def executes(self, actor: "Actor", job: Job) -> None:
        """Note that an operation begins."""
        record = self.records[job.key]
        record.executions += 1
        if record.executions > record.claims or actor.holds is not record:
            self.broken("12 executions within attempts", f"{record.executions} executions of {record.claims} claims")

    def left_off(self, actor: "Actor") -> None:
        """Check an actor that came to its end, or to its next message, by itself."""
        if actor.must_run is not None:
            self.broken("A claimed is executed", f"{actor.name} claimed attempt {actor.must_run} and ran nothing")
            actor.must_run = None
        # A row that the table may have deleted meanwhile has no end to write.
        unwritten = actor.must_write
        if unwritten is not None and unwritten.holder is actor and self._now_ms() < unwritten.expires_at_ms:
            self.broken("W an attempt's end is written", f"{actor.name} went on as if nothing had ended")
        actor.must_write = None
        for key, run_at_ms in actor.owes.items():
            record = self.records[key]
            if record.status == PENDING and record.run_at_ms == run_at_ms:
                self.broken("P a waiting job is sent", f"{actor.name} sent no message for {run_at_ms}")
        actor.owes.clear()

    def buried(self, actor: "Actor", key: JobKey, seen: Job | None) -> None:
        """Check a dead letter that its handler let go; ``seen`` is the row as the handler read it."""
        record = self.records.get(key)
        if record is None or record.last_ended_ms >= actor.began_ms or record.status in FINAL or seen is None:
            return
        seen_waits = seen.status.value == PENDING and ms(seen.run_at) > actor.reading + EARLY_MS
        is_stale = actor.letter_sent_ms < record.waits_since_ms
        if seen.status.value in FINAL or seen_waits or is_stale or ms(seen.expires_at) <= actor.reading:
            return
        self.broken("10 dead letter matched", f"let go while the job is {record.status}")

    def kept(self, actor: "Actor", seen: Job | None) -> None:
        """Check a dead letter that its handler did not let go; ``seen`` is the row as the handler read it."""
        if seen is None or actor.was_failed:
            return
        record = self.records[seen.key]
        is_as_seen = (record.status, record.attempt) == (IN_PROGRESS, seen.attempt)
        if is_as_seen and seen.status.value == IN_PROGRESS and actor.reading >= record.lease_end_ms:
            self.broken("10 dead letter matched", f"it comes back although attempt {record.attempt} is over")

    def at_end(self, rows: dict[JobKey, Job]) -> None:
        """Check what must hold when everything has come to rest, or the bound has passed."""
        now_ms = self._now_ms()
        for key, record in self.records.items():
            row = rows.get(key)
            is_over = record.expires_at_ms <= now_ms
            if row is None:
                if record.is_acknowledged and not is_over:
                    self.broken("1 acknowledged exists", "the row is gone")
                continue
            if row.status.value != record.status or row.result_json != record.result:
                self.broken("3 final stays final", f"{record.status} is {row.status} at the end")
            if record.status not in FINAL and not is_over:
                self.broken("2 final within the bound", f"{record.status}, attempt {record.attempt}")
            if len(record.transitions) <= EVENTS_KEPT:
                told = [(event.transition.value, event.attempt) for event in row.events]
                if told != record.transitions:
                    self.broken("E log tells what happened", f"{told} instead of {record.transitions}")

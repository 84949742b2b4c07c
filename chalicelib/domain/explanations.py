"""Why a job is where it is, and what happens next and when: one sentence for people."""

from datetime import datetime

from chalicelib.domain.delivery import RESEND_AFTER_MAX
from chalicelib.domain.jobs import Job, JobStatus, Transition
from chalicelib.domain.pauses import JobPause, JobsOfOperation


def explanation(job: Job, *, at: datetime, pause: JobPause | None = None) -> str:
    """Return one sentence on a job that has not expired, as of ``at``; ``pause`` is what keeps it from beginning."""
    match job.status:
        case JobStatus.PENDING:
            return _waiting(job, at, pause)
        case JobStatus.IN_PROGRESS:
            return _running(job, at, pause)
        case JobStatus.SUCCESS:
            return f"Attempt {_number(job)} returned a result at {_time(job.finished_at)}; the job is {_kept(job)}."
        case JobStatus.FAILED:
            return f"The job failed at {_time(job.finished_at)}: {_reason(job)}; {_again(job)}."
    return f"The job was cancelled at {_time(job.finished_at)}; {_again(job)}."


def _waiting(job: Job, at: datetime, pause: JobPause | None) -> str:
    last = job.events[-1]
    if last.transition is Transition.RETRY:
        why = f"Attempt {_number(job)} failed ({last.reason}), so the job waits for the next,"
    elif last.transition is Transition.RETRY_BY_HAND:
        why = f"The job was retried by hand at {_time(last.at)} and waits for attempt {_number(job, 1)},"
    else:
        why = f"The job was accepted at {_time(job.created_at)} and waits for attempt {_number(job, 1)},"
    due = f"{why} which is due {'at' if at < job.run_at else 'since'} {_time(job.run_at)}"
    if pause is not None:
        return f"{due}; {_paused(pause)}, so {_no_attempt()}."
    if at < job.run_at:
        return f"{due}."
    return (
        f"{due} and begins when a consumer is free;"
        f" if its message was lost, it is sent again within two minutes of {_time(job.due_at)}."
    )


def _paused(pause: JobPause) -> str:
    jobs = pause.jobs
    paused = f"the operation {jobs.operation} is" if isinstance(jobs, JobsOfOperation) else "its owner's jobs are"
    reason = "" if pause.reason is None else f" ({pause.reason})"
    return f"{paused} paused since {_time(pause.paused_at)}{reason}"


def _no_attempt() -> str:
    minutes = f"{RESEND_AFTER_MAX.total_seconds() / 60:.0f} minutes"
    return (
        f"no attempt begins until an administrator resumes that; what is due by then begins within {minutes} of it, or"
        " later if thousands of jobs wait"
    )


def _running(job: Job, at: datetime, pause: JobPause | None) -> str:
    claimed = job.events[-1]
    if job.is_held(at):
        return (
            f"Attempt {_number(job)} is running since {_time(claimed.at)} on worker {claimed.worker} and has"
            f" {job.timeout.total_seconds():.0f} s; if nothing is heard of it by {_time(job.lease_expires_at)},"
            f" {_after_loss(job)}."
        )
    lost = (
        f"Attempt {_number(job)}, begun at {_time(claimed.at)} on worker {claimed.worker}, was not heard of by"
        f" {_time(job.lease_expires_at)} and is taken for lost;"
    )
    if pause is not None:
        waits = f"{_after_loss(job)}, but not before an administrator resumes that" if _is_last(job) else _no_attempt()
        return f"{lost} {_paused(pause)}, so {waits}."
    return f"{lost} within two minutes of {_time(job.due_at)} {_after_loss(job)}."


def _after_loss(job: Job) -> str:
    if _is_last(job):
        return "the job fails, because that was its last attempt"
    return "the next attempt begins"


def _is_last(job: Job) -> bool:
    return job.attempt >= job.last_attempt


def _reason(job: Job) -> str:
    if job.error is None:
        return "no reason is on record"
    attempts = f" after {job.attempt_in_set} of {job.max_attempts} attempts"
    return f"{job.error.detail} ({job.error.code}){attempts}"


def _again(job: Job) -> str:
    return f"POST /jobs/{job.key.job_id}/retry runs it again, while it is {_kept(job)}"


def _kept(job: Job) -> str:
    return f"kept until {_time(job.expires_at)}"


def _number(job: Job, ahead: int = 0) -> str:
    return f"{job.attempt_in_set + ahead} of {job.max_attempts}"


def _time(at: datetime | None) -> str:
    return "an unknown time" if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")

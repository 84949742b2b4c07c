from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.explanations import explanation
from chalicelib.domain.jobs import Job, JobError
from chalicelib.domain.pauses import JobPause
from tests.factories import ADAS_JOBS, KEY, LEASE, make_act, make_claim, make_job, make_pause
from tests.fakes import NOON

HELD = make_job().claimed(make_claim("a"))
LAST = make_job(attempt=2).claimed(make_claim("a"))
ERROR = JobError(code="OPERATION_FAILED", detail="no such planet")
RETRIED = HELD.retried(ERROR, make_act("b"), run_at=NOON + timedelta(seconds=5), due_at=NOON + timedelta(seconds=65))
FAILED = LAST.failed(ERROR, make_act("b"))
AGAIN = f"POST /jobs/{KEY.job_id}/retry runs it again, while it is kept until 2026-12-23T12:00:00Z."


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (
            make_job(),
            (
                "The job was accepted at 2026-11-23T12:00:00Z and waits for attempt 1 of 3, which is due since"
                " 2026-11-23T12:00:00Z and begins when a consumer is free; if its message was lost, it is sent again"
                " within two minutes of 2026-11-23T12:01:00Z."
            ),
        ),
        (
            make_job(run_at=NOON + timedelta(days=1)),
            (
                "The job was accepted at 2026-11-23T12:00:00Z and waits for attempt 1 of 3, which is due at"
                " 2026-11-24T12:00:00Z."
            ),
        ),
        (
            RETRIED,
            (
                "Attempt 1 of 3 failed (OPERATION_FAILED: no such planet), so the job waits for the next, which"
                " is due at 2026-11-23T12:00:05Z."
            ),
        ),
        (
            FAILED.retried_by_hand(make_act("c"), due_at=NOON + timedelta(seconds=60)),
            (
                "The job was retried by hand at 2026-11-23T12:00:00Z and waits for attempt 1 of 3, which is due since"
                " 2026-11-23T12:00:00Z and begins when a consumer is free; if its message was lost, it is sent again"
                " within two minutes of 2026-11-23T12:01:00Z."
            ),
        ),
        (
            HELD,
            (
                "Attempt 1 of 3 is running since 2026-11-23T12:00:00Z on worker consumer and has 60 s; if nothing is"
                " heard of it by 2026-11-23T12:01:15Z, the next attempt begins."
            ),
        ),
        (
            LAST,
            (
                "Attempt 3 of 3 is running since 2026-11-23T12:00:00Z on worker consumer and has 60 s; if nothing is"
                " heard of it by 2026-11-23T12:01:15Z, the job fails, because that was its last attempt."
            ),
        ),
        (
            HELD.finished("14", make_act("b")),
            "Attempt 1 of 3 returned a result at 2026-11-23T12:00:00Z; the job is kept until 2026-12-23T12:00:00Z.",
        ),
        (
            FAILED,
            "The job failed at 2026-11-23T12:00:00Z: no such planet (OPERATION_FAILED) after 3 of 3 attempts; " + AGAIN,
        ),
        (HELD.cancelled(make_act("b")), "The job was cancelled at 2026-11-23T12:00:00Z; " + AGAIN),
    ],
)
def test_one_sentence_says_why_and_what_next(job: Job, sentence: str) -> None:
    assert explanation(job, at=NOON) == sentence


@pytest.mark.parametrize(
    ("job", "end"),
    [
        (HELD, "within two minutes of 2026-11-23T12:01:00Z the next attempt begins."),
        (LAST, "within two minutes of 2026-11-23T12:01:00Z the job fails, because that was its last attempt."),
    ],
)
def test_a_lost_attempt_is_said_to_be_lost(job: Job, end: str) -> None:
    sentence = explanation(job, at=NOON + LEASE)
    assert "was not heard of by 2026-11-23T12:01:15Z and is taken for lost; " in sentence
    assert sentence.endswith(end)


@pytest.mark.parametrize(
    ("job", "pause", "end"),
    [
        (
            make_job(),
            make_pause(reason="it floods the planet service"),
            (
                " waits for attempt 1 of 3, which is due since 2026-11-23T12:00:00Z; the operation square_sum is paused"
                " since 2026-11-23T12:00:00Z (it floods the planet service), so no attempt begins until an"
                " administrator resumes that; what is due by then begins within 15 minutes of it, or later if thousands"
                " of jobs wait."
            ),
        ),
        (
            make_job(run_at=NOON + timedelta(days=1)),
            make_pause(ADAS_JOBS),
            (
                "which is due at 2026-11-24T12:00:00Z; its owner's jobs are paused since 2026-11-23T12:00:00Z, so no"
                " attempt begins until an administrator resumes that; what is due by then begins within 15 minutes of"
                " it, or later if thousands of jobs wait."
            ),
        ),
    ],
)
def test_a_pause_is_what_a_job_waits_for(job: Job, pause: JobPause, end: str) -> None:
    sentence = explanation(job, at=NOON, pause=pause)
    assert sentence.endswith(end)
    assert pause.paused_by not in sentence


def test_a_pause_is_nothing_to_an_attempt_that_runs_and_holds_the_next_one_back() -> None:
    pause = make_pause()
    assert explanation(HELD, at=NOON, pause=pause) == explanation(HELD, at=NOON)
    sentence = explanation(HELD, at=NOON + LEASE, pause=pause)
    assert "is taken for lost; the operation square_sum is paused since 2026-11-23T12:00:00Z, so no" in sentence
    assert "the next attempt begins" not in sentence


def test_a_lost_last_attempt_fails_the_job_when_its_owner_is_resumed() -> None:
    sentence = explanation(LAST, at=NOON + LEASE, pause=make_pause(ADAS_JOBS))
    assert sentence.endswith(
        " and is taken for lost; its owner's jobs are paused since 2026-11-23T12:00:00Z, so the job fails, because that"
        " was its last attempt, but not before an administrator resumes that."
    )


def test_what_is_not_on_record_is_said_to_be_unknown() -> None:
    """Rows outlive the code that wrote them."""
    failed = replace(FAILED, error=None, finished_at=None)
    assert explanation(failed, at=NOON).startswith("The job failed at an unknown time: no reason is on record; ")

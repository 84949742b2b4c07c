"""``Prefer: wait=N`` (RFC 7240): a caller who would rather wait than poll; and ``Retry-After`` for who polls."""

from datetime import timedelta

from chalicelib.api.call import Call
from chalicelib.domain.jobs import Job
from chalicelib.domain.polling import poll_after_s
from chalicelib.services.waiting import WAIT_MAX

SECONDS_MAX_DIGITS = 9


def waited_for(call: Call, job: Job) -> Job:
    """
    Return the job, once it is final, where the caller prefers to wait for that; sets the headers that tell of it.

    A preference that is no number of seconds is ignored, as RFC 7240 asks.
    """
    call.headers["Vary"] = "Prefer"
    wait_s = preferred_wait_s(call.header("prefer") or "")
    if wait_s is not None:
        applied_s = min(wait_s, int(WAIT_MAX.total_seconds()))
        waited = call.services.waiting.until_final(job, at_most=timedelta(seconds=applied_s))
        job = waited.job
        call.headers["Preference-Applied"] = f"wait={applied_s}"
        if waited.standing is not None:
            call.standings[waited.standing.limit.name] = waited.standing
    retry_after_s = poll_after_s(job, at=call.services.clock.now())
    if retry_after_s is not None:
        call.headers["Retry-After"] = str(retry_after_s)
    return job


def preferred_wait_s(prefer: str) -> int | None:
    """
    Return the seconds of the first ``wait`` among the preferences.

    >>> preferred_wait_s('respond-async, wait="10"; for=me')
    10
    >>> preferred_wait_s("wait=soon")
    """
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            text = value.strip().strip('"')
            return int(text) if text.isascii() and text.isdigit() and len(text) <= SECONDS_MAX_DIGITS else None
    return None

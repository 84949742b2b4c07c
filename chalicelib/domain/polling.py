"""How soon it is worth asking for a job again."""

import math
from datetime import datetime

from chalicelib.domain.jobs import Job

POLL_MAX_S = 60
"""Of a job that is due: who asks once a minute learns of its end soon enough, however long it takes."""

DELAYED_POLL_MAX_S = 3600
"""Of a job that waits for its time: it may be cancelled, or its result wanted, by somebody else meanwhile."""


def poll_after_s(job: Job, *, at: datetime) -> int | None:
    """
    Return the seconds after which to ask for a job again, ``None`` when it is final.

    Until a job is due, that is when it will be. From then on a tenth of the time that it has been due: who heeds it
    learns of the end at most a tenth of the job's own time late (or a second, for the short ones), with few calls.
    """
    if job.is_final:
        return None
    due_for_s = (at - job.run_at).total_seconds()
    if due_for_s < 0:
        return min(math.ceil(-due_for_s), DELAYED_POLL_MAX_S)
    return max(1, min(math.floor(due_for_s / 10), POLL_MAX_S))

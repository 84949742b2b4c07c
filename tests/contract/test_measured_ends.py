"""A job's end counts once, although the write that made it is tried again when its response was lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.domain.jobs import Job, JobStatus
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.execution import Execution
from chalicelib.services.jobs import JobService
from chalicelib.services.known_pauses import KnownPauses
from tests.contract.conftest import Ports
from tests.embedded_metrics import NAMESPACE, Datum, logged
from tests.factories import KEY, OWNER, make_job, make_limits
from tests.fakes import NOON, CountingIds, FixedChance, FixedClock

PLENTY = timedelta(minutes=10)
CLOCK, IDS, LIMITS = FixedClock(), CountingIds(), make_limits()


class Returns:
    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:  # noqa: ARG002
        return "14"


def consumed(ports: Ports) -> None:
    Execution(
        jobs=ports.jobs,
        queue=ports.queue,
        runner=Returns(),
        clock=CLOCK,
        ids=IDS,
        randomness=FixedChance(),
        limits=LIMITS,
        pauses=KnownPauses(tuple, clock=CLOCK),
        worker="consumer",
    ).execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY)


def buried(ports: Ports) -> None:
    letters = DeadLetters(jobs=ports.jobs, queue=ports.queue, clock=CLOCK, ids=IDS, limits=LIMITS, worker="letters")
    letters.bury(KEY, sent_at=NOON)


def cancelled(ports: Ports) -> None:
    JobService(
        jobs=ports.jobs, lists=ports.lists, queue=ports.queue, clock=CLOCK, ids=IDS, limits=LIMITS, worker="api"
    ).cancel(OWNER, KEY.job_id)


@pytest.mark.parametrize(
    ("end", "status"),
    [(consumed, JobStatus.SUCCESS), (buried, JobStatus.FAILED), (cancelled, JobStatus.CANCELLED)],
)
def test_an_end_whose_response_was_lost_counts_once(
    lossy_ports: Ports, end: Callable[[Ports], None], status: JobStatus
) -> None:
    lossy_ports.jobs.add(make_job())
    with logged() as log:
        end(lossy_ports)
    job = lossy_ports.jobs.get(KEY)
    assert job is not None
    assert job.status is status
    assert [datum for datum in log.data if datum.name == "Jobs"] == [
        Datum(NAMESPACE, "Jobs", "Count", 1, (("outcome", status),))
    ]

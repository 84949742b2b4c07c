from datetime import timedelta

import pytest

from chalicelib.domain.polling import poll_after_s
from tests.factories import make_act, make_claim, make_job
from tests.fakes import NOON


@pytest.mark.parametrize(
    ("due_for_s", "seconds"),
    [
        (0, 1),
        (19.9, 1),
        (20, 2),
        (300, 30),
        (86_400, 60),
        (-0.1, 1),
        (-10, 10),
        (-10.5, 11),
        (-86_400, 3600),
    ],
)
def test_it_grows_with_the_time_that_the_job_has_been_due(due_for_s: float, seconds: int) -> None:
    job = make_job(run_at=NOON)
    assert poll_after_s(job, at=NOON + timedelta(seconds=due_for_s)) == seconds


def test_a_running_job_counts_from_when_it_was_due_as_well() -> None:
    assert poll_after_s(make_job().claimed(make_claim("a")), at=NOON + timedelta(seconds=100)) == 10


def test_a_final_job_need_not_be_asked_for_again() -> None:
    assert poll_after_s(make_job().cancelled(make_act("c")), at=NOON) is None

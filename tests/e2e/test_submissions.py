"""Idempotency keys and batches on the deployed stack, where each function may do only what its role allows."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import pytest

from tests.e2e.conftest import Runner, call, finished, logged_in, running
from tests.fuzz.__main__ import raised_limits


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """The product with its limits out of the way: each repetition counts."""
    with running(**raised_limits()) as runner:
        yield runner


def submitted(api: str, path: str, body: Any, token: str, key: str) -> tuple[int, str, Any]:
    """Submit under a key; the status, whether it is a replay, and the answer."""
    request = urllib.request.Request(
        api + path,
        method="POST",
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": key,
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.headers.get("Idempotent-Replayed", "false"), json.load(answer)


def answered(api: str, path: str, body: Any, token: str, key: str) -> tuple[int, str, Any, int]:
    """As `submitted`, by a client that asks again where a busy gateway had no answer in its time; how often it did."""
    for again in range(5):
        try:
            return *submitted(api, path, body, token, key), again
        except TimeoutError:
            continue
        except urllib.error.HTTPError as error:
            with error:
                if error.code != HTTPStatus.GATEWAY_TIMEOUT:
                    raise
        except urllib.error.URLError as error:
            if not isinstance(error.reason, TimeoutError):
                raise
    pytest.fail("the gateway had no answer five times")


def test_many_equal_requests_at_once_are_one_job(api: str) -> None:
    token = logged_in(api, "repeating")
    job = {"operation": "square_sum", "data": [1, 2, 3]}
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: answered(api, "/jobs", job, token, '"monday"'), range(200)))
    assert {status for status, *_ in answers} == {202}
    made = [replayed for _, replayed, *_ in answers].count("false")
    asked_again = sum(again for *_, again in answers)
    assert made == 1 or (made == 0 and asked_again > 0), "who made it may have had no answer at first"
    (job_id,) = {answer["job_id"] for _, _, answer, _ in answers}
    assert finished(api, f"/jobs/{job_id}", token) == {"status": "SUCCESS", "result": 14}
    assert [each["job_id"] for each in call(api, "GET", "/jobs", token=token)[1]["jobs"]] == [job_id]


def test_a_batch_of_a_hundred_is_run_and_its_repetition_finds_all_of_it(api: str) -> None:
    token = logged_in(api, "batching")
    batch = {"jobs": [{"operation": "square_sum", "data": [number]} for number in range(100)]}
    status, replayed, answer = submitted(api, "/jobs/batch", batch, token, "monday")
    assert (status, replayed) == (202, "false")
    assert submitted(api, "/jobs/batch", batch, token, "monday") == (202, "true", answer)
    for number in (0, 98, 99):
        path = f"/jobs/{answer['jobs'][number]['job_id']}"
        assert finished(api, path, token, patience_s=60) == {"status": "SUCCESS", "result": number**2}

import uuid
from datetime import UTC, datetime

import pytest

from chalicelib.adapters.system import SystemClock, SystemIds
from chalicelib.domain.credentials import SECRET_BYTES
from chalicelib.domain.jobs import parsed_job_id


@pytest.mark.asvs("16.2.2")
def test_the_clock_is_in_utc_and_has_the_milliseconds_that_rows_keep() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60  # noqa: TID251 - what the clock is held against


def test_job_ids_are_uuids_of_version_7_made_now() -> None:
    before_ms = int(SystemClock().now().timestamp() * 1000)
    job_id = SystemIds().new_job_id(SystemClock().now())
    after_ms = int(SystemClock().now().timestamp() * 1000)
    parsed = uuid.UUID(job_id)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert before_ms <= parsed.int >> 80 <= after_ms
    assert parsed_job_id(job_id) == job_id


def test_job_ids_sort_as_they_were_made_and_differ() -> None:
    ids = SystemIds()
    made = [ids.new_job_id(SystemClock().now()) for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert made == sorted(made)


def test_user_and_token_ids_are_random() -> None:
    ids = SystemIds()
    assert uuid.UUID(ids.new_user_id()).version == uuid.UUID(ids.new_token_id()).version == 4
    assert ids.new_user_id() != ids.new_user_id()


@pytest.mark.asvs("7.2.3", "11.5.1")
def test_secrets_are_as_long_as_asked_and_none_comes_twice() -> None:
    ids = SystemIds()
    made = {ids.new_secret(SECRET_BYTES) for _ in range(1000)}
    assert len(made) == 1000
    assert {len(secret) * 8 for secret in made} == {256}
    ones = sum(int.from_bytes(secret).bit_count() for secret in made)
    assert abs(ones / (1000 * 256) - 0.5) < 0.01, "ten standard deviations"

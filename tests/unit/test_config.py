from datetime import timedelta

import pytest

from chalicelib.config import ConfigurationError, Settings
from tests.deployment import environment


def test_every_setting_is_read_from_the_variable_of_its_name() -> None:
    settings = Settings.from_env(environment(JOBS_TABLE="the-jobs", JOB_LEASE_MARGIN_S="7", SUBMITS_PER_MINUTE="3"))
    assert settings.jobs_table == "the-jobs"
    assert settings.job_limits.lease_margin == timedelta(seconds=7)
    assert settings.submit_limit.quota == 3
    assert settings.submit_limit.name != settings.read_limit.name
    assert settings.submit_limit.block == 1


@pytest.mark.parametrize(("quota", "block"), [("1", 1), ("199", 1), ("500", 5), ("1200", 10), ("100000", 10)])
def test_a_container_takes_a_small_part_of_the_quota_to_read_at_once(quota: str, block: int) -> None:
    assert Settings.from_env(environment(READS_PER_MINUTE=quota)).read_limit.block == block


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env(
            environment(JOBS_TABLE="", JOB_LEASE_MARGIN_S="soon", JOB_RESEND_S="0", READS_PER_MINUTE="-1")
        )
    assert str(wrong.value).split("; ") == [
        "JOBS_TABLE is not set",
        "READS_PER_MINUTE must be a whole number above zero, not -1",
        "JOB_LEASE_MARGIN_S must be a whole number above zero, not soon",
        "JOB_RESEND_S must be a whole number above zero, not 0",
    ]


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("", False)])
def test_what_the_mapping_was_made_with_is_said_by_the_template_or_false(text: str, value: bool) -> None:  # noqa: FBT001
    assert Settings.from_env(environment(PARTIAL_BATCH_RESPONSES=text)).partial_batch_responses is value
    assert not Settings.from_env(environment()).partial_batch_responses


@pytest.mark.parametrize("text", ["1", "yes", "True"])
def test_what_the_mapping_was_made_with_is_not_guessed(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"PARTIAL_BATCH_RESPONSES must be true or false, not {text}"):
        Settings.from_env(environment(PARTIAL_BATCH_RESPONSES=text))


def test_a_job_of_the_largest_size_must_fit_its_item() -> None:
    rest = 400 * 1024 - 40 * 1024
    fits = Settings.from_env(environment(BODY_MAX_BYTES=str(rest - 1), JOB_RESULT_MAX_BYTES="1"))
    assert fits.job_limits.data_max_bytes == fits.body_max_bytes == rest - 1
    with pytest.raises(ConfigurationError, match=f"BODY_MAX_BYTES and JOB_RESULT_MAX_BYTES may be {rest} together"):
        Settings.from_env(environment(BODY_MAX_BYTES=str(rest), JOB_RESULT_MAX_BYTES="1"))


def test_nothing_has_a_silent_default() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env({})
    assert str(wrong.value).count("is not set") == len(environment()) - 1, "all but LOG_LEVEL"

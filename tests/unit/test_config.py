from datetime import timedelta

import pytest

from chalicelib.config import ConfigurationError, Settings
from tests.deployment import environment


def test_every_setting_is_read_from_the_variable_of_its_name() -> None:
    settings = Settings.from_env(environment(JOBS_TABLE="the-jobs", JOB_LEASE_S="7", SUBMITS_PER_MINUTE="3"))
    assert settings.jobs_table == "the-jobs"
    assert settings.job_limits.lease == timedelta(seconds=7)
    assert settings.submit_limit.quota == 3
    assert settings.submit_limit.name != settings.read_limit.name


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env(environment(JOBS_TABLE="", JOB_LEASE_S="soon", JOB_MAX_ATTEMPTS="0", READS_PER_MINUTE="-1"))
    assert str(wrong.value).split("; ") == [
        "JOBS_TABLE is not set",
        "READS_PER_MINUTE must be a whole number above zero, not -1",
        "JOB_MAX_ATTEMPTS must be a whole number above zero, not 0",
        "JOB_LEASE_S must be a whole number above zero, not soon",
    ]


def test_a_job_of_the_largest_size_must_fit_its_item() -> None:
    rest = 400 * 1024 - 8 * 1024
    fits = Settings.from_env(environment(BODY_MAX_BYTES=str(rest - 1), JOB_RESULT_MAX_BYTES="1"))
    assert fits.job_limits.data_max_bytes == fits.body_max_bytes == rest - 1
    with pytest.raises(ConfigurationError, match=f"BODY_MAX_BYTES and JOB_RESULT_MAX_BYTES may be {rest} together"):
        Settings.from_env(environment(BODY_MAX_BYTES=str(rest), JOB_RESULT_MAX_BYTES="1"))


def test_nothing_has_a_silent_default() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env({})
    assert str(wrong.value).count("is not set") == len(environment()) - 1, "all but LOG_LEVEL"

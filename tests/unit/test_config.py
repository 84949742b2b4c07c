from datetime import timedelta

import pytest

from chalicelib.config import ConfigurationError, Settings
from tests.deployment import environment


def test_every_setting_is_read_from_the_variable_of_its_name() -> None:
    settings = Settings.from_env(environment(JOBS_TABLE="the-jobs", JOB_LEASE_MARGIN_S="7", SUBMITS_PER_MINUTE="3"))
    assert settings.jobs_table == "the-jobs"
    assert settings.job_limits.lease_margin == timedelta(seconds=7)
    assert settings.submit_limit.quota == 3


def test_limits_are_apart_and_only_reads_are_served_uncounted() -> None:
    settings = Settings.from_env(environment(SUBMITS_PER_MINUTE="1", READS_PER_MINUTE="2", SIGN_INS_PER_MINUTE="3"))
    limits = (settings.submit_limit, settings.read_limit, settings.sign_in_limit)
    assert [limit.quota for limit in limits] == [1, 2, 3]
    assert len({limit.name for limit in limits}) == 3
    assert {limit.window for limit in limits} == {timedelta(minutes=1)}
    assert [limit.block for limit in limits] == [1, 10, 1]
    assert [limit.admits_uncounted for limit in limits] == [False, True, False]


def test_a_quota_may_be_as_large_as_a_header_can_say() -> None:
    assert Settings.from_env(environment(READS_PER_MINUTE="9" * 15)).read_limit.quota == 10**15 - 1
    with pytest.raises(ConfigurationError, match="READS_PER_MINUTE must be a whole number above zero, of at most 15 d"):
        Settings.from_env(environment(READS_PER_MINUTE="1" + "0" * 15))


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env(
            environment(JOBS_TABLE="", JOB_LEASE_MARGIN_S="soon", JOB_RESEND_S="0", READS_PER_MINUTE="-1")
        )
    assert str(wrong.value).split("; ") == [
        "JOBS_TABLE is not set",
        "READS_PER_MINUTE must be a whole number above zero, of at most 15 digits, not -1",
        "JOB_LEASE_MARGIN_S must be a whole number above zero, of at most 15 digits, not soon",
        "JOB_RESEND_S must be a whole number above zero, of at most 15 digits, not 0",
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
    rest = 400 * 1024 - 64 * 1024
    fits = Settings.from_env(environment(BODY_MAX_BYTES=str(rest - 1), JOB_RESULT_MAX_BYTES="1"))
    assert fits.job_limits.data_max_bytes == fits.body_max_bytes == rest - 1
    with pytest.raises(ConfigurationError, match=f"BODY_MAX_BYTES and JOB_RESULT_MAX_BYTES may be {rest} together"):
        Settings.from_env(environment(BODY_MAX_BYTES=str(rest), JOB_RESULT_MAX_BYTES="1"))


def test_nothing_has_a_silent_default() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env({})
    assert str(wrong.value).count("is not set") == len(environment()) - 1, "all but LOG_LEVEL"

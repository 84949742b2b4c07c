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
    settings = Settings.from_env(
        environment(
            SUBMITS_PER_MINUTE="1",
            READS_PER_MINUTE="2",
            SIGN_INS_PER_HOUR="3",
            SIGN_INS_PER_HOUR_FROM_ADDRESS="4",
            REGISTRATIONS_PER_HOUR_FROM_ADDRESS="5",
        )
    )
    minutely = [settings.submit_limit, settings.read_limit]
    hourly = [settings.sign_in_limit, settings.sign_in_address_limit, settings.registration_limit]
    limits = [*minutely, *hourly]
    assert [limit.quota for limit in limits] == [1, 2, 3, 4, 5]
    assert len({limit.name for limit in limits}) == 5
    assert {limit.window for limit in minutely} == {timedelta(minutes=1)}
    assert {limit.window for limit in hourly} == {timedelta(hours=1)}
    assert [limit.block for limit in limits] == [1, 10, 1, 1, 1]
    assert [limit.admits_uncounted for limit in limits] == [False, True, False, False, False]


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


COSTS = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)]


def with_password_cost(memory_kib: int, passes: int, lanes: int = 1) -> Settings:
    return Settings.from_env(
        environment(PASSWORD_MEMORY_KIB=str(memory_kib), PASSWORD_PASSES=str(passes), PASSWORD_LANES=str(lanes))
    )


@pytest.mark.parametrize(("memory_kib", "passes"), [*COSTS, (47_104, 2), (20_000, 2), (7_168, 50)])
def test_a_password_hash_may_cost_what_owasp_names_or_more(memory_kib: int, passes: int) -> None:
    settings = with_password_cost(memory_kib, passes)
    assert (settings.password_memory_kib, settings.password_passes, settings.password_lanes) == (memory_kib, passes, 1)


@pytest.mark.asvs("11.4.2")
@pytest.mark.parametrize(("memory_kib", "passes"), [*((kib - 1, passes) for kib, passes in COSTS), (19_456, 1)])
def test_a_password_hash_may_not_cost_less(memory_kib: int, passes: int) -> None:
    said = "PASSWORD_MEMORY_KIB and PASSWORD_PASSES must be at least one of 47104 and 1, 19456 and 2, 12288 and 3, "
    with pytest.raises(ConfigurationError, match=said):
        with_password_cost(memory_kib, passes)


def test_each_lane_has_its_memory() -> None:
    assert with_password_cost(19_456, 2, 2_432).password_lanes == 2_432
    with pytest.raises(ConfigurationError, match="PASSWORD_LANES may be 2432 with a PASSWORD_MEMORY_KIB of 19456"):
        with_password_cost(19_456, 2, 2_433)


@pytest.mark.parametrize(
    "name",
    ["SESSION_IDLE_DAYS", "SESSION_MAX_DAYS", "AUDIT_RETENTION_DAYS", "JOB_RETENTION_DAYS", "DELIVERY_RETENTION_DAYS"],
)
def test_nothing_is_kept_for_longer_than_there_are_dates(name: str) -> None:
    assert getattr(Settings.from_env(environment(**{name: "36500"})), name.lower()) == 36_500
    with pytest.raises(ConfigurationError, match=f"^{name} may be at most 36500, not 36501$"):
        Settings.from_env(environment(**{name: "36501"}))


def test_no_token_may_hold_longer_than_a_key_is_kept() -> None:
    assert Settings.from_env(environment()).access_token_ttl_s == 900
    assert Settings.from_env(environment(ACCESS_TOKEN_TTL_S="3600")).access_token_ttl_s == 3600
    with pytest.raises(ConfigurationError, match=r"^ACCESS_TOKEN_TTL_S may be at most 3600, not 3601$"):
        Settings.from_env(environment(ACCESS_TOKEN_TTL_S="3601"))


NEW = {
    "WEBHOOKS_TABLE",
    "DELIVERIES_TABLE",
    "SCHEDULES_TABLE",
    "STATISTICS_TABLE",
    "PAUSES_TABLE",
    "DELIVERIES_QUEUE_URL",
    "INTAKE_QUEUE_URL",
    "INTAKE_REFUSED_QUEUE_URL",
    "RELAY_FAILURES_QUEUE_URL",
    "EVENT_BUS_NAME",
    "DELIVERY_RETENTION_DAYS",
    "INTAKES_PER_MINUTE",
}
"""Settings that the release before does not have, so that while it is updated they may be absent."""


def test_nothing_has_a_silent_default() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env({})
    optional = {"LOG_LEVEL", "JOBS_STREAM_ARN", "CORS_ALLOWED_ORIGINS", "WEBHOOKS_TO_ANYWHERE", *NEW}
    assert str(wrong.value).count("is not set") == len(set(environment()) - optional)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", set()),
        ("*", {"*"}),
        ("https://app.example.com", {"https://app.example.com"}),
        ("https://a.example, https://b.example:8443", {"https://a.example", "https://b.example:8443"}),
        ("http://localhost:5173,http://127.0.0.1:3000,http://[::1]:3000,https://[2001:db8::1]", None),
        ("https://xn--bcher-kva.example,https://my-app.example,http://localhost", None),
    ],
)
def test_the_origins_that_may_read_answers_are_those_that_are_listed(text: str, origins: set[str] | None) -> None:
    read = Settings.from_env(environment(CORS_ALLOWED_ORIGINS=text)).cors_allowed_origins
    assert read == (set(text.split(",")) if origins is None else origins)


def test_no_origin_may_read_answers_by_default() -> None:
    shipped = environment()
    assert shipped.pop("CORS_ALLOWED_ORIGINS") == ""
    assert Settings.from_env(shipped).cors_allowed_origins == frozenset()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("https://a.example,*", "must not have *: * stands alone"),
        ("*,*", "must not have *: * stands alone"),
        ("null", "must not have null: every page without an origin of its own is null"),
        ("https://a.example,", "must not have an empty part: an origin is like https://app.example.com"),
        ("https://a.example:443", "must not have https://a.example:443: browsers leave the default port out"),
        ("http://localhost:80", "must not have http://localhost:80: browsers leave the default port out"),
        ("http://a.example", "must not have http://a.example: what is sent over http can be altered"),
        *(
            (wrong, f"must not have {wrong}: an origin is like https://app.example.com, in lower case")
            for wrong in (
                "https://a.example/",
                "https://a.example/app",
                "https://*.example",
                "https://A.example",
                "a.example",
                "https://",
                "https://user@a.example",
                "https://a.example:0",
                "https://a.example:x",
                "ftp://a.example",
                "https://a.example https://b.example",
                "https://a.example\r\nX: y",
                "https://b\u00fccher.example",
            )
        ),
    ],
)
def test_what_no_browser_sends_as_its_origin_is_refused_with_the_reason(text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env(environment(CORS_ALLOWED_ORIGINS=text))
    assert str(wrong.value).startswith(f"CORS_ALLOWED_ORIGINS {fault}")

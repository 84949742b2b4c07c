"""
Settings, from the environment: the one description of every variable the services are built from.

``LOG_LEVEL`` is not among them: ``app.py`` reads it before anything else, so that a wrong setting can be logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from chalicelib.domain.jobs import JobLimits
from chalicelib.domain.rate_limits import Limit

ITEM_MAX_BYTES = 400 * 1024
"""What DynamoDB lets one item have, names of attributes included."""

ITEM_REST_BYTES = 64 * 1024
"""Room for all of a job but its data and its result: above all a full event log, tags, and metadata."""


READ_BLOCK = 10
"""Permits to read that a container takes at once; it brings a read's share of the limiter to a tenth of a call."""

DIGITS_MAX = 15
"""Digits of a number: as many as one in a header may have (RFC 9651, section 3.3.1)."""


class ConfigurationError(Exception):
    """The environment is not complete or not right; the message names every variable at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What differs between deployments. Each field is read from the variable of its name in capitals.

    Names of tables, queue and parameter are set by the template; the numbers by ``.chalice/config.json``.
    ``body_max_bytes`` bounds a request's body and, as stored, a job's data. ``partial_batch_responses``, the only one
    that may be absent and is then false, says what the event source mappings were made with; see `chalicelib.consumer`.
    """

    token_issuer: str
    users_table: str
    jobs_table: str
    limits_table: str
    idempotency_table: str
    jobs_queue_url: str
    signing_key_parameter: str
    access_token_ttl_s: int
    submits_per_minute: int
    reads_per_minute: int
    sign_ins_per_minute: int
    job_lease_margin_s: int
    job_resend_s: int
    job_retention_days: int
    job_memory_max_mb: int
    body_max_bytes: int
    job_result_max_bytes: int
    partial_batch_responses: bool

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """
        Read every setting.

        Raises:
            ConfigurationError: Some are missing, empty, or not a whole number above zero of at most `DIGITS_MAX`
                digits, and each of these is named; or a job of the largest size would not fit its item.
        """
        values: dict[str, str | int | bool] = {}
        wrong: list[str] = []
        for field in fields(cls):
            name = field.name.upper()
            text = env.get(name, "")
            if field.type is bool:
                values[field.name] = text == "true"
                if text not in {"", "true", "false"}:
                    wrong.append(f"{name} must be true or false, not {text}")
            elif not text:
                wrong.append(f"{name} is not set")
            elif field.type is not int:
                values[field.name] = text
            elif text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX and int(text) > 0:
                values[field.name] = int(text)
            else:
                wrong.append(f"{name} must be a whole number above zero, of at most {DIGITS_MAX} digits, not {text}")
        if wrong:
            raise ConfigurationError("; ".join(wrong))
        settings = cls(**values)  # type: ignore[arg-type]
        largest = settings.body_max_bytes + settings.job_result_max_bytes + ITEM_REST_BYTES
        if largest > ITEM_MAX_BYTES:
            message = f"BODY_MAX_BYTES and JOB_RESULT_MAX_BYTES may be {ITEM_MAX_BYTES - ITEM_REST_BYTES} together"
            raise ConfigurationError(message)
        return settings

    @property
    def submit_limit(self) -> Limit:
        """How often a user may submit jobs."""
        return Limit(name="submit", quota=self.submits_per_minute, window=timedelta(minutes=1))

    @property
    def read_limit(self) -> Limit:
        """How often a user may read jobs."""
        return Limit(
            name="read",
            quota=self.reads_per_minute,
            window=timedelta(minutes=1),
            block=READ_BLOCK,
            admits_uncounted=True,
        )

    @property
    def sign_in_limit(self) -> Limit:
        """How often anybody may try to sign in as a user."""
        return Limit(name="sign-in", quota=self.sign_ins_per_minute, window=timedelta(minutes=1))

    @property
    def job_limits(self) -> JobLimits:
        """Bounds of every job."""
        return JobLimits(
            lease_margin=timedelta(seconds=self.job_lease_margin_s),
            resend_after=timedelta(seconds=self.job_resend_s),
            retention=timedelta(days=self.job_retention_days),
            data_max_bytes=self.body_max_bytes,
        )

"""Settings, from the environment: the one description of every variable the functions read."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from chalicelib.domain.jobs import JobLimits
from chalicelib.domain.rate_limits import Limit


class ConfigurationError(Exception):
    """The environment is not complete or not right; the message names every variable at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What differs between deployments. Each field is read from the variable of its name in capitals.

    Names of tables, queue and parameter are set by the template; the numbers by ``.chalice/config.json``.
    """

    token_issuer: str
    users_table: str
    jobs_table: str
    limits_table: str
    jobs_queue_url: str
    signing_key_parameter: str
    log_level: str
    access_token_ttl_s: int
    submits_per_minute: int
    reads_per_minute: int
    job_max_attempts: int
    job_lease_s: int
    job_retention_days: int
    job_data_max_bytes: int
    job_result_max_bytes: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """
        Read every setting.

        Raises:
            ConfigurationError: Some are missing, empty, or not a whole number above zero; all are named.
        """
        values: dict[str, str | int] = {}
        wrong: list[str] = []
        for field in fields(cls):
            name = field.name.upper()
            text = env.get(name, "")
            if not text:
                wrong.append(f"{name} is not set")
            elif field.type is not int and field.type != "int":
                values[field.name] = text
            elif text.isascii() and text.isdigit() and int(text) > 0:
                values[field.name] = int(text)
            else:
                wrong.append(f"{name} must be a whole number above zero, not {text}")
        if wrong:
            raise ConfigurationError("; ".join(wrong))
        return cls(**values)  # type: ignore[arg-type]

    @property
    def submit_limit(self) -> Limit:
        """How often a user may submit jobs."""
        return Limit(name="submit", quota=self.submits_per_minute, window=timedelta(minutes=1))

    @property
    def read_limit(self) -> Limit:
        """How often a user may read jobs."""
        return Limit(name="read", quota=self.reads_per_minute, window=timedelta(minutes=1))

    @property
    def job_limits(self) -> JobLimits:
        """Bounds of every job."""
        return JobLimits(
            max_attempts=self.job_max_attempts,
            lease=timedelta(seconds=self.job_lease_s),
            retention=timedelta(days=self.job_retention_days),
            data_max_bytes=self.job_data_max_bytes,
            result_max_bytes=self.job_result_max_bytes,
        )

"""
Settings, from the environment: the one description of every variable the services are built from.

``LOG_LEVEL`` is not among them: ``app.py`` reads it before anything else, so that a wrong setting can be logged.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta

from chalicelib.domain.jobs import JobLimits
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.tokens import ACCESS_TOKEN_TTL_MAX, SessionLimits

ITEM_MAX_BYTES = 400 * 1024
"""What DynamoDB lets one item have, names of attributes included."""

ITEM_REST_BYTES = 64 * 1024
"""Room for all of a job but its data and its result: above all a full event log, tags, and metadata."""


READ_BLOCK = 10
"""Permits to read that a container takes at once; it brings a read's share of the limiter to a tenth of a call."""

DIGITS_MAX = 15
"""Digits of a number: as many as one in a header may have (RFC 9651, section 3.3.1)."""

PASSWORD_COST_MINIMA = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5))
"""
KiB of memory and passes of argon2id, equally good; a password's hash takes as much of both as one of them, or more.

Source: the OWASP Password Storage Cheat Sheet.
"""

DAYS_MAX = 36_500
"""Of whatever is kept for days: a century on, there is still a date for its end, which Python has only to 9999."""

LANE_KIB = 8
"""Memory that argon2 needs for each lane (RFC 9106, section 3.1)."""


DAYS = (
    "session_idle_days",
    "session_max_days",
    "audit_retention_days",
    "job_retention_days",
    "delivery_retention_days",
)

ANY_ORIGIN = "*"
"""Stands for all origins in ``CORS_ALLOWED_ORIGINS``."""

ORIGIN = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?")
"""As a browser sends one (RFC 6454 section 6.2): lower case, without a path."""

DEFAULT_PORTS = {"http": "80", "https": "443"}
THIS_MACHINE = {"localhost", "127.0.0.1", "[::1]"}


class ConfigurationError(Exception):
    """The environment is not complete or not right; the message names every variable at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What differs between deployments. Each field is read from the variable of its name in capitals.

    Names of tables, queue and parameter are set by the template; the numbers by ``.chalice/config.json``.
    ``body_max_bytes`` bounds a request's body and, as stored, a job's data. Three may be absent:
    ``partial_batch_responses``, which is then false, says what the event source mappings were made with; see
    `chalicelib.batches`. ``cors_allowed_origins``, then empty, are the origins whose pages may read answers, or
    `ANY_ORIGIN` alone. ``webhooks_to_anywhere``, then false, lets webhooks have ``http``, any port, and addresses that
    are not public; for a laptop only.

    An update changes a function's code and its environment one after the other, so for a moment the code of one version
    has the settings of the other. A setting that is new may therefore be absent, with a default, for one release; and
    one that no code reads any more stays in the template for one. A new name for a setting is both.
    """

    stack_name: str
    users_table: str
    jobs_table: str
    limits_table: str
    idempotency_table: str
    credentials_table: str
    audit_table: str
    jobs_queue_url: str
    erasures_queue_url: str
    signing_keys_parameter: str
    access_token_ttl_s: int
    session_idle_days: int
    session_max_days: int
    audit_retention_days: int
    submits_per_minute: int
    reads_per_minute: int
    sign_ins_per_hour: int
    sign_ins_per_hour_from_address: int
    registrations_per_hour_from_address: int
    password_memory_kib: int
    password_passes: int
    password_lanes: int
    job_lease_margin_s: int
    job_resend_s: int
    job_retention_days: int
    job_memory_max_mb: int
    body_max_bytes: int
    job_result_max_bytes: int
    partial_batch_responses: bool
    cors_allowed_origins: frozenset[str]
    webhooks_to_anywhere: bool
    webhooks_table: str = ""
    deliveries_table: str = ""
    schedules_table: str = ""
    statistics_table: str = ""
    pauses_table: str = ""
    deliveries_queue_url: str = ""
    intake_queue_url: str = ""
    intake_refused_queue_url: str = ""
    relay_failures_queue_url: str = ""
    event_bus_name: str = ""
    delivery_retention_days: int = 14
    intakes_per_minute: int = 120

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """
        Read every setting.

        Raises:
            ConfigurationError: Some are missing, empty, or not a whole number above zero of at most `DIGITS_MAX`
                digits, or no origins, and each of these is named; or they do not go together, as `_faults` says.
        """
        wrong: list[str] = []
        values = {
            field.name: _value(field.type, field.name.upper(), env.get(field.name.upper(), ""), wrong)
            for field in fields(cls)
            if field.default is MISSING or field.name.upper() in env
        }
        if wrong:
            raise ConfigurationError("; ".join(wrong))
        settings = cls(**values)  # type: ignore[arg-type]
        if faults := [*settings._faults()]:
            raise ConfigurationError("; ".join(faults))
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
        """How often anybody may try to sign in as a user; see `chalicelib.domain.users.sign_in_holder`."""
        return Limit(name="sign-in", quota=self.sign_ins_per_hour, window=timedelta(hours=1))

    @property
    def sign_in_address_limit(self) -> Limit:
        """How often anybody may try to sign in from an address, as whoever it be."""
        return Limit(name="sign-in-address", quota=self.sign_ins_per_hour_from_address, window=timedelta(hours=1))

    @property
    def registration_limit(self) -> Limit:
        """How many accounts may be made from an address."""
        return Limit(name="register", quota=self.registrations_per_hour_from_address, window=timedelta(hours=1))

    @property
    def intake_limit(self) -> Limit:
        """How many jobs of a user may come from AWS's messages."""
        return Limit(name="intake", quota=self.intakes_per_minute, window=timedelta(minutes=1))

    @property
    def session_limits(self) -> SessionLimits:
        """Bounds of every session."""
        return SessionLimits(
            token_ttl=timedelta(seconds=self.access_token_ttl_s),
            idle=timedelta(days=self.session_idle_days),
            longest=timedelta(days=self.session_max_days),
        )

    @property
    def job_limits(self) -> JobLimits:
        """Bounds of every job."""
        return JobLimits(
            lease_margin=timedelta(seconds=self.job_lease_margin_s),
            resend_after=timedelta(seconds=self.job_resend_s),
            retention=timedelta(days=self.job_retention_days),
            data_max_bytes=self.body_max_bytes,
        )

    def _faults(self) -> Iterator[str]:
        """Yield what is wrong with settings that are right one by one."""
        ttl_max_s = ACCESS_TOKEN_TTL_MAX // timedelta(seconds=1)
        if self.access_token_ttl_s > ttl_max_s:
            yield f"ACCESS_TOKEN_TTL_S may be at most {ttl_max_s}, not {self.access_token_ttl_s}"
        if self.body_max_bytes + self.job_result_max_bytes + ITEM_REST_BYTES > ITEM_MAX_BYTES:
            yield f"BODY_MAX_BYTES and JOB_RESULT_MAX_BYTES may be {ITEM_MAX_BYTES - ITEM_REST_BYTES} together"
        for name in DAYS:
            if (days := getattr(self, name)) > DAYS_MAX:
                yield f"{name.upper()} may be at most {DAYS_MAX}, not {days}"
        memory_kib, passes = self.password_memory_kib, self.password_passes
        if not any(memory_kib >= least_kib and passes >= least for least_kib, least in PASSWORD_COST_MINIMA):
            minima = ", ".join(f"{least_kib} and {least}" for least_kib, least in PASSWORD_COST_MINIMA)
            yield f"PASSWORD_MEMORY_KIB and PASSWORD_PASSES must be at least one of {minima}"
        if memory_kib < LANE_KIB * self.password_lanes:
            yield f"PASSWORD_LANES may be {memory_kib // LANE_KIB} with a PASSWORD_MEMORY_KIB of {memory_kib}"


def _value(kind: object, name: str, text: str, wrong: list[str]) -> str | int | bool | frozenset[str]:
    """Return a setting from its text; what is wrong with that is added to ``wrong``."""
    if kind is bool:
        if text not in {"", "true", "false"}:
            wrong.append(f"{name} must be true or false, not {text}")
        return text == "true"
    if kind == frozenset[str]:
        origins = [each.strip() for each in text.split(",")] if text else []
        wrong += [f"{name} must not have {each or 'an empty part'}: {fault}" for each, fault in _unfit(origins)]
        return frozenset(origins)
    if not text:
        wrong.append(f"{name} is not set")
    elif kind is int:
        if text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX and int(text) > 0:
            return int(text)
        wrong.append(f"{name} must be a whole number above zero, of at most {DIGITS_MAX} digits, not {text}")
    return text


def _unfit(origins: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each that no browser would ever send, or that must not be trusted, and why."""
    for origin in origins:
        if fault := "" if origins == [ANY_ORIGIN] else _fault(origin):
            yield origin, fault


def _fault(origin: str) -> str:
    if origin == ANY_ORIGIN:
        return "* stands alone"
    if origin == "null":
        return "every page without an origin of its own is null"
    parts = ORIGIN.fullmatch(origin)
    if parts is None:
        return "an origin is like https://app.example.com, in lower case and without a path"
    scheme, host, port = parts.groups()
    if port == DEFAULT_PORTS[scheme]:
        return "browsers leave the default port out"
    if scheme == "http" and host not in THIS_MACHINE:
        return "what is sent over http can be altered on its way; only localhost may have it"
    return ""

"""One deployment as the limits that it has: AWS's defaults and the product's settings, any of which can be raised."""

import math
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from benchmarks.model.aws import Facts
from benchmarks.model.product import Product, Settings
from chalicelib.domain.rate_limits import Limit as Quota

UNBOUNDED = math.inf


class Limit(StrEnum):
    """The limits, as the page calls them, in the order in which a job comes to them."""

    STAGE_THROTTLE = "requests a second of the stage"
    ACCOUNT_THROTTLE = "requests a second of the account (API Gateway)"
    RING_READS = "reads of the key ring by new containers (Parameter Store)"
    ENVIRONMENTS = "new containers a second (Lambda)"
    CONCURRENCY = "concurrent functions of the account (Lambda)"
    INVOCATIONS = "invocations a second of the account (Lambda)"
    USER_QUOTA = "submissions a minute of each user"
    LIMITS_KEY = "writes to one user's row of limits"
    LIMITS_TABLE = "the limits table's write units"
    OWNER_KEY = "writes to one owner's jobs (one partition)"
    JOBS_TABLE = "the jobs table's write units"
    DUE_INDEX = "the index's write units (`due`)"
    DUE_SHARDS = "shards of the index `due`"
    POLLERS = "how fast the queue's mapping grows"
    CONSUMERS = "consumers at once (`maximum_concurrency`)"
    MAPPING = "the most that a mapping runs at once"
    IN_FLIGHT = "messages in flight (SQS)"
    STREAM = "batches relayed at once for each shard of the stream"
    PUT_EVENTS = "calls of PutEvents (EventBridge)"
    STATISTICS_KEY = "writes to one day of the statistics"


DELAY_EVENTS = frozenset({Limit.STREAM, Limit.PUT_EVENTS, Limit.STATISTICS_KEY})
"""They delay events, or lose counts, and no job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """
    All limits, a second where nothing else is said.

    A ``..._units`` is what a table or index takes from the beginning; it grows with its peaks, up to ``quota_units``.
    ``is_fair`` says whether messages have their owner as group.
    """

    stage_requests: float
    stage_burst: float
    account_requests: float
    account_burst: float
    ring_reads: float
    environments: float
    environments_burst: float
    concurrency: float
    invocations_per_concurrency: float
    submit_limit: Quota
    limits_units: float
    jobs_units: float
    due_units: float
    quota_units: float
    key_units: float
    peak_factor: float
    peak_after_s: float
    due_shards: float
    pollers_first: float
    pollers: float
    consumers: float
    mapping: float
    in_flight: float
    noisy_share: float
    noisy_in_flight: float
    noisy_recent_s: float
    put_events: float
    statistics_keys: float
    stream_polls: float
    is_fair: bool = True

    def raised(self, **changed: float | bool) -> "Deployment":
        """Return it with some limits changed; ``submits_per_minute`` is the users' quota."""
        quota = changed.pop("submits_per_minute", None)
        if quota is not None:
            changed_limit = replace(self.submit_limit, quota=int(quota))
            return replace(self, submit_limit=changed_limit, **changed)  # type: ignore[arg-type]
        return replace(self, **changed)  # type: ignore[arg-type]


def deployed(facts: Facts, product: Product, settings: Settings) -> Deployment:
    """Return a stage as it is when it has just been deployed into an account with AWS's default quotas."""
    return Deployment(
        stage_requests=settings.stage_requests_per_s,
        stage_burst=settings.stage_requests_burst,
        account_requests=facts["account_requests_per_s"],
        account_burst=facts["account_requests_burst"],
        ring_reads=facts["ring_reads_per_s"],
        environments=facts["environments_per_s"],
        environments_burst=facts["environments_burst"],
        concurrency=facts["account_concurrency"],
        invocations_per_concurrency=facts["invocations_per_concurrency"],
        submit_limit=settings.submit_limit,
        limits_units=facts["new_table_write_units"],
        jobs_units=facts["new_table_write_units"],
        due_units=facts["new_table_write_units"],
        quota_units=facts["table_write_units_quota"],
        key_units=facts["partition_write_units"],
        peak_factor=facts["peak_factor"],
        peak_after_s=facts["peak_after_s"],
        due_shards=product.due_shards,
        pollers_first=facts["pollers_first"],
        pollers=facts["pollers_per_minute"] / 60,
        consumers=settings.consumers_max,
        mapping=facts["mapping_concurrency_max"],
        in_flight=facts["in_flight_max"],
        noisy_share=facts["noisy_share"],
        noisy_in_flight=facts["noisy_in_flight_min"],
        noisy_recent_s=facts["noisy_recent_s"],
        put_events=facts["put_events_per_s"],
        statistics_keys=1,
        stream_polls=facts["stream_polls_per_s"],
    )


def unbounded(given: Deployment) -> Deployment:
    """Return a deployment without any limit, from which one with a single limit can be made."""
    apart = {"submit_limit", "invocations_per_concurrency", "peak_factor", "peak_after_s", "stream_polls", "is_fair"}
    names = [each.name for each in fields(given) if each.name not in apart and not each.name.startswith("noisy_")]
    return given.raised(**dict.fromkeys(names, UNBOUNDED), submits_per_minute=10**15)

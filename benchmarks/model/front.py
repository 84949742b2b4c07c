"""The way in: the gateway's throttles, the API's invocations, and the users' quotas."""

import math

from benchmarks.model.book import Book, Step
from benchmarks.model.capacity import CLOSE, Bucket, Window, tightest
from benchmarks.model.deployment import Deployment, Limit
from benchmarks.model.loads import Load
from benchmarks.model.product import Product


class Front:
    """What lets requests in; all lists are of jobs by group."""

    def __init__(self, load: Load, limits: Deployment, product: Product, book: Book) -> None:
        self._load, self._limits, self._product, self._book = load, limits, product, book
        self._stage = Bucket(limits.stage_requests, limits.stage_burst)
        self._account = Bucket(limits.account_requests, limits.account_burst)
        self._windows = [Window(limits.submit_limit, group.users, load.jobs_per_request) for group in load.groups]

    def asked(self, waiting: list[float], step: Step) -> list[float]:
        """Return what is asked for now: who insists and was refused by the quota waits as long as the answer says."""
        asked = []
        for group, jobs, window in zip(self._load.groups, waiting, self._windows, strict=True):
            room = max(0.0, window.room(step.at_s)) if group.insists else math.inf
            if jobs - room > CLOSE:
                self._book.held.waits(Limit.USER_QUOTA, jobs - room, at=step.at_s, seconds=step.seconds)
            asked.append(min(jobs, room))
        return asked

    def through_gateway(self, asked: list[float], step: Step) -> list[float]:
        """Return what the gateway lets through, with no regard to whose it is."""
        each = self._load.jobs_per_request
        stage, account = self._stage.room(step.seconds), self._account.room(step.seconds)
        requests, limit = tightest(
            math.fsum(asked) / each, (Limit.STAGE_THROTTLE, stage), (Limit.ACCOUNT_THROTTLE, account)
        )
        self._stage.take(requests, step.seconds)
        self._account.take(requests, step.seconds)
        self._book.share(Limit.STAGE_THROTTLE, requests, self._limits.stage_requests * step.seconds)
        self._book.share(Limit.ACCOUNT_THROTTLE, requests, self._limits.account_requests * step.seconds)
        return self._book.passing(asked, requests * each, limit)

    def through_api(self, asked: list[float], running: float, limited_by: Limit | None, step: Step) -> list[float]:
        """Return what so many invocations answer and the quotas admit; ``limited_by`` is why no more are running."""
        each, product, book = self._load.jobs_per_request, self._product, self._book
        wanted = math.fsum(asked) / each
        by_time = running * step.seconds / product.submit_s(each) if limited_by else math.inf
        a_second = self._limits.concurrency * self._limits.invocations_per_concurrency
        requests, limit = tightest(
            wanted, (limited_by or Limit.CONCURRENCY, by_time), (Limit.INVOCATIONS, a_second * step.seconds)
        )
        book.share(Limit.INVOCATIONS, requests / step.seconds, a_second)
        asked = book.passing(asked, requests * each, limit)
        within = [
            min(jobs, max(0.0, window.room(step.at_s))) for jobs, window in zip(asked, self._windows, strict=True)
        ]
        over = math.fsum(asked) - math.fsum(within)
        book.stop(over, Limit.USER_QUOTA)
        # Each container remembers a spent quota, and there may be many: as if each refusal took a write.
        book.used.invoked("api_handler", over / each, calls=1)
        book.used.unit("dynamodb_write_units", over / each)
        book.used.invoked("api_handler", requests - over / each, calls=product.submit_calls(each))
        book.used.unit("api_requests", requests)
        return within

    def count(self, accepted: list[float], step: Step) -> None:
        """Count what was accepted in the users' windows."""
        for window, jobs in zip(self._windows, accepted, strict=True):
            window.take(step.at_s, jobs)

"""
The deployed service in steps of a second or ten: from callers through gateway, API and queue to consumers and relay.

Jobs are a fluid, in cohorts by when they were wanted; nothing is random. Within a step everything flows on, so a
latency is a number of whole steps and what the invocations take. What does not pass a limit waits: before the gateway
if its callers insist, else it is refused; in the queue if it has been accepted.
"""

import math
from collections import Counter

from benchmarks.model.book import Book, Step
from benchmarks.model.capacity import CLOSE
from benchmarks.model.deployment import Deployment, Limit
from benchmarks.model.front import Front
from benchmarks.model.functions import API, CONSUME, RELAY, Functions, Running
from benchmarks.model.loads import Load
from benchmarks.model.outcome import Outcome, Sample
from benchmarks.model.product import CALLS_TO_RUN, CHANGES, CLAIM_UNITS, LOOK_UNITS, Product
from benchmarks.model.queue import Line, delivered
from benchmarks.model.relay import Relay
from benchmarks.model.store import Store


def run(load: Load, deployment: Deployment, product: Product) -> Outcome:
    """Let a deployment have a load; return what came of it."""
    service = _Service(load, deployment, product)
    for at_s, seconds in load.steps():
        service.pass_step(Step(at_s, seconds))
        if at_s + seconds >= load.asked_until_s and service.is_done:
            break
    return service.outcome()


class _Service:
    def __init__(self, load: Load, limits: Deployment, product: Product) -> None:
        self._load, self._limits, self._product = load, limits, product
        self._book = Book()
        self._front = Front(load, limits, product, self._book)
        self._functions = Functions(limits, product, self._book)
        self._store = Store(load, limits, product, self._book)
        self._relay = Relay(load, limits, product, self._book)
        self._callers = [Line() for _ in load.groups]
        self._queue = [Line() for _ in load.groups]
        self._in_flight = [0.0] * len(load.groups)
        self._recent = [0.0] * len(load.groups)
        names = [group.name for group in load.groups]
        self._wanted, self._refused = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
        self._latencies: dict[str, Counter[float]] = {name: Counter() for name in names}
        self._new_latencies: dict[str, list[tuple[float, float]]] = {}
        self._ended = self._ended_at_s = 0.0
        self._samples: list[Sample] = []

    @property
    def is_done(self) -> bool:
        """Whether nothing waits any more."""
        return _waiting(self._callers) < CLOSE and _waiting(self._queue) < CLOSE and self._relay.waiting < 1

    def pass_step(self, step: Step) -> None:
        """Let one step pass."""
        for group, line in zip(self._load.groups, self._callers, strict=True):
            jobs = group.wanted(step.at_s, step.at_s + step.seconds)
            self._wanted[group.name] += jobs
            line.add(step.at_s, jobs)
        asked = self._front.asked([line.waiting for line in self._callers], step)
        asked = self._front.through_gateway(asked, step)
        running = self._functions.run(self._functions_wanted(asked, step), step)
        asked = self._front.through_api(asked, running.number[API], running.why.get(API), step)
        asked = self._store.within_limits_table(asked, step)
        accepted, ended = self._run_jobs(asked, running, step)
        self._relay.tell(accepted + (CHANGES - 1) * ended, running.number[RELAY], self._store.shards(step), step)
        self._refuse(step)
        self._sweep(step)
        self._sample(accepted, ended, running.number[CONSUME], step)

    def _functions_wanted(self, asked: list[float], step: Step) -> dict[str, float]:
        product, each = self._product, self._load.jobs_per_request
        new = math.fsum(asked)
        backlog = _waiting(self._queue) + new
        consumers = backlog * product.full_batch_s / product.batch / step.seconds
        # No more end than the mapping lets run; guessed by its settings, as what it runs is not decided yet.
        ends = min(backlog, min(self._limits.consumers, self._limits.mapping) * step.seconds / product.run_s)
        return {
            API: new / each * product.submit_s(each) / step.seconds,
            CONSUME: consumers,
            RELAY: self._relay.wanted(new + (CHANGES - 1) * ends, self._store.shards(step), step),
        }

    def _run_jobs(self, asked: list[float], running: Running, step: Step) -> tuple[float, float]:
        """Accept what is asked for and run what waits, as far as the tables go; return how many of either."""
        product, each = self._product, self._load.jobs_per_request
        waiting = [line.waiting + jobs for line, jobs in zip(self._queue, asked, strict=True)]
        most = running.number[CONSUME] * product.batch / product.full_batch_s * step.seconds + CLOSE
        to_run = delivered(waiting, self._noisy(), most)
        accepted, ended, limit = self._store.written(asked, to_run, step)
        if limit is not None:
            self._book.stop(math.fsum(asked) - math.fsum(accepted), limit)
        is_backlog = math.fsum(waiting) - math.fsum(ended) > 1
        self._front.count(accepted, step)
        self._move(accepted, ended, step)
        if math.fsum(to_run) - math.fsum(ended) <= CLOSE:
            limit = running.why.get(CONSUME, Limit.POLLERS)
        if is_backlog and limit is not None:
            self._book.held.waits(limit, _waiting(self._queue), at=step.at_s, seconds=step.seconds)
        whole = math.fsum(ended)
        in_flight = running.number[CONSUME] * product.batch
        self._in_flight = [jobs / whole * in_flight if whole > CLOSE else 0.0 for jobs in ended]
        kept = math.exp(-step.seconds / self._limits.noisy_recent_s)
        self._recent = [before * kept + jobs for before, jobs in zip(self._recent, ended, strict=True)]
        self._use(math.fsum(accepted), whole, product.batch if is_backlog else 1, each)
        return math.fsum(accepted), whole

    def _move(self, accepted: list[float], ended: list[float], step: Step) -> None:
        product = self._product
        at_once = product.submit_s(self._load.jobs_per_request) + product.invocation_s + product.run_s
        for place, group in enumerate(self._load.groups):
            for wanted_at, jobs in self._callers[place].take(accepted[place]):
                self._queue[place].add(wanted_at, jobs)
            for wanted_at, jobs in self._queue[place].take(ended[place]):
                waited = step.at_s - wanted_at
                latency = at_once if waited <= 0 else waited + product.full_batch_s
                self._latencies[group.name][latency] += jobs  # type: ignore[assignment] # jobs are a fluid
                self._new_latencies.setdefault(group.name, []).append((latency, jobs))
        self._ended += math.fsum(ended)
        if math.fsum(ended) > CLOSE:
            self._ended_at_s = step.at_s + step.seconds

    def _noisy(self) -> list[bool]:
        """Tell which groups are of users whose messages SQS delivers after those of the others."""
        if not self._limits.is_fair:
            return [False] * len(self._in_flight)
        least, share = self._limits.noisy_in_flight, self._limits.noisy_share
        now, recent = self._shares_of_one(self._in_flight), self._shares_of_one(self._recent)
        in_flight = [jobs / group.users for jobs, group in zip(self._in_flight, self._load.groups, strict=True)]
        return [
            (number >= least and of_now > share) or of_recent > share
            for number, of_now, of_recent in zip(in_flight, now, recent, strict=True)
        ]

    def _shares_of_one(self, jobs: list[float]) -> list[float]:
        """Return which share of all jobs are those of one user, in each group."""
        whole = math.fsum(jobs)
        return [
            each / whole / group.users if whole > CLOSE else 0.0
            for each, group in zip(jobs, self._load.groups, strict=True)
        ]

    def _use(self, accepted: float, ended: float, batch: float, each: int) -> None:
        used = self._book.used
        used.invoked(CONSUME, ended / batch)
        used.calls[CONSUME] += ended * CALLS_TO_RUN  # type: ignore[assignment]
        used.jobs_run += ended
        messages = accepted / each * self._product.message_calls(each) + 2 * ended / batch
        used.unit("sqs_requests", messages)
        used.unit("sqs_fair_requests", messages)

    def _refuse(self, step: Step) -> None:
        """Let go of the jobs that were stopped and whose callers do not insist."""
        waiting = _waiting(self._callers)
        leave = math.fsum(
            line.waiting for line, group in zip(self._callers, self._load.groups, strict=True) if not group.insists
        )
        share = leave / waiting if waiting > CLOSE else 0.0
        held = self._book.held
        for limit, jobs in self._book.stops.items():
            held.waits(limit, jobs * (1 - share), at=step.at_s, seconds=step.seconds)
            held.refuses(limit, jobs * share, at=step.at_s, until=self._load.horizon_s)
        self._book.stops.clear()
        for group, line in zip(self._load.groups, self._callers, strict=True):
            if not group.insists:
                self._refused[group.name] += math.fsum(jobs for _, jobs in line.take(line.waiting))

    def _sweep(self, step: Step) -> None:
        """Send again what has waited for long, which takes a look and a claim for nothing each time."""
        late = [line.waiting for line in self._queue if step.at_s - line.oldest > self._product.resend_after_s]
        looks = min(math.fsum(late), self._product.looks_a_minute) * step.seconds / 60
        used = self._book.used
        used.invoked("sweep", step.seconds / 60)
        used.unit("dynamodb_write_units", looks * (LOOK_UNITS + CLAIM_UNITS))
        used.unit("dynamodb_read_units", looks)
        used.unit("sqs_requests", looks)
        used.unit("sqs_fair_requests", looks)

    def _sample(self, accepted: float, ended: float, consumers: float, step: Step) -> None:
        latencies, self._new_latencies = self._new_latencies, {}
        self._samples.append(
            Sample(
                at_s=step.at_s + step.seconds,
                at_callers=_waiting(self._callers),
                in_queue=_waiting(self._queue),
                events_waiting=self._relay.waiting,
                accepted_per_s=accepted / step.seconds,
                ended_per_s=ended / step.seconds,
                consumers=consumers,
                latencies={name: tuple(each) for name, each in latencies.items()},
                used=self._book.used.copy(),
            )
        )

    def outcome(self) -> Outcome:
        """Return what came of it until now."""
        left = _waiting(self._callers) + _waiting(self._queue)
        return Outcome(
            wanted=math.fsum(self._wanted.values()),
            ended=self._ended,
            refused=math.fsum(self._refused.values()),
            at_callers=_waiting(self._callers),
            in_queue=_waiting(self._queue),
            done_at_s=self._ended_at_s if left < 1 else None,
            latencies={name: tuple(counter.items()) for name, counter in self._latencies.items()},
            wanted_by=self._wanted,
            refused_by=self._refused,
            samples=tuple(self._samples),
            book=self._book,
        )


def _waiting(lines: list[Line]) -> float:
    return math.fsum(line.waiting for line in lines)

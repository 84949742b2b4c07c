"""
The product in a process of its own, as a warm container: events into the handlers of ``app.py``, processor time out.

``python -m benchmarks.product_process URL`` calls AWS at that URL, a sink's. With ``-`` there are no calls: the
clients are objects that return at once, in this process, what the sink would have answered. What is left of the
processor time is the rest of the product's; the little that those objects do counts as the product's too.

Each event comes as the text that Lambda's runtime gets, and the answer is made text again: reading and writing them is
counted, as Lambda does it in the function's process. Put before and looked at after are not counted.
"""

import cProfile
import json
import os
import pstats
import resource
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import app
from benchmarks import processor_time
from benchmarks.aws_answers import JSON, KEYS, Answers
from benchmarks.lambda_context import LambdaContext
from benchmarks.sink import ask
from chalicelib import bootstrap
from chalicelib.adapters.aws_calls import operation_named
from chalicelib.adapters.dynamodb.account_items import to_credential_item
from chalicelib.adapters.signing_keys import to_text
from chalicelib.adapters.system import SystemClock
from tests.deployment import environment
from tests.events import api_event, sqs_event
from tests.factories import make_ring, make_session, make_token

DATA = [1, 2, 3]
RESULT = "SUCCESS 14"
NO_LIMIT = "1000000"
"""Submissions a minute: one user makes them all here, and each is counted as always."""

STACK_NAME = "job-backend-bench"
ONCE = {"GetParameter", "GetItem", "Query"}
"""Calls of a container, not of a job: the keys each five minutes, the session and the pauses each ten seconds."""

BUILT_IN = "~"
"""What a profile has for the file of a function that is not written in Python."""


class Untrue(Exception):
    """The product did not do what is measured; the message says what it did."""


class InstantClient:
    """A client of any service whose calls are answered in this process; see the module."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __getattr__(self, method: str) -> Callable[..., JSON]:
        """Return the method of that name, ``put_item`` or another; it is kept for the next time."""
        operation = operation_named(method)

        def call(**asked: Any) -> JSON:  # noqa: ANN401 - any member
            return self._answers.answer(operation, asked)

        setattr(self, method, call)
        return call


class InstantClients:
    """In the place of `chalicelib.adapters.aws.AwsClients`, with one client for all services."""

    answers = Answers()
    dynamodb = dynamodb_once = sqs = events = ssm = ssm_once = InstantClient(answers)


class Container:
    """The handlers of one warm container, and the user whose jobs they get."""

    def __init__(self, endpoint_url: str) -> None:
        """Call AWS at ``endpoint_url``, or not at all with an empty one."""
        at = SystemClock().now()
        ring = make_ring(at=at - timedelta(minutes=1))
        session = make_session(
            started_at=at, refreshed_at=at, expires_at=at + timedelta(days=7), ends_at=at + timedelta(days=30)
        )
        token = make_token(session, ring, issuer=STACK_NAME, at=at)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        body = json.dumps({"data": DATA, "operation": "square_sum"})
        self._submission = json.dumps(api_event("POST", "/jobs", body=body, headers=headers))
        self._endpoint_url = endpoint_url
        self._waiting: list[str] = []
        self._report(parameter=to_text(ring), rows=[("credentials", to_credential_item(session))])

    def submit(self, jobs: int) -> JSON:
        """
        Submit so many jobs; return the seconds of processor time.

        Raises:
            Untrue: One was not accepted, or it took other calls than the design allows.
        """
        began_s = _own_time_s()
        answers = [json.dumps(app.app(json.loads(self._submission), None)) for _ in range(jobs)]
        used_s = _own_time_s() - began_s
        for answer in map(json.loads, answers):
            if answer["statusCode"] != 202:  # noqa: PLR2004 - Accepted
                raise Untrue(answer)
        report = self._report()
        self._waiting += report["messages"]
        _check(report, {"UpdateItem": jobs, "PutItem": jobs, "SendMessage": jobs})
        return {"cpu_s": used_s}

    def consume(self, jobs: int, batch: int) -> JSON:
        """
        Deliver the messages of so many jobs, ``batch`` an event.

        Returns:
            The seconds of processor time of this process, and of the one that runs the operations.

        Raises:
            Untrue: A job is not done, its result is another, or it took other calls than the design allows.
        """
        bodies, self._waiting = self._waiting[:jobs], self._waiting[jobs:]
        events = [json.dumps(sqs_event(*bodies[begin : begin + batch])) for begin in range(0, len(bodies), batch)]
        operation_s, began_s = _operation_time_s(), _own_time_s()
        answers = [json.dumps(app.consume(json.loads(event), LambdaContext())) for event in events]
        used_s, operation_used_s = _own_time_s() - began_s, _operation_time_s() - operation_s
        for answer in map(json.loads, answers):
            if answer != {"batchItemFailures": []}:
                raise Untrue(answer)
        report = self._report()
        _check(report, {"UpdateItem": 2 * jobs})
        if report["jobs"].get(RESULT) != jobs:
            raise Untrue(report["jobs"])
        return {"cpu_s": used_s, "operation_cpu_s": operation_used_s}

    def share_of_ours(self, jobs: int) -> JSON:
        """
        Consume so many jobs under a profiler.

        Returns:
            Which part of the time is that of our own modules and of the built-in functions that they call. The rest is
            Chalice, logging, and more of the standard library; what the benchmark itself does is in neither.
        """
        # By processor time: by the wall's, waiting for the process that runs operations would count as ours.
        profile = cProfile.Profile(time.process_time)
        profile.runcall(self.consume, jobs, 1)
        functions: Any = vars(pstats.Stats(profile))["stats"]
        whole_s = ours_s = 0.0
        for (file, _, _), (_, _, own_s, _, callers) in functions.items():
            by_caller = [(caller, of_caller[2]) for (caller, _, _), of_caller in callers.items()]
            for of, took_s in by_caller if file == BUILT_IN else [(file, own_s)]:
                whole_s += 0 if is_the_benchmarks(of) else took_s
                ours_s += took_s if is_ours(of) else 0
        return {"share": ours_s / whole_s}

    def _report(self, **told: Any) -> Any:  # noqa: ANN401 - any JSON
        if self._endpoint_url:
            return ask(self._endpoint_url, **told)
        return InstantClients.answers.told(**told)


def is_ours(file: str) -> bool:
    """Tell whether a file is of the product's own code."""
    return file == app.__file__ or f"{os.sep}chalicelib{os.sep}" in file


def is_the_benchmarks(file: str) -> bool:
    """Tell whether a file is of what measures."""
    return f"{os.sep}benchmarks{os.sep}" in file or f"{os.sep}tests{os.sep}" in file


def _check(report: JSON, calls: dict[str, int]) -> None:
    counted = {name: number for name, number in report["calls"].items() if name not in ONCE}
    if counted != calls:
        message = f"the calls were {counted}, and are to be {calls}"
        raise Untrue(message)


def _own_time_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _operation_time_s() -> float:
    """Return the time of the process that runs operations; it lives on between jobs, so it is asked while it does."""
    return sum(processor_time.of_process(child) for child in processor_time.descendants(os.getpid()))


def _set_up(endpoint_url: str) -> None:
    """Give this process the environment of a function, as Lambda would."""
    os.environ.update(
        environment(
            STACK_NAME=STACK_NAME,
            SUBMITS_PER_MINUTE=NO_LIMIT,
            PARTIAL_BATCH_RESPONSES="true",
            AWS_ENDPOINT_URL=endpoint_url,
            AWS_DEFAULT_REGION="us-east-1",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the sink asks nobody who he is
            AWS_SESSION_TOKEN="x" * 700,
            **{f"{table.upper()}_TABLE": table for table in KEYS},
        )
    )
    app.services.cache_clear()
    if not endpoint_url:
        os.environ.pop("AWS_ENDPOINT_URL")
        vars(bootstrap)["AwsClients"] = InstantClients


def main(arguments: Sequence[str]) -> None:
    """Do what each line of standard input says, and answer with a line; end with it."""
    endpoint_url = arguments[0].removeprefix("-")
    _set_up(endpoint_url)
    container = Container(endpoint_url)
    for line in sys.stdin:
        match json.loads(line):
            case {"submit": jobs}:
                answer = container.submit(jobs)
            case {"consume": jobs, "batch": batch}:
                answer = container.consume(jobs, batch)
            case {"share_of_ours": jobs}:
                answer = container.share_of_ours(jobs)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

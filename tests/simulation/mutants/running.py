"""Mistakes in running jobs: execution and the consumer."""

from tests.simulation.mutants.mutant import CONSUMER, EXECUTION, Mutant
from tests.simulation.plan import NO_SWEEP

RUNNING = (
    # Execution.
    Mutant(
        "retry not written",
        "a failed attempt sends the message of the next one without giving the job back",
        EXECUTION,
        "        self._jobs.advance(job, waiting)\n",
        "",
    ),
    Mutant(
        "retry not sent",
        "a failed attempt gives the job back and sends no message",
        EXECUTION,
        "        dispatch(self._queue, waiting, at=act.at)\n",
        "",
    ),
    Mutant(
        "retry past the last attempt",
        "a failed attempt is followed by another, however many there were",
        EXECUTION,
        "if failure.is_final or job.attempt >= job.last_attempt:",
        "if failure.is_final:",
    ),
    Mutant(
        "final error retried",
        "an error after which another attempt is useless gets one",
        EXECUTION,
        "if failure.is_final or job.attempt >= job.last_attempt:",
        "if job.attempt >= job.last_attempt:",
    ),
    Mutant(
        "no error retried",
        "the first error ends the job",
        EXECUTION,
        "if failure.is_final or job.attempt >= job.last_attempt:",
        "if failure:",
    ),
    Mutant(
        "back-off by total attempt",
        "after a retry by hand the back-off goes on where the last set of attempts stopped",
        EXECUTION,
        "retry_delay(job.attempt_in_set,",
        "retry_delay(job.attempt,",
    ),
    Mutant(
        "exhausted job dropped",
        "a job that lost the consumer of its last attempt is left as it is",
        EXECUTION,
        "            return self._exhausted(job)\n",
        "            return Outcome.ALREADY_FINAL\n",
    ),
    Mutant(
        "rescuer ignores the attempt",
        "a job without attempts left is failed as it is by then, be it ended or begun anew meanwhile",
        EXECUTION,
        "return self._fail(job, JobError(code=JobErrorCode.ATTEMPTS_EXHAUSTED, detail=detail))",
        "job = self._jobs.get(job.key) or job\n"
        "            return self._fail(job, JobError(code=JobErrorCode.ATTEMPTS_EXHAUSTED, detail=detail))",
    ),
    Mutant(
        "held job failed",
        "a job is taken for exhausted while its last attempt runs",
        EXECUTION,
        "        if job.is_held(at):\n            return Outcome.HELD\n",
        "",
    ),
    Mutant(
        "refused finish becomes failure",
        "an attempt that lost the job fails it",
        EXECUTION,
        "            return Outcome.SUPERSEDED\n",
        "            current = self._jobs.get(job.key)\n"
        "            if current is None or current.is_final:\n"
        "                return Outcome.SUPERSEDED\n"
        '            return self._fail(current, JobError(code="LOST", detail="lost"))\n',
    ),
    Mutant(
        "result of another",
        "what is stored is not what the operation returned",
        EXECUTION,
        "job.finished(result, self._act())",
        "job.finished(job.data_json, self._act())",
    ),
    Mutant(
        "message without time let go",
        "a job for which the function had no time is forgotten",
        EXECUTION,
        "return self is not Outcome.TOO_LONG",
        "return True",
        NO_SWEEP,
    ),
    Mutant(
        "handed on to nobody",
        "the message that should follow the one at hand is not sent",
        EXECUTION,
        "        self._queue.send(job.key)\n",
        "",
        NO_SWEEP,
    ),
    Mutant(
        "final job breaks the consumer",
        "the message of a job that has ended makes the consumer fail, which it logs and swallows",
        EXECUTION,
        "        if job.is_final:\n            return Outcome.ALREADY_FINAL\n",
        "        if job.is_final:\n            raise ZeroDivisionError\n",
    ),
    Mutant(
        "gone job breaks the consumer",
        "the message of a job that is not kept any more makes the consumer fail",
        EXECUTION,
        "            return Outcome.GONE\n",
        "            raise ZeroDivisionError\n",
    ),
    Mutant(
        "held job breaks the consumer",
        "the message of a job that another attempt holds makes the consumer fail",
        EXECUTION,
        "            return Outcome.HELD\n",
        "            raise ZeroDivisionError\n",
    ),
    Mutant(
        "job of later breaks the consumer",
        "a message that comes before its job's time makes the consumer fail",
        EXECUTION,
        "if job.is_due(at) else Outcome.NOT_DUE",
        "if job.is_due(at) else Outcome(0)",
    ),
    Mutant(
        "lost job breaks the consumer",
        "an attempt that lost its job makes the consumer fail",
        EXECUTION,
        "            return Outcome.SUPERSEDED\n",
        "            raise ZeroDivisionError\n",
    ),
    # The consumer.
    Mutant(
        "outage taken for done",
        "a message is let go although the store did not answer",
        CONSUMER,
        'logger.exception("store or queue is away", extra=log_fields)\n        return False',
        'logger.exception("store or queue is away", extra=log_fields)\n        return True',
        NO_SWEEP,
    ),
    Mutant(
        "failures told to a mapping that does not ask",
        "the mapping takes the answer for success and deletes the failed messages",
        CONSUMER,
        "        if failed and not self.partial_responses:\n",
        "        if failed and not self.partial_responses:\n"
        "            return batch_response(failed, messages, partial_responses=True)\n",
        NO_SWEEP,
    ),
    Mutant(
        "failed messages let go",
        "a function that failed on part of its batch returns as if it had not",
        CONSUMER,
        "        if failed and not self.partial_responses:\n",
        "        if failed and not self.partial_responses:\n            return None\n",
        NO_SWEEP,
    ),
    Mutant(
        "message deleted before the write",
        "the consumer deletes its messages first, and then begins to work",
        CONSUMER,
        "        whole_time = time_left()\n",
        "        whole_time = time_left()\n        self.queue.delete([each.receipt_handle for each in messages])\n",
        NO_SWEEP,
    ),
)

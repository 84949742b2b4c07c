"""Mistakes in what brings a job on: the sweep, its messages and dead letters."""

from tests.simulation.mutants.mutant import DEAD_LETTERS, DELIVERY, DISPATCH, DUE_ROWS, JOBS, SWEEPING, Mutant
from tests.simulation.plan import PROMPT

RESCUING = (
    # The sweep.
    Mutant(
        "lagging index breaks the sweep",
        "a job that the index shows and the table does not makes the sweep fail, and be put off for the longest time",
        SWEEPING,
        "            return False  # the index",
        "            raise ZeroDivisionError  # the index",
    ),
    Mutant(
        "one bad row stops the sweep",
        "a row that cannot be read keeps those behind it from being looked at",
        DUE_ROWS,
        "        except Exception:\n            # A row",
        "        except ZeroDivisionError:\n            # A row",
    ),
    Mutant(
        "one shard swept",
        "the sweep looks at the first shard only",
        DUE_ROWS,
        "((first + turn) % self.shards, None) for turn in range(self.shards)\n",
        "[(0, None)]\n",
    ),
    Mutant(
        "put off without sending",
        "the sweep puts its next look off and sends nothing",
        SWEEPING,
        "            self._queue.send(due.key, delay=decision.delay)\n",
        "",
    ),
    Mutant(
        "sweep fails due jobs",
        "the rescuer decides: what is due for long is failed instead of sent",
        SWEEPING,
        "        self._jobs.look_again(due, at=decision.again_at)\n",
        "        from chalicelib.domain.jobs import Act, JobError\n"
        '        act = Act(token="swept", at=decision.again_at, worker="sweep")\n'
        '        self._jobs.advance(job, job.failed(JobError(code="STUCK", detail="stuck"), act))\n',
    ),
    Mutant(
        "looked at once",
        "the sweep sends a job once, and never looks again",
        DELIVERY,
        "return Look(again_at=at + wait, delay=timedelta())",
        "return Look(again_at=at + timedelta(days=365), delay=timedelta())",
    ),
    Mutant(
        "held job forgotten",
        "the sweep finds a job held, and does not come back when its lease ends",
        DELIVERY,
        "return Look(again_at=due_since)",
        "return Look(again_at=due_since + timedelta(days=365))",
    ),
    Mutant(
        "late first look",
        "the sweep looks at a due job after 20 minutes instead of one",
        DELIVERY,
        "return max(run_at, at) + resend_after",
        "return max(run_at, at) + timedelta(minutes=20)",
        PROMPT,
    ),
    Mutant(
        "rare looks",
        "the sweep puts each next look off for the longest time",
        DELIVERY,
        "wait = min(max(at - due_since, resend_after), RESEND_AFTER_MAX)",
        "wait = RESEND_AFTER_MAX",
        PROMPT,
    ),
    # Messages.
    Mutant(
        "delayed job forgotten",
        "the sweep does not look at a job whose delay is longer than a message's",
        DELIVERY,
        "return run_at - SENT_AHEAD",
        "return run_at + timedelta(days=365)",
    ),
    Mutant(
        "delay over the queue's maximum",
        "a message is asked to wait longer than SQS lets it",
        DELIVERY,
        "if wait > MESSAGE_DELAY_MAX:",
        "if wait > timedelta(days=365):",
    ),
    Mutant(
        "delay forgotten",
        "the message of a job that is to wait is sent at once, and turned away",
        DISPATCH,
        "queue.send(job.key, delay=delay)",
        "queue.send(job.key)",
    ),
    Mutant(
        "send failure raised",
        "a caller is told that a job was not accepted which is stored",
        DISPATCH,
        'logger.exception("message not sent; the sweep will send it", extra={"job_id": job.key.job_id})',
        "raise",
    ),
    Mutant(
        "sending breaks",
        "sending the message of a row fails by a mistake of its own, which is logged and swallowed",
        DISPATCH,
        "        queue.send(job.key, delay=delay)\n",
        "        queue.send(job.key, delay=delay)\n        raise ZeroDivisionError\n",
    ),
    # Dead letters.
    Mutant(
        "letter fails a held job",
        "a dead letter fails a job while an attempt runs",
        DEAD_LETTERS,
        "return Burial.HELD if job.is_held(act.at) else self._failed(job, act)",
        "return self._failed(job, act)",
    ),
    Mutant(
        "letter fails a final job",
        "a dead letter fails a job that has ended",
        DEAD_LETTERS,
        "        if job.is_final:\n            return Burial.ALREADY_FINAL\n",
        "",
    ),
    Mutant(
        "neither a letter's age nor its job's time counts",
        "a dead letter fails any job that waits, be it for a later time or sent for a later attempt",
        DEAD_LETTERS,
        "        if job.status is JobStatus.PENDING and not job.is_due(act.at):\n"
        "            return Burial.NOT_DUE\n"
        "        if job.status is JobStatus.PENDING and sent_at < job.events[-1].at:\n"
        "            return Burial.STALE\n",
        "",
    ),
    Mutant(
        "old letter fails the job",
        "a letter that was sent before the job began to wait anew fails it all the same",
        DEAD_LETTERS,
        "        if job.status is JobStatus.PENDING and sent_at < job.events[-1].at:\n"
        "            return Burial.STALE\n",
        "",
    ),
    Mutant(
        "letter dropped",
        "a dead letter is deleted, and its job says nothing",
        DEAD_LETTERS,
        "            self._jobs.advance(job, failed)\n",
        "            pass\n",
    ),
    Mutant(
        "letter of a held job let go",
        "a dead letter is deleted while an attempt runs, which may die",
        DEAD_LETTERS,
        "return self is not Burial.HELD",
        "return True",
    ),
    Mutant(
        "letter ignores the attempt",
        "a dead letter fails its job as it is by then, be it ended or begun anew meanwhile",
        DEAD_LETTERS,
        "self._jobs.advance(job, failed)",
        "job = self._jobs.get(job.key) or job\n            self._jobs.advance(job, job.failed(DEAD_LETTERED, act))",
    ),
    Mutant(
        "letter never fails a lost attempt",
        "the letter of a job whose attempt died comes back for ever",
        DEAD_LETTERS,
        "return Burial.HELD if job.is_held(act.at) else",
        "return Burial.HELD if job.status is JobStatus.IN_PROGRESS else",
    ),
    Mutant(
        "redrive retries every failed job",
        "a redrive gives fresh attempts to jobs that their operation refused",
        JOBS,
        "return self.status is JobStatus.FAILED and self.error is not None and self.error.code in DEAD",
        "return self.status is JobStatus.FAILED",
    ),
    Mutant(
        "redriven without message",
        "a redrive gives jobs fresh attempts and sends no message",
        DEAD_LETTERS,
        "        dispatch(self._queue, waiting, at=act.at)\n",
        "",
    ),
)

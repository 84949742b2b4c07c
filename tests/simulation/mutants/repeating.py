"""Mistakes in submissions that are repeated under an idempotency key, and in batches."""

from tests.simulation.mutants.mutant import RECEIPTS, SUBMITTING, Mutant

ONCE = "        standing = self._submissions.add_once(jobs, receipt)\n"

REPEATING = (
    Mutant(
        "repetition ignored",
        "a repeated submission makes another job",
        SUBMITTING,
        ONCE,
        "        self._submissions.add(jobs)\n        standing = receipt\n",
    ),
    Mutant(
        "receipt before its jobs",
        "the receipt is written first and the jobs after it, so that it may name jobs that never come",
        SUBMITTING,
        ONCE,
        "        standing = self._submissions.add_once((), receipt)\n"
        "        if standing.token == receipt.token:\n"
        "            self._submissions.add(jobs)\n",
    ),
    Mutant(
        "receipt after its jobs",
        "the jobs are written first and the receipt after them, so that a repetition may not find it",
        SUBMITTING,
        ONCE,
        "        self._submissions.add(jobs)\n        standing = self._submissions.add_once((), receipt)\n",
    ),
    Mutant(
        "replay names its own jobs",
        "a repetition is answered with the ids that it would have made",
        SUBMITTING,
        "            return _replay(standing, receipt.fingerprint)\n",
        "            return Submitted(outcomes=receipt.outcomes, is_replay=True)\n",
    ),
    Mutant(
        "replay not told",
        "a repetition is answered as if it were the first",
        SUBMITTING,
        "        if standing.token != receipt.token:\n",
        "        if False:\n",
    ),
    Mutant(
        "key never forgotten",
        "an expired receipt that is still there is replayed",
        RECEIPTS,
        "        return self.expires_at <= at\n",
        "        return False\n",
    ),
    Mutant(
        "key forgotten at once",
        "a receipt is taken for expired while it counts",
        RECEIPTS,
        "        return self.expires_at <= at\n",
        "        return True\n",
    ),
    Mutant(
        "batch half written",
        "a batch is acknowledged of which only the first job is stored",
        SUBMITTING,
        "            self._submissions.add(jobs)\n",
        "            self._submissions.add(jobs[:1])\n",
    ),
    Mutant(
        "one message a batch",
        "of a batch, only the first job gets a message",
        SUBMITTING,
        "            dispatch_all(self._queue, jobs, at=act.at)\n",
        "            dispatch_all(self._queue, jobs[:1], at=act.at)\n",
    ),
)

"""Mistakes in counting how jobs ended."""

from tests.simulation.mutants.mutant import COUNT_STORE, COUNTING, JOB_ENDS, Mutant

COUNTING_ENDS = (
    Mutant(
        "ends counted that come again",
        "the ends of a batch are counted although some of its changes come again, and then are counted anew",
        COUNTING,
        "takewhile(lambda change: change.position != until, changes)",
        "changes",
    ),
    Mutant(
        "only the first count written",
        "of a batch whose jobs ended in several ways one is counted",
        COUNTING,
        "                uncounted -= addition.count.jobs\n",
        "                uncounted -= addition.count.jobs\n                return\n",
    ),
    Mutant(
        "ends counted when queued",
        "an end is counted in the five minutes in which its job was to run",
        JOB_ENDS,
        "Ending.of(job, job.finished_at)",
        "Ending.of(job, job.queued_at)",
    ),
    Mutant(
        "addition that counts twice",
        "an addition is tried again after a lost answer, and added again",
        COUNT_STORE,
        "        if self._last_batches.get(added.ending) == addition.batch:\n            return False\n",
        "",
    ),
)

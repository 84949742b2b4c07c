"""Mistakes in pausing: what begins all the same, and what of a job that waits is not left alone."""

from tests.simulation.mutants.mutant import EXECUTION, JOBS, KNOWN_PAUSES, Mutant

PAUSING = (
    Mutant(
        "paused operation begins",
        "a claim does not look at the operations that are paused",
        JOBS,
        "            and self.operation not in claim.paused_operations\n",
        "",
    ),
    Mutant(
        "paused owner begins",
        "a job whose owner's jobs are paused is claimed",
        EXECUTION,
        "        if key.owner_id in pauses.owners:\n            return Outcome.PAUSED\n",
        "",
    ),
    Mutant(
        "pauses remembered for ever",
        "a container reads the pauses once and goes by that as long as it lives",
        KNOWN_PAUSES,
        "if self._ask_again_at is None or at >= self._ask_again_at:",
        "if self._ask_again_at is None:",
    ),
    Mutant(
        "pauses remembered for long",
        "a container goes by what it read of the pauses for a minute",
        KNOWN_PAUSES,
        "REMEMBERED_FOR = timedelta(seconds=10)",
        "REMEMBERED_FOR = timedelta(seconds=60)",
    ),
    Mutant(
        "paused job taken for exhausted",
        "a claim that is refused because of a pause fails the job",
        EXECUTION,
        "        if job.operation in claim.paused_operations:\n            return Outcome.PAUSED\n",
        "        if job.operation in claim.paused_operations:\n            return self._exhausted(job)\n",
    ),
    Mutant(
        "paused job sent round and round",
        "a job whose claim is refused because of a pause is handed on, to be refused again at once",
        EXECUTION,
        "        if job.operation in claim.paused_operations:\n            return Outcome.PAUSED\n",
        "",
    ),
)

"""Mistakes in the calls of the API."""

from tests.simulation.mutants.mutant import ACCEPTANCE, JOB_CALLS, STORE, SUBMITTING, Mutant

CALLING = (
    # Calls of the API.
    Mutant(
        "message before row",
        "the message is sent first, and turned away when it comes before the row",
        SUBMITTING,
        "        self._jobs.add(job)\n        dispatch(self._queue, job, at=act.at)\n",
        "        dispatch(self._queue, job, at=act.at)\n        self._jobs.add(job)\n",
    ),
    Mutant(
        "accepted without row",
        "a job is acknowledged that is not stored",
        SUBMITTING,
        "        self._jobs.add(job)\n",
        "",
    ),
    Mutant(
        "submitted without look",
        "the sweep never looks at a new job",
        ACCEPTANCE,
        "            due_at=first_look(run_at, at=act.at, resend_after=self._limits.resend_after),\n",
        "            due_at=None,  # type: ignore\n",
    ),
    Mutant(
        "final job cancelled",
        "a job can be cancelled after it has ended",
        JOB_CALLS,
        "    if job.is_final:\n",
        "    if False:\n",
    ),
    Mutant(
        "waiting job retried by hand",
        "a job that has not ended can be given fresh attempts",
        JOB_CALLS,
        "if job.status not in RETRIABLE:",
        'if job.status == "SUCCESS":',
    ),
    Mutant(
        "lost race acknowledged",
        "a caller is told that a change was made which another write prevented",
        JOB_CALLS,
        "            self._jobs.advance(job, changed)\n",
        "            try:\n"
        "                self._jobs.advance(job, changed)\n"
        "            except ConcurrentUpdate:\n"
        "                pass\n",
    ),
    Mutant(
        "unfinished job deleted",
        "a job can be deleted before it has ended",
        JOB_CALLS,
        "            if not job.is_final:\n",
        "            if False:\n",
    ),
    Mutant(
        "any owner's job",
        "a job is found by its id alone",
        STORE,
        "    def get(self, key: JobKey) -> Job | None:\n"
        "        _answer_unless(self.away)\n"
        "        return self._jobs.get(key)\n",
        "    def get(self, key: JobKey) -> Job | None:\n"
        "        return next((job for job in self._jobs.values() if job.key.job_id == key.job_id), None)\n",
    ),
)

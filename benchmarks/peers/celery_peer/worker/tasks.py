"""The task that runs a job."""

from uuid import UUID

from sqlalchemy import create_engine

from benchmarks.peers.celery_peer.queue import queue
from benchmarks.peers.celery_peer.settings import DATABASE_URL
from benchmarks.peers.celery_peer.tables import claim, finish

# Connects with its first statement, so in the child that the pool forks, not in the worker itself.
engine = create_engine(DATABASE_URL, isolation_level="AUTOCOMMIT", pool_size=1)

OPERATIONS = {"square_sum": lambda data: sum(number * number for number in data)}


@queue.task
def run(job_id: str) -> None:
    """Run a job, unless another delivery of its message has begun it."""
    with engine.connect() as connection:
        row = connection.execute(claim(UUID(job_id))).one_or_none()
        if row is not None:
            connection.execute(finish(UUID(job_id), OPERATIONS[row.operation](row.data)))

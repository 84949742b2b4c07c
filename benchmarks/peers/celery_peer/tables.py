"""
The jobs table, and the statements on it.

Each write is one statement, so it needs no transaction around it: psycopg commits it by itself ("AUTOCOMMIT", as
SQLAlchemy's documentation calls it), which saves the peer two round trips. Whoever claims a job gets its input with the
same statement.
"""

from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    MetaData,
    Select,
    String,
    Table,
    Update,
    Uuid,
    func,
    insert,
    select,
    update,
)

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", String(36), nullable=False, index=True),
    Column("operation", String(64), nullable=False),
    Column("data", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("result", JSON),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
)

ADD = insert(jobs)


def claim(job_id: UUID) -> Update:
    """Return the statement that begins a job, unless it was begun, and gives its operation and data."""
    return (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status == "PENDING")
        .values(status="IN_PROGRESS", started_at=func.now())
        .returning(jobs.c.operation, jobs.c.data)
    )


def finish(job_id: UUID, result: int) -> Update:
    """Return the statement that ends a job which was begun."""
    return (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status == "IN_PROGRESS")
        .values(status="SUCCESS", result=result, finished_at=func.now())
    )


def of_owner(owner_id: str, job_id: UUID) -> Select[tuple[str, int | None]]:
    """Return the query for a job's status and result."""
    return select(jobs.c.status, jobs.c.result).where(jobs.c.id == job_id, jobs.c.owner_id == owner_id)

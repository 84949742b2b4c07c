"""
The API.

Of the ways that FastAPI's documentation has, the cheapest. The token is checked in an ``async def`` dependency, which
waits for nothing; the endpoint is a ``def``, which FastAPI runs in a thread, with psycopg's and redis-py's blocking
clients. All of it ``async``, with SQLAlchemy's asyncio and redis.asyncio, took about as much processor time, and that
only with Celery's publishing, which blocks, in the event loop where it should not be; with that in a thread, more.
"""

from typing import Annotated, Literal
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from redis import Redis
from sqlalchemy import create_engine

from benchmarks.peers.celery_peer.settings import DATABASE_URL, ISSUER, REDIS_URL, SUBMITS_PER_MINUTE, TOKEN_SECRET
from benchmarks.peers.celery_peer.tables import ADD, of_owner
from benchmarks.peers.celery_peer.worker.tasks import run

COUNT = """
local taken = redis.call('INCR', KEYS[1])
if taken == 1 then redis.call('EXPIRE', KEYS[1], 60) end
return taken
"""
"""A fixed window, in one step: a cheaper limit than the product's, of which no window of any beginning has more."""

engine = create_engine(DATABASE_URL, isolation_level="AUTOCOMMIT")
count = Redis.from_url(REDIS_URL).register_script(COUNT)
bearer = HTTPBearer()
app = FastAPI()


class NewJob(BaseModel):
    """What is submitted."""

    model_config = ConfigDict(extra="forbid")
    operation: Literal["square_sum"]
    data: list[int]


class AcceptedJob(BaseModel):
    """The answer to it."""

    job_id: UUID
    status: Literal["PENDING"] = "PENDING"


class JobResult(BaseModel):
    """How a job stands."""

    status: str
    result: int | None


async def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    """Return the user of the token."""
    try:
        claims = jwt.decode(
            credentials.credentials,
            TOKEN_SECRET,
            algorithms=["HS256"],
            issuer=ISSUER,
            audience=ISSUER,
            options={"require": ["exp", "iat", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, "the token does not hold") from error
    return claims["sub"]


@app.post("/jobs", status_code=202)
def submit(job: NewJob, owner: Annotated[str, Depends(caller)]) -> AcceptedJob:
    """Accept a job: count it, store it, enqueue it."""
    if count(keys=[f"submit:{owner}"]) > SUBMITS_PER_MINUTE:
        raise HTTPException(429, "too many jobs in a minute")
    job_id = uuid4()
    row = {"id": job_id, "owner_id": owner, "operation": job.operation, "data": job.data, "status": "PENDING"}
    with engine.connect() as connection:
        connection.execute(ADD, row)
    run.delay(str(job_id))
    return AcceptedJob(job_id=job_id)


@app.get("/jobs/{job_id}")
def result(job_id: UUID, owner: Annotated[str, Depends(caller)]) -> JobResult:
    """Tell how a job stands."""
    with engine.connect() as connection:
        row = connection.execute(of_owner(owner, job_id)).one_or_none()
    if row is None:
        raise HTTPException(404, "there is no such job")
    return JobResult(status=row.status, result=row.result)

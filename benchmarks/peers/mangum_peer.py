"""FastAPI behind Mangum. Its consumer is `bare_consumer`."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from mangum import Mangum
from pydantic import BaseModel

from benchmarks.peers import job_queue, job_table
from benchmarks.peers.operations import OPERATIONS
from benchmarks.peers.tokens import NotAuthenticated, owner_of

web = FastAPI()


class JobRequest(BaseModel):
    """What a client asks for."""

    operation: str
    data: list[int | float]


def owner(authorization: Annotated[str, Header()] = "") -> str:
    """Tell whose the request is."""
    try:
        return owner_of(authorization)
    except NotAuthenticated:
        raise HTTPException(401, "log in") from None


@web.get("/health")
def health() -> dict[str, str]:
    """Answer, which is all."""
    return {"status": "ok"}


@web.post("/jobs", status_code=202)
def submit(request: JobRequest, owner_id: Annotated[str, Depends(owner)]) -> dict[str, str]:
    """Take a job."""
    if request.operation not in OPERATIONS:
        raise HTTPException(400, "there is no such operation")
    if not job_table.is_within_limit(owner_id):
        raise HTTPException(429, "try again in a minute")
    job_id = job_table.put(owner_id, request.operation, request.data)
    job_queue.send(owner_id, job_id)
    return {"job_id": job_id, "status": "PENDING"}


_adapter = Mangum(web, lifespan="off")


def api(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own
    """Answer one request of API Gateway."""
    answer: dict[str, Any] = _adapter(event, context)
    return answer

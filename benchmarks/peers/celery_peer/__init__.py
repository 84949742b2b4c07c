"""
FastAPI, SQLAlchemy, Celery, Redis and PostgreSQL, doing what the product does for a job.

``POST /jobs``: check the token, count against the user's limit, insert the row, enqueue the task. The worker: set
IN_PROGRESS, compute, set SUCCESS with the result, then acknowledge. Wherever there was a choice, it is the one that
costs the peer least and that its documentation knows: statements of SQLAlchemy's Core rather than objects of its ORM,
one statement for each write without a transaction around it, no access log, no result backend, no events.
"""

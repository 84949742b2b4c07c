"""Where the servers are, and what the API needs to know; from the environment, as of both processes."""

import os

DATABASE_URL = os.environ["DATABASE_URL"]
REDIS_URL = os.environ["REDIS_URL"]
TOKEN_SECRET = os.environ["TOKEN_SECRET"]
SUBMITS_PER_MINUTE = int(os.environ["SUBMITS_PER_MINUTE"])
ISSUER = "celery-peer"

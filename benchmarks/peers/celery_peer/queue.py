"""
The Celery application, as the API and the worker share it.

After Celery's guide "Optimizing" and its notes on Redis: JSON, no results, acknowledged late, more than one message
fetched ahead as tasks are short. Nothing listens to events or remote control, so neither is sent. As the product's, a
job is killed after a minute. Fetching 4 or 64 ahead, no time limit, and redis-py with hiredis were tried, and cost the
same within what a shared machine can tell.
"""

from celery import Celery

from benchmarks.peers.celery_peer.settings import REDIS_URL

queue = Celery("celery_peer", broker=REDIS_URL, include=["benchmarks.peers.celery_peer.worker.tasks"])
queue.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=60,
    worker_prefetch_multiplier=16,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)

"""A Celery worker that is told to stop tells the tasks that it runs.

Celery waits for them and tells them nothing; when the time for a stop is over, they are killed with all that only they
know. The workers import this by Celery's setting `imports` (in `docker-compose.yaml`).
"""

import contextlib

import psutil
from celery.signals import worker_shutting_down


@worker_shutting_down.connect
def tell_tasks(**_: object) -> None:
    """Send SIGTERM to the tasks: children of Airflow's supervisors, which are the processes of Celery's pool."""
    for supervisor in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            for task in supervisor.children():
                task.terminate()

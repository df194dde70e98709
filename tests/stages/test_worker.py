"""A Celery worker that is told to stop: its tasks hear of it, and Airflow's supervisors live on to report their end."""

import subprocess
import sys

# As in a worker: it forks the processes of its pool, and each of them forks the task that it supervises.
WORKER = """
import os, signal, sys
from celery.signals import worker_shutting_down
import include.stages.worker

ready, told = os.pipe()
pool = os.fork()
if pool == 0:
    task = os.fork()
    if task == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
        os.write(told, b"x")
        signal.pause()
    os._exit(os.waitstatus_to_exitcode(os.waitpid(task, 0)[1]))
os.read(ready, 1)
worker_shutting_down.send(sender="worker", sig="TERM", how="Warm", exitcode=0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pool, 0)[1]))
"""


def test_a_worker_that_is_told_to_stop_tells_its_tasks() -> None:
    assert subprocess.run([sys.executable, "-c", WORKER], timeout=300, check=False).returncode == 7
